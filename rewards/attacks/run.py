"""Attacks the rewards of a runner: scores right answers, wrong ones and the whole corpus, and compares.

Every attack is scored in one group with the right answer that it was made from and a plainly wrong one, so that rewards
which compare the samples of a group are measured as they are used.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import median

from rewards.attacks.case import Attack, take_apart
from rewards.attacks.corpus import attacks_on
from rewards.attacks.report import COMBINED, AttackReport, Finding, RewardReport, Role, Unpaid, Verdict
from rewards.config import RewardConfig
from rewards.runner import RewardRunner
from rewards.types import Combined, Outcome, RewardInput

_PARTLY = 0.1
"""From this share of the way from a wrong answer's value to a right one's, an attack is partly paid."""
_TELLS = 0.2
"""A reward judges when right and wrong answers lie this share of all its values apart."""
_LONGEST_OTHER = 100
_SHAPING = {
    "format": frozenset({"empty", "opener", "protocol"}),
    "repetition": frozenset({"loop"}),
    "overlong": frozenset({"long"}),
    "length": frozenset({"empty"}),
    "length_kimi": frozenset[str](),
    "thinking_budget": frozenset({"empty", "opener", "protocol", "budget"}),
}
"""Built-in rewards that judge no answer, and the kinds of attacks that they must withstand all the same."""
_ANY_SHAPING = frozenset({"empty"})
"""What no reward of a user's should pay, whatever it is for."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """An attack with what it is compared to."""

    origin: RewardInput
    """The right sample that the attack was made from."""
    attack: Attack
    right: Combined
    wrong: Combined
    got: Combined


@dataclass(frozen=True, slots=True)
class _Value:
    """A score as the sum sees it: what it is worth, and whether it says right."""

    worth: float | None
    correct: bool | None
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A trial as one reward saw it."""

    trial: _Trial
    right: _Value
    wrong: _Value
    got: _Value


def attack(runner: RewardRunner, rights: Sequence[RewardInput], *, name: str = "rewards") -> AttackReport:
    """Attack all rewards of a runner.

    Args:
        runner: the rewards.
        rights: samples whose responses are right, a handful of each kind of task.
        name: what the report is called.

    Raises:
        ValueError: there is no right answer.
        RewardFailed: a reward failed and the runner's `on_error` is `fail`; attack with `mask`.
    """
    if not rights:
        raise ValueError("an attack needs right answers to start from: give a handful for each kind of task")
    started = time.monotonic()
    trials = list(_trials(runner, rights))
    reports = [_report(trials, reward.label, runner, set()) for reward in runner.rewards]
    if sum(reward.config.weight != 0 for reward in runner.rewards) > 1:
        known = {id(finding.attack) for report in reports for finding in report.findings}
        reports.append(_report(trials, COMBINED, runner, known))
    return AttackReport(name, tuple(reports), time.monotonic() - started)


def _trials(runner: RewardRunner, rights: Sequence[RewardInput]) -> Iterator[_Trial]:
    samples: list[RewardInput] = []
    planned: list[tuple[RewardInput, Attack, int, int]] = []
    shapes = set()
    for place, right in enumerate(rights):
        others = [other.ground_truth for other in rights if len(other.ground_truth) <= _LONGEST_OTHER]
        case = take_apart(right, others)
        wrong = case.attack("wrong", "", case.say(case.wrong), "").sample
        long = case.shape not in shapes  # these take their time, and what is right matters little to them
        shapes.add(case.shape)
        for kind, of_kind in groupby(attacks_on(right, others, long=long), key=lambda one: one.kind):
            group, first = f"attack {place} {kind}", len(samples)
            samples += [replace(right, group=group), replace(wrong, group=group)]
            for one in of_kind:
                planned.append((right, one, first, len(samples)))
                samples.append(replace(one.sample, group=group))
    scored = runner.score(samples)
    for right, one, first, at in planned:
        yield _Trial(right, one, scored[first], scored[first + 1], scored[at])


def _report(trials: Sequence[_Trial], label: str, runner: RewardRunner, known: set[int]) -> RewardReport:
    """How one reward stood up; attacks in `known` (by id) are told elsewhere."""
    config = next((reward.config for reward in runner.rewards if reward.label == label), None)
    sign = -1.0 if config is not None and config.weight < 0 else 1.0
    seen = []
    for trial in trials:
        right, wrong, got = (_value(one, label, sign) for one in (trial.right, trial.wrong, trial.got))
        if right.outcome not in (Outcome.SKIPPED, Outcome.GATED):
            seen.append(_Seen(trial, right, wrong, got))
    worths = [value.worth for one in seen for value in (one.right, one.wrong, one.got) if value.worth is not None]
    role = _role(label, config, runner, seen, worths)
    lowest = min(worths, default=0.0)
    floor = lowest if lowest < max(worths, default=0.0) else None
    origins: dict[int, list[_Seen]] = {}
    for one in seen:
        origins.setdefault(id(one.trial.origin), []).append(one)
    unpaid = {
        origin: Unpaid(of_origin[0].trial.origin, of_origin[0].right.worth, reasons[0])
        for origin, of_origin in origins.items()
        # A reward that compares the samples of a group may put it last in one group and first in another.
        if all(reasons := [_why_unpaid(one, role, floor) for one in of_origin])
    }
    watched = _SHAPING.get(config.use, _ANY_SHAPING) if config is not None else _ANY_SHAPING
    findings = [
        finding
        for one in seen
        if id(one.trial.attack) not in known
        and (finding := _finding(one, role, watched, paid=id(one.trial.origin) not in unpaid, lowest=lowest))
    ]
    if label == COMBINED:
        findings = [finding for finding in findings if finding.verdict is not Verdict.FAILED]
    return RewardReport(
        label,
        role,
        len(origins),
        len(seen),
        _ends([one.right.worth for one in seen]),
        _ends([one.wrong.worth for one in seen]),
        () if label == COMBINED else tuple(unpaid.values()),
        tuple(findings),
        config is not None and not config.gates and role is Role.SHAPING and _pays_wrong_answers(seen),
    )


def _value(combined: Combined, label: str, sign: float) -> _Value:
    if label == COMBINED:
        scores = combined.scores.values()
        failed = next((score.outcome for score in scores if score.outcome.is_failure), Outcome.SKIPPED)
        return _Value(combined.reward, None, Outcome.SCORED if combined.reward is not None else failed)
    score = combined.scores[label]
    worth = sign * score.value if score.outcome.has_value else 0.0 if score.outcome is Outcome.GATED else None
    return _Value(worth, score.correct, score.outcome, score.message)


def _role(
    label: str, config: RewardConfig | None, runner: RewardRunner, seen: Sequence[_Seen], worths: Sequence[float]
) -> Role:
    if config is not None and config.use in _SHAPING:
        return Role.SHAPING
    if label in runner.correctness or any(one.right.correct is not None for one in seen):
        return Role.JUDGE
    apart = [
        one.right.worth - one.wrong.worth for one in seen if one.right.worth is not None and one.wrong.worth is not None
    ]
    span = max(worths, default=0.0) - min(worths, default=0.0)
    return Role.JUDGE if apart and median(apart) > _TELLS * span else Role.SHAPING


def _why_unpaid(one: _Seen, role: Role, lowest: float | None) -> str:
    """Why a right answer counts as not paid; "" where it is."""
    right = one.right
    if right.outcome.is_failure:
        return _ending(right)
    if right.worth is None:
        return "masked: another reward failed on it"
    if role is Role.SHAPING:
        return "gets the lowest value of all" if lowest is not None and right.worth <= lowest else ""
    if right.correct is False:
        return "no answer was found" if right.outcome is Outcome.NO_ANSWER else "judged wrong"
    if right.correct is None and one.wrong.worth is not None and right.worth <= one.wrong.worth:
        return "gets no more than a plainly wrong answer"
    return ""


def _finding(one: _Seen, role: Role, watched: Collection[str], *, paid: bool, lowest: float) -> Finding | None:
    right, wrong, got = one.right.worth, one.wrong.worth, one.got.worth
    verdict = None
    if one.got.outcome.is_failure:
        verdict = Verdict.FAILED
    elif one.trial.attack.right_answer and one.trial.attack.kind not in watched:
        pass
    elif role is Role.JUDGE and one.got.correct:
        verdict = Verdict.PAID
    elif got is not None and right is not None and paid:
        as_much = got >= right - 1e-9 * max(1.0, abs(right))
        if role is Role.SHAPING:
            # Where taking nothing off is all that a reward can do, an empty text may well be spared.
            least = max(lowest, 0.0) if one.trial.attack.kind == "empty" else lowest
            if as_much and one.trial.attack.kind in watched and got > least:
                verdict = Verdict.PAID
        elif as_much:
            verdict = Verdict.PAID
        elif wrong is not None and got > wrong + _PARTLY * (right - wrong) and right > wrong:
            verdict = Verdict.PARTLY
    if verdict is None:
        return None
    return Finding(verdict, one.trial.attack, got, right, wrong, _ending(one.got) if got is None else "")


def _pays_wrong_answers(seen: Sequence[_Seen]) -> bool:
    pairs = [(one.right.worth, one.wrong.worth) for one in seen]
    known = [(right, wrong) for right, wrong in pairs if right is not None and wrong is not None]
    paid = sum(wrong >= right > 0 for right, wrong in known)
    return paid > len(known) / 2


def _ending(value: _Value) -> str:
    last = value.message.strip().rpartition("\n")[2]
    return f"{value.outcome}: {last}" if last else str(value.outcome)


def _ends(worths: Sequence[float | None]) -> tuple[float, float] | None:
    known = [worth for worth in worths if worth is not None]
    return (min(known), max(known)) if known else None
