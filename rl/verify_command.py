"""What `ponder verify` prints: a verdict on one answer, for people who debug a reward."""

from __future__ import annotations

from collections.abc import Iterator

from verifiers.math import MathVerdict, Outcome, extract_answer
from verifiers.thinking import after_thinking

_WAYS_OUT = {
    Outcome.UNPARSEABLE_GOLD: "The reference is empty or its brackets do not match: mend the data.",
    Outcome.HEDGED: "Different answers stand side by side; none of them counts.",
    Outcome.TIMEOUT: "The comparison took longer than the deadline (--timeout), and the answer is not paid.",
    Outcome.TOO_LARGE: "Its numbers are too large to evaluate, and the answer is not paid.",
}
_FOUND = {
    "boxed": "the last box after the thinking",
    "stated": 'after "answer is" or "Answer:"',
    "####": 'after "####"',
    "formula": "the formula at the end",
    "bare": "the whole response, a short line",
}


def describe_verdict(gold: str, response: str, verdict: MathVerdict) -> Iterator[str]:
    """Lines that say how a verdict came about."""
    found = extract_answer(response)
    yield f"verdict       {verdict.outcome}"
    yield f"reference     {_short(gold)}"
    yield f"  normalised  {_short(verdict.gold)}"
    if found.answer is None:
        yield f"answer        none: {_why_none(response)}"
        return
    yield f"answer        {_short(found.answer)}"
    yield f"  found       {_FOUND.get(found.rule, found.rule)}"
    if found.hedged:
        yield f"  beside      {' | '.join(_short(answer) for answer in found.alternatives)}"
    yield f"  normalised  {_short(verdict.answer or '')}"
    yield f"decided by    {verdict.rule}"
    if verdict.outcome in _WAYS_OUT:
        yield _WAYS_OUT[verdict.outcome]


def _why_none(response: str) -> str:
    text = after_thinking(response)
    if not text.strip():
        return "the response is empty" if not response.strip() else "nothing comes after the thinking, or it never ends"
    if "boxed" in text or "fbox" in text:
        return "the last box is empty, never closed, or only supposed or denied"
    return 'no box, no "answer is", no "####", no formula at the end, and it is more than a bare answer'


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:150]} ... ({len(text)} characters)"
