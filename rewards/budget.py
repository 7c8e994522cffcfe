"""How well a response keeps to its thinking budget, in parts that can be checked exactly.

Every part is a number from 0 to 1, or None where there is nothing to check. A reflection is due at each multiple of the
interval; what is said of reflections is counted over those that are due together with those that were written, so
neither leaving them out nor repeating them can pay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifiers.thinking.format import Opened, ThinkingFormat
from verifiers.thinking.parse import FREE_BLANKS
from verifiers.thinking.trace import Fault, Kind, Reflection, Trace

_LIGHT_FAULT = 0.5
"""What one fault leaves of the value, where the fault is not grave."""
_FULL = 1 - 1e-9
_NO_PARTS_OF_IT = ("used", "whole")
"""Beside the protocol's parts in a score: how much was thought, and whether all of it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """How far off is still right, and how far off is worth nothing. Shares are of the interval or the budget."""

    claim: float
    """Of the interval, up to which a claimed number of used tokens is true."""
    miss: float
    """Of the interval, from which a claim, or the place of a reflection, is worth nothing."""
    overshoot: float
    """Of the budget, by which thinking beyond it is worth nothing."""
    min_thinking_tokens: int
    """The model's own tokens outside reflections, from which on thinking counts as some; never more than the budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """The parts. `form` and `floor` are factors of all the others."""

    form: float
    """1 where the protocol is kept; half of it for each light fault, 0 for a grave one."""
    floor: float = 1.0
    """Share of the tokens that were to be thought at least, at most 1."""
    within: float | None = None
    """The thinking stayed within its budget, to the end of a sentence; 0 where the engine had to end it."""
    claims: float | None = None
    """The claimed numbers of used tokens are true."""
    arithmetic: float | None = None
    """Used and remaining tokens make up the budget, and the used ones rise."""
    cadence: float | None = None
    """There is a reflection at each multiple of the interval, and no other one."""
    closing: float | None = None
    """The line that the budget is exhausted stands there if and only if the budget ended the thinking."""
    direct: float | None = None
    """At budget 0: nothing is thought."""
    used: float | None = None
    """Share of the budget that was thought, at most 1. The protocol does not ask for it."""


def complies(parts: Mapping[str, float]) -> bool:
    """Every part of the protocol is met in full; using the budget up is none."""
    return all(part >= _FULL for name, part in parts.items() if name not in _NO_PARTS_OF_IT)


def comply(trace: Trace, budget: int | None, words: ThinkingFormat, tolerances: Tolerances) -> Compliance:
    """The parts of a response's compliance.

    Args:
        trace: the parsed response.
        budget: thinking budget in tokens; None or below 0 is unlimited.
        words: the protocol.
        tolerances: how exact it must be.
    """
    if budget == 0:
        return _direct(trace, words)
    own = [reflection for reflection in trace.reflections if reflection.own]
    form, least = _form([fault for fault, _ in trace.faults]), tolerances.min_thinking_tokens
    if budget is None or budget < 0:
        return Compliance(form=form, floor=_share(trace.plain, least), cadence=float(not own))
    interval = words.interval(budget)
    placed, count = _placed(trace, budget, words, tolerances.miss * interval)
    beyond = max(trace.used - budget - words.max_overshoot, 0) / (tolerances.overshoot * budget)
    claims = arithmetic = cadence = None
    if count:
        before = _claimed_before(own)
        claims = sum(_true(one, interval, tolerances) for one, _ in placed) / count
        arithmetic = sum(_adds_up(one, budget, before[one]) for one, _ in placed) / count
        cadence = sum(quality for _, quality in placed) / count
    return Compliance(
        form=form,
        floor=_share(trace.plain, min(least, budget)),
        within=0.0 if trace.cut else max(1.0 - beyond, 0.0),
        claims=claims,
        arithmetic=arithmetic,
        cadence=cadence,
        closing=float(_closes(trace, budget, words)),
        used=min(trace.used / budget, 1.0),
    )


def _share(thought: int, least: int) -> float:
    return min(thought / least, 1.0) if least else 1.0


def _form(faults: Sequence[Fault]) -> float:
    return 0.0 if any(fault.grave for fault in faults) else _LIGHT_FAULT ** len(faults)


def _direct(trace: Trace, words: ThinkingFormat) -> Compliance:
    """At budget 0 the thinking holds the one sentence that says so; where no prompt opens it, it may be missing."""
    faults = [fault for fault, _ in trace.faults]
    if trace.thinking is None and words.direct_prompt_opens is Opened.NOTHING:
        return Compliance(form=_form([one for one in faults if one is not Fault.NO_THINKING]), direct=1.0)
    lines = [one for one in trace.reflections if one.kind is Kind.DIRECT and one.own]
    said = lines[0].end - lines[0].start if lines else 0
    # All of the thinking, whatever it is made of: a reflection that is never closed, or blanks alone, are thinking too.
    thought = trace.total - said
    if Fault.TEXT_BEFORE in faults and trace.thinking is not None:
        thought += trace.thinking[0]
    if trace.plain == 0:  # no word stands beside the sentence
        thought = max(thought - FREE_BLANKS, 0)
    return Compliance(form=_form(faults), direct=max(1.0 - thought / words.shortest_interval, 0.0))


def _placed(
    trace: Trace, budget: int, words: ThinkingFormat, miss: float
) -> tuple[list[tuple[Reflection, float]], int]:
    """The best own reflection at each multiple with how well it stands there, and of how many all parts are a share.

    That number is of the multiples that wanted a reflection or got one, and of the reflections that stand at none or
    beside a better one. A multiple wants one when the thinking went on after the overshoot that it allows. The last
    one, when less than an interval is left after it, may have one. What the engine put in is nobody's merit or fault.
    """
    interval = words.interval(budget)
    best: dict[int, tuple[Reflection, float]] = {}
    others = 0
    forced: set[int] = set()
    for one in trace.reflections:
        if one.kind is Kind.EXHAUSTED:
            continue  # the part `closing` looks at these
        multiple = round(one.at / interval)
        late = one.at - multiple * interval
        distance = max(-late, late - words.max_overshoot, 0)
        if not one.own:
            forced.add(multiple)
        elif one.kind is not Kind.USED or not 0 < multiple * interval < budget or distance >= miss:
            others += 1
        else:
            quality = 1.0 - distance / miss
            held = best.get(multiple)
            others += held is not None
            if held is None or quality > held[1]:
                best[multiple] = (one, quality)
    last = min(trace.used - words.max_overshoot - 1, budget - interval)
    wanted = {place // interval for place in range(interval, last + 1, interval)} - forced
    return [best[multiple] for multiple in sorted(best)], len(wanted | best.keys()) + others


def _true(reflection: Reflection, interval: int, tolerances: Tolerances) -> float:
    """1 for a claim within the tolerance, from there linearly down to 0."""
    if reflection.used is None:
        return 0.0
    off = abs(reflection.used - reflection.at) / interval
    if off <= tolerances.claim:
        return 1.0
    return max(1.0 - (off - tolerances.claim) / (tolerances.miss - tolerances.claim), 0.0)


def _claimed_before(own: Sequence[Reflection]) -> dict[Reflection, int]:
    """The largest number of used tokens that was claimed before each reflection; 0 before the first."""
    before: dict[Reflection, int] = {}
    largest = 0
    for one in own:
        before[one] = largest
        largest = max(largest, one.used or 0)
    return before


def _adds_up(reflection: Reflection, budget: int, before: int) -> bool:
    if reflection.used is None or reflection.remaining is None:
        return False
    return reflection.used + reflection.remaining == budget and reflection.used > before


def _closes(trace: Trace, budget: int, words: ThinkingFormat) -> bool:
    """The line may come as early as that another sentence and the line itself would not fit."""
    line = trace.closing
    if line is None:
        said = any(one.kind is Kind.EXHAUSTED for one in trace.reflections)
        return not said and not trace.cut and trace.used < budget
    return line.own and not trace.cut and line.end - line.start + line.at + words.max_overshoot >= budget
