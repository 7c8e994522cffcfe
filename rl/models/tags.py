"""A model whose tokenizer has a token of its own for each tag of a thinking protocol.

Where tags are missing a copy of the model gets them, as special tokens, with embeddings that begin as the mean of the
pieces that spelt the tag before. What they mean is for a warm-up to teach. Copies are cached like built models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rl.models.cache import build_once, cache_folder
from rl.models.resolve import ResolvedModel, count_parameters
from verifiers.thinking.tokens import TokenizerLike, own_token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def with_tags(
    model: ResolvedModel, tags: Sequence[str], *, trust_remote_code: bool = False, cache: Path | None = None
) -> ResolvedModel:
    """The model itself where each tag is one token, else a copy with those that were missing.

    Args:
        tags: texts that are to be single tokens.
        cache: folder for the copy; default `cache_folder()`.

    Raises:
        PonderError: the cache cannot be written.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model.tokenizer_path, trust_remote_code=trust_remote_code)
    missing = [tag for tag in tags if own_token(tag, cast(TokenizerLike, tokenizer)) is None]
    if not missing:
        return model
    digest = hashlib.sha256("\x00".join(missing).encode() + model.digest() + Path(__file__).read_bytes())
    name = f"{Path(model.name).name}-tags-{digest.hexdigest()[:16]}"
    target = (cache or cache_folder()) / "models" / name
    build_once(target, lambda folder: _add(model, tokenizer, missing, folder, trust_remote_code))
    return ResolvedModel(target, model.name, target, count_parameters(target), f"tags added: {', '.join(missing)}")


def _add(
    model: ResolvedModel,
    tokenizer: PreTrainedTokenizerBase,
    missing: Sequence[str],
    folder: Path,
    trust_remote_code: bool,
) -> None:
    """Save the copy."""
    import torch
    from transformers import AddedToken, AutoModelForCausalLM

    pieces = [tokenizer.encode(tag, add_special_tokens=False) for tag in missing]
    tokenizer.add_tokens([AddedToken(tag, special=True, normalized=False) for tag in missing], special_tokens=True)
    network: Any = AutoModelForCausalLM.from_pretrained(model.path, dtype="auto", trust_remote_code=trust_remote_code)
    if len(tokenizer) > len(network.get_input_embeddings().weight):  # else rows that nothing used are there
        network.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    tables = [network.get_input_embeddings().weight]
    if not network.config.tie_word_embeddings:
        tables.append(network.get_output_embeddings().weight)
    with torch.no_grad():
        for table in tables:
            for tag, spelt in zip(missing, pieces, strict=True):
                table[tokenizer.convert_tokens_to_ids(tag)] = table[spelt].mean(dim=0)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
