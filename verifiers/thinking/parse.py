"""Reads a response on its token ids: where it thinks, what it says of its budget, and what is malformed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum

from verifiers.thinking.format import Opened
from verifiers.thinking.tokens import Tag, ThinkingTokens
from verifiers.thinking.trace import Fault, Kind, Reflection, Trace

FREE_BLANKS = 4
"""Blanks in or after a line that is not paid for out of the budget, up to which they are no thinking."""


def parse(
    ids: Sequence[int],
    tokens: ThinkingTokens,
    *,
    opened: Opened = Opened.NOTHING,
    forced: Collection[int] = (),
) -> Trace:
    """Take a response apart.

    Args:
        ids: the response's token ids, as they were sampled.
        tokens: the protocol in the tokenizer of these ids.
        opened: what the prompt had opened where the response begins (`ThinkingFormat.opened`).
        forced: places of tokens that the engine put in. They count as used, and are not the model's own.
    """
    reader = _Reader(list(ids), tokens, opened, frozenset(forced))
    for tag, start, end in tokens.find_tags(reader.ids):
        reader.take_text(start)
        reader.take_tag(tag, start, end)
    return reader.finish()


class _State(Enum):
    BEFORE = 0
    THINKING = 1
    REFLECTING = 2
    ANSWERING = 3


_STATES = {
    Opened.NOTHING: _State.BEFORE,
    Opened.THINKING: _State.THINKING,
    Opened.REFLECTION: _State.REFLECTING,
}


class _Reader:
    """What is known of a response up to the last tag."""

    def __init__(self, ids: list[int], tokens: ThinkingTokens, opened: Opened, forced: frozenset[int]) -> None:
        self.ids = ids
        self._tokens, self._forced = tokens, forced
        self._state = _STATES[opened]
        self._at = 0  # the place up to which all is read
        self._first = 0  # of the thinking
        self._last: int | None = None
        self._answer = len(ids)
        self._open = 0  # the tag of the reflection that is being read
        self._said: list[str] = []  # in that reflection
        self._nested = self._exhausted = self._cut = self._worded = False
        self._plain = 0
        self._reflections: list[Reflection] = []
        self._faults: list[tuple[Fault, int]] = []

    def take_text(self, end: int) -> None:
        """Read what stands before a tag, or the end of the response."""
        start, self._at = self._at, end
        if start >= end:
            return
        text = self._tokens.decode(self.ids[start:end])
        lower = text.lower()
        if any(tag.lower() in lower for tag in self._tokens.format.tags):
            self._fault(Fault.TYPED_TAG, start)
        if self._state is _State.REFLECTING:
            self._said.append(text)
            return
        if self._tokens.format.quotes(text):
            self._fault(Fault.BARE_SENTENCE, start)
        if self._state is _State.THINKING:
            self._plain += sum(place not in self._forced for place in range(start, end))
            self._worded = self._worded or any(map(str.isalnum, text))
            if self._exhausted and (text.strip() or end - start > FREE_BLANKS):  # blanks are tokens to think with too
                self._fault(Fault.AFTER_EXHAUSTED, start)
        elif self._state is _State.BEFORE:
            # Held back until it is known whether any thinking follows.
            self._said.append(text)

    def take_tag(self, tag: Tag, start: int, end: int) -> None:
        self._at = end
        match tag:
            case Tag.THINK:
                self._open_thinking(start, end)
            case Tag.THINK_END:
                self._close_thinking(start, end)
            case Tag.REFLECT:
                self._open_reflection(start)
            case Tag.REFLECT_END:
                self._close_reflection(start, end)

    def finish(self) -> Trace:
        size = len(self.ids)
        self.take_text(size)
        match self._state:
            case _State.BEFORE:
                self._fault(Fault.NO_THINKING, 0)
                return Trace(None, (0, size), (), tuple(self._faults), 0, cut=False)
            case _State.REFLECTING:
                self._fault(Fault.UNCLOSED_REFLECTION, self._open)
                self._fault(Fault.UNCLOSED, size)
            case _State.THINKING:
                self._fault(Fault.UNCLOSED, size)
            case _State.ANSWERING:
                pass
        thinking = (self._first, size if self._last is None else self._last)
        plain = self._plain if self._worded else 0
        return Trace(
            thinking, (self._answer, size), tuple(self._reflections), tuple(self._faults), plain, cut=self._cut
        )

    def _open_thinking(self, start: int, end: int) -> None:
        match self._state:
            case _State.BEFORE:
                if "".join(self._said).strip():
                    self._fault(Fault.TEXT_BEFORE, 0)
                self._said.clear()
                self._first, self._state = end, _State.THINKING
            case _State.THINKING | _State.REFLECTING:
                self._fault(Fault.NESTED_THINKING, start)
            case _State.ANSWERING:
                self._fault(Fault.REOPENED, start)

    def _close_thinking(self, start: int, end: int) -> None:
        if self._state is _State.ANSWERING:
            self._fault(Fault.CLOSED_TWICE, start)
            return
        if self._state is _State.BEFORE:
            self._fault(Fault.UNOPENED, start)
        if self._state is _State.REFLECTING:
            self._fault(Fault.UNCLOSED_REFLECTION, self._open)
        self._last, self._answer, self._state = start, end, _State.ANSWERING
        self._cut = not self._forced.isdisjoint(range(start, end))

    def _open_reflection(self, start: int) -> None:
        match self._state:
            case _State.THINKING:
                self._open, self._nested, self._state = start, False, _State.REFLECTING
                self._said.clear()
            case _State.REFLECTING:
                self._nested = True
                self._fault(Fault.NESTED_REFLECTION, start)
            case _State.BEFORE | _State.ANSWERING:
                self._fault(Fault.TAG_OUTSIDE, start)

    def _close_reflection(self, start: int, end: int) -> None:
        match self._state:
            case _State.REFLECTING:
                self._state = _State.THINKING
                self._reflections.append(self._read(self._open, end))
            case _State.THINKING:
                self._fault(Fault.STRAY_END, start)
            case _State.BEFORE | _State.ANSWERING:
                self._fault(Fault.TAG_OUTSIDE, start)

    def _read(self, start: int, end: int) -> Reflection:
        """The reflection that was just closed."""
        text = "".join(self._said)
        said = text.strip()
        words, claim, kind = self._tokens.format, None, Kind.OTHER
        if not self._nested:
            claim = words.read(said)
            known = {words.exhausted.strip(): Kind.EXHAUSTED, words.direct.strip(): Kind.DIRECT}
            if claim is not None:
                kind = Kind.USED
            elif len(text) - len(said) <= FREE_BLANKS:  # these lines are free: no room to think in
                kind = known.get(said, Kind.OTHER)
        if kind is Kind.OTHER:
            self._fault(Fault.UNREADABLE, start)
        if self._exhausted:
            self._fault(Fault.AFTER_EXHAUSTED, start)
        self._exhausted = self._exhausted or kind is Kind.EXHAUSTED
        used, remaining = claim if claim is not None else (None, None)
        own = self._forced.isdisjoint(range(start, end))
        return Reflection(kind, start, end, start - self._first, used, remaining, own)

    def _fault(self, fault: Fault, place: int) -> None:
        self._faults.append((fault, place))
