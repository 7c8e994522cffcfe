"""What `ponder score --attack` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rewards.attacks.corpus import KINDS
from rewards.attacks.report import COMBINED, AttackReport, Finding, RewardReport, Role, Verdict
from rewards.types import RewardInput

_MAX_NAMES = 2
_MAX_UNPAID = 3
_HEAD, _TAIL = 35, 60


def describe_attack(report: AttackReport) -> Iterator[str]:
    """Lines that say how the rewards of a configuration stood up; the last one is the verdict."""
    if not report.left_out:
        for reward in report.rewards:
            if reward.label != COMBINED or reward.findings:
                yield from _describe_reward(reward)
    yield verdict_sentence(report)


def verdict_sentence(report: AttackReport) -> str:
    """What it all means, in a sentence or two."""
    if report.left_out:
        return f"{report.name}: not attacked: {report.left_out}"
    said = []
    if names := _names(report, lambda one: bool(one.count(Verdict.PAID) or one.count(Verdict.PARTLY))):
        said.append(f"{names} paid what should not be paid; a model will find it, so mend it before a run does")
    if names := _names(report, lambda one: one.count(Verdict.FAILED) > 0):
        said.append(f"{names} failed on hostile text, which masks a bad answer out of the loss")
    if names := _names(report, lambda one: bool(one.unpaid)):
        said.append(f"{names} did not pay right answers; look at those first")
    if names := _names(report, lambda one: one.needs_gate):
        said.append(f"{names} pays wrong answers as much as right ones: gate it with `requires:` and a judge's name")
    if names := _names(report, lambda one: one.label != COMBINED and one.rights == 0):
        said.append(f"{names} applied to none of the right answers and was not attacked")
    said = said or ["all right answers were paid, and nothing was that should not have been"]
    return f"{report.name}: {'; '.join(said)}. ({report.seconds:.1f} s)"


def _names(report: AttackReport, wanted: Callable[[RewardReport], bool]) -> str:
    return ", ".join(f"`{reward.label}`" for reward in report.rewards if wanted(reward))


def _describe_reward(reward: RewardReport) -> Iterator[str]:
    counts = ", ".join(f"{reward.count(verdict)} {verdict}" for verdict in Verdict)
    role = "" if reward.role is Role.JUDGE else ", shaping"
    yield f"{reward.label}{role}: {reward.attacks} attacks on {reward.rights} right answers: {counts}"
    if reward.right_values and reward.wrong_values:
        yield f"  right answers get {_range(reward.right_values)}, plainly wrong ones {_range(reward.wrong_values)}"
    for unpaid in reward.unpaid[:_MAX_UNPAID]:
        yield f"  RIGHT ANSWER NOT PAID  {_response(unpaid.sample)}"
        yield f"      reference {_short(unpaid.sample.ground_truth)}: {unpaid.reason}"
    if len(reward.unpaid) > _MAX_UNPAID:
        yield f"      and {len(reward.unpaid) - _MAX_UNPAID} more right answers"
    for verdict in Verdict:
        for kind in KINDS:
            found = [one for one in reward.findings if one.verdict is verdict and one.attack.kind == kind]
            if found:
                yield from _describe_kind(verdict, kind, found)
    yield ""


def _describe_kind(verdict: Verdict, kind: str, findings: Sequence[Finding]) -> Iterator[str]:
    by_name: dict[str, list[Finding]] = {}
    for finding in findings:
        name = finding.attack.name.partition("; ")[0]  # without the form that it was tried in
        by_name.setdefault(name, []).append(finding)
    count = f"{len(findings)} times" if len(findings) > 1 else "once"
    yield f"  {verdict.upper()}  {kind}, {count}: {findings[0].attack.why}"
    for name, same in list(by_name.items())[:_MAX_NAMES]:
        first = same[0]
        value = first.message if first.value is None else _number(first.value)
        times = f", {len(same)} times" if len(same) > 1 else ""
        yield f"      {value:<4} {_response(first.attack.sample)}  ({name}{times})"
    if len(by_name) > _MAX_NAMES:
        rest = list(by_name)[_MAX_NAMES:]
        yield f"      and {len(rest)} more: {_cut('; '.join(rest))}"


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value + 0.0:g}"  # -0.0 is 0


def _response(sample: RewardInput) -> str:
    """The response shortened; of one with an answer after its thinking only the answer."""
    if sample.thinking is None or not sample.answer.strip():
        return _short(sample.response)
    return f"(thinking) {_short(sample.answer)}"


def _short(text: str) -> str:
    return '"' + _escaped(text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} ... {text[-_TAIL:]}") + '"'


def _cut(text: str) -> str:
    return text if len(text) <= _HEAD + _TAIL else f"{text[: _HEAD + _TAIL]} ..."


def _escaped(text: str) -> str:
    """The text on one line, without what a terminal would obey or not show."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)
