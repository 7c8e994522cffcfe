"""The tokenizer of a model inside a reward worker: read once from its file, without torch or transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_FILE = "tokenizer.json"


class FileTokenizer:
    """A `tokenizer.json` as `verifiers.thinking.tokens.TokenizerLike`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Wrap a tokenizer of the library `tokenizers`."""
        self._tokenizer = tokenizer

    def convert_tokens_to_ids(self, tokens: str) -> int | None:
        """The id of one token; None where there is none."""
        found: int | None = self._tokenizer.token_to_id(tokens)
        return found

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Text -> ids; lone surrogates, which no tokenizer takes, as question marks."""
        clean = text.encode("utf-8", "replace").decode("utf-8")
        return list(self._tokenizer.encode(clean, add_special_tokens=add_special_tokens).ids)

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Ids -> text."""
        return str(self._tokenizer.decode(list(token_ids), skip_special_tokens=skip_special_tokens))


@lru_cache(maxsize=8)
def load_tokenizer(place: str) -> FileTokenizer:
    """The tokenizer of a model's folder, or of a `tokenizer.json`.

    Raises:
        ValueError: there is no such file, or it is none of the library `tokenizers`; with the ways out.
    """
    from tokenizers import Tokenizer

    path = Path(place).expanduser()
    file = path / _FILE if path.is_dir() else path
    if not file.is_file():
        raise ValueError(
            f"tokenizer={place!r}: there is no {file}. Ways out: (1) give the model's folder, with the {_FILE} in it; "
            f"(2) make one: AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)"
        )
    try:
        return FileTokenizer(Tokenizer.from_file(str(file)))
    except Exception as error:  # the library raises the bare class
        raise ValueError(f"tokenizer={place!r}: {file} is not a tokenizer that `tokenizers` reads: {error}") from error
