"""A thinking protocol bound to a tokenizer: its tags as token ids, and text to ids and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Protocol

from verifiers.thinking.format import ThinkingFormat

_BYTES = 256


class TokenizerLike(Protocol):
    """What is needed of a tokenizer; those of `transformers` have it."""

    def convert_tokens_to_ids(self, tokens: str) -> int | None:
        """The id of one token; None, or that of the unknown token, where there is none."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """Text -> ids."""

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Ids -> text."""


class Tag(Enum):
    """The four tags of a protocol, in the order of `ThinkingFormat.tags`."""

    THINK = 0
    THINK_END = 1
    REFLECT = 2
    REFLECT_END = 3


@dataclass(frozen=True)
class ThinkingTokens:
    """A protocol in the ids of one tokenizer; made by `bind`."""

    format: ThinkingFormat
    tags: tuple[tuple[int, ...], ...]
    """The ids of each tag, by `Tag.value`: one id where the tag is a token of its own."""
    encode: Callable[[str], list[int]]
    """Text without tags -> ids."""
    decode: Callable[[Sequence[int]], str]
    """Ids -> text, special tokens kept."""

    def find_tags(self, ids: Sequence[int]) -> Iterator[tuple[Tag, int, int]]:
        """Every tag in `ids`: (tag, its first place, the place after it)."""
        after = 0
        for place, one in enumerate(ids):
            if place < after:
                continue
            for sequence, tag in self._by_first.get(one, ()):
                if tuple(ids[place : place + len(sequence)]) == sequence:
                    after = place + len(sequence)
                    yield tag, place, after
                    break

    def encode_response(self, text: str) -> list[int]:
        """A response's text -> ids, its tags as tags.

        Not what a model sampled to write that text: where the pieces of a text can be cut in several ways, so can the
        count of its tokens differ.
        """
        ids: list[int] = []
        for piece in self._tag_texts.split(text):
            tag = self._by_text.get(piece)
            ids += self.encode(piece) if tag is None else tag
        return ids

    def reflection(self, text: str) -> list[int]:
        """The ids of a reflection with this text, its tags included."""
        return [*self.tags[Tag.REFLECT.value], *self.encode(text), *self.tags[Tag.REFLECT_END.value]]

    @cached_property
    def _by_first(self) -> dict[int, list[tuple[tuple[int, ...], Tag]]]:
        found: dict[int, list[tuple[tuple[int, ...], Tag]]] = {}
        for tag in sorted(Tag, key=lambda one: -len(self.tags[one.value])):  # where one begins another: the longest
            ids = self.tags[tag.value]
            found.setdefault(ids[0], []).append((ids, tag))
        return found

    @cached_property
    def _by_text(self) -> dict[str, tuple[int, ...]]:
        return dict(zip(self.format.tags, self.tags, strict=True))

    @cached_property
    def _tag_texts(self) -> re.Pattern[str]:
        return re.compile("(" + "|".join(map(re.escape, sorted(self.format.tags, key=len, reverse=True))) + ")")


def bind(thinking: ThinkingFormat, tokenizer: TokenizerLike) -> ThinkingTokens:
    """A protocol in the ids of a tokenizer.

    A tag that is no token of its own becomes the ids that spell it; only just these ids then count as the tag.

    Raises:
        ValueError: a tag cannot be told from another one, or from nothing, in this tokenizer.
    """

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    def decode(ids: Sequence[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False)

    def ids_of(tag: str) -> tuple[int, ...]:
        one = own_token(tag, tokenizer)
        return tuple(encode(tag)) if one is None else (one,)

    tags = tuple(ids_of(tag) for tag in thinking.tags)
    for tag, ids in zip(thinking.tags, tags, strict=True):
        if not ids or tags.count(ids) > 1:
            raise ValueError(
                f"this tokenizer writes the tag {tag} as the ids {list(ids)}, which says nothing or another tag too. "
                "Ways out: (1) add the tag to the tokenizer as a special token; (2) choose tags that it can spell"
            )
    return ThinkingTokens(thinking, tags, encode, decode)


def own_token(tag: str, tokenizer: TokenizerLike) -> int | None:
    """The id of the token that is the tag; None where the tokenizer has none."""
    one = tokenizer.convert_tokens_to_ids(tag)
    # Where the token is not there, some tokenizers give the id of the unknown one.
    known = one is not None and tokenizer.decode([one], skip_special_tokens=False).strip() == tag
    return one if known else None


class ByteTokenizer:
    """One token for each byte of UTF-8, and one for each tag: counts without a model's tokenizer."""

    def __init__(self, tags: Sequence[str]) -> None:
        """`tags` become the ids from 256 on."""
        self._tags = tuple(tags)

    def convert_tokens_to_ids(self, tokens: str) -> int | None:
        """The id of a tag; None for anything else."""
        return _BYTES + self._tags.index(tokens) if tokens in self._tags else None

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        """The bytes; lone surrogates, which UTF-8 does not have, as three bytes each."""
        return list(text.encode("utf-8", "surrogatepass"))

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """The text; bytes that are none as the replacement character."""
        pieces = [
            bytes([one]) if one < _BYTES else b"" if skip_special_tokens else self._tags[one - _BYTES].encode()
            for one in token_ids
        ]
        return b"".join(pieces).decode("utf-8", "replace")
