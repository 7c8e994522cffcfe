"""The `tiny` model: a decoder of about a million random weights and a tokenizer of its own, built in seconds.

It knows nothing; `warmup` teaches it the worked examples of `letter_count`, and RL makes it right. It is a plain Llama
architecture, so vLLM and DeepSpeed treat it like any other model. The output head is untied on purpose: a tied one
takes another path through weight swaps. Head size 32 is the smallest that vLLM's CPU attention has.

The tokenizer is a byte-level BPE trained on a synthetic corpus in which letters are spaced and numbers are small:
each is one token, bare or with the space before it. The Seed-OSS tags are single special tokens.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import string
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rl.data.letter_count import LetterCountOptions, letter_counts

VOCABULARY = 512
CONTEXT_TOKENS = 4096
CONFIG: Mapping[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "max_position_embeddings": CONTEXT_TOKENS,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "initializer_range": 0.08,
}
"""The decoder, as in a Llama config.json."""

BOS, EOS, PAD = "<seed:bos>", "<seed:eos>", "<seed:pad>"
TAGS = ("<seed:think>", "</seed:think>", "<seed:cot_budget_reflect>", "</seed:cot_budget_reflect>")
SPECIAL_TOKENS = (BOS, EOS, PAD, *TAGS)

_SPLIT = r" ?\\boxed\{| ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
"""Pre-tokenizer: words, numbers of up to three digits, the opening of a boxed answer, punctuation, blanks."""
_SEED = 20250


def chat_template() -> str:
    """The jinja chat template (turns and thinking budget)."""
    return Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")


def corpus() -> list[str]:
    """The text that the tokenizer is trained on; the same on every machine."""
    rng = random.Random(_SEED)
    problems = itertools.islice(letter_counts(_SEED, LetterCountOptions()), 300)
    lines = [f"{problem.question}\n{problem.work()}" for problem in problems]
    lines += [" ".join(["", *rng.sample(string.ascii_lowercase, 26)]) for _ in range(100)]
    lines += [" ".join(["", *(str(n) for n in rng.sample(range(100), 100))]) for _ in range(10)]
    lines += [",".join(str(n) for n in range(25)) for _ in range(50)]
    lines += ["user\n", "assistant\n", "system\n"] * 100
    for budget, interval in ((512, 128), (1024, 256), (2048, 512), (4096, 512)):
        used = interval + rng.randrange(1, 12)
        lines += [
            f"Your thinking budget is {budget} tokens: finish thinking within it, then answer the question. "
            f"Reflect after every {interval} tokens of thinking: state how many tokens are used and how many are left.",
            "Your thinking budget is 0: answer the question directly, without any thinking before it.",
            f"I have used {used} tokens, and there are {budget - used} tokens remaining for use.",
            "I have exhausted my token budget, and now I will start answering the question.",
        ] * 25
    return lines


def fingerprint() -> str:
    """Hash of all that decides the built folder: it is the cache key."""
    parts = [json.dumps(CONFIG, sort_keys=True), chat_template(), _SPLIT, *SPECIAL_TOKENS, *corpus()]
    parts += [f"{package}={version(package)}" for package in ("torch", "transformers", "tokenizers")]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]


def build_tiny(folder: Path) -> None:
    """Write the untrained model and its tokenizer into the existing `folder`, as `save_pretrained` does."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise AssertionError(f"the corpus gives {tokenizer.get_vocab_size()} tokens, the model has {VOCABULARY}")
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        additional_special_tokens=list(TAGS),
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    fast.chat_template = chat_template()
    fast.save_pretrained(folder)

    ids: dict[str, Any] = {
        "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id,
        "pad_token_id": fast.pad_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        model = LlamaForCausalLM(LlamaConfig(**CONFIG, **ids, dtype="float32"))  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
