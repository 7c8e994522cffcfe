"""From the scores of a sample to one number, and from many samples to metrics.

- `declared`: what a reward's `range`, `clip` and `normalise` make of a value.
- `gated`: what `requires` keeps from being called.
- `combine`: the scores of one sample -> its reward and verdict.
- `summarise`: the scores of many samples -> metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rewards.config import RewardConfig
from rewards.types import Combined, Outcome, Score

_ROUNDING = 1e-9
"""Share of a declared range by which floating point may miss its ends."""


def declared(score: Score, config: RewardConfig, *, judges: bool) -> Score:
    """A score as its configuration declares it.

    A value outside `range` is an error, or cut to its end and counted (`clipped` in the detail) where `clip` says so;
    `normalise` then maps the range linearly, and the function's own value stays in the detail as `raw`.

    Args:
        judges: it decides what is right (`correctness:`, `requires:`). One that returns a plain number says right with
            the highest value of its range; without a range with 1 or more.
    """
    if not score.outcome.has_value:
        return score
    value = score.value
    if config.range is not None:
        for end in config.range:  # 0.7 + 0.2 + 0.1 is 0.9999999999999999
            if abs(value - end) <= _ROUNDING * (config.range[1] - config.range[0]):
                value = end
    if judges and score.correct is None:
        best = value >= (config.range[1] if config.range else 1.0)
        score = replace(score, correct=best and score.outcome is Outcome.SCORED)
    if config.range is None:
        return score
    low, high = config.range
    kept, detail = min(max(value, low), high), dict(score.detail)
    if config.clip:
        detail["clipped"] = float(kept != value)
    elif kept != value:
        why = (
            f"`{config.label}` returned {value!r}, outside its declared range [{low:g}, {high:g}]: "
            "widen `range`, or add `clip: true`"
        )
        return Score(0.0, Outcome.ERROR, message=why, seconds=score.seconds)
    if config.normalise is not None:
        detail["raw"] = value
        start, end = config.normalise
        kept = start + (kept - low) / (high - low) * (end - start)
    return replace(score, value=kept, detail=detail)


def verdict_of(names: Sequence[str], scores: Mapping[str, Score]) -> Score | None:
    """The score of the first of some judges that applies to the sample; None when none does."""
    return next((scores[name] for name in names if scores[name].outcome is not Outcome.SKIPPED), None)


def gated(gates: Sequence[str], scores: Mapping[str, Score]) -> Score | None:
    """The score of a reward that its gates keep from being called; None where it is called.

    Where the gate that decides failed, it is not known whether this reward counts: `correct` is None, and `combine`
    takes it for a failure. Where it said no, `correct` is False. Where no gate applies, neither does this reward.
    """
    if not gates:
        return None
    verdict, named = verdict_of(gates, scores), " or ".join(f"`{gate}`" for gate in gates)
    if verdict is None:
        return Score(0.0, Outcome.SKIPPED)
    if _unknown(verdict):
        return Score(0.0, Outcome.GATED, message=f"not called: {named} failed: {verdict.message}")
    if verdict.outcome.has_value and verdict.correct:
        return None
    return Score(0.0, Outcome.GATED, correct=False, message=f"not called: {named} did not say right")


def _unknown(score: Score) -> bool:
    """Whether a failure, of the reward or of what it requires, leaves open what the sample is worth."""
    return score.outcome.is_failure or (score.outcome is Outcome.GATED and score.correct is None)


def combine(
    scores: Mapping[str, Score], rewards: Sequence[RewardConfig], correctness: Sequence[str], *, mask: bool
) -> Combined:
    """One sample's scores -> its reward and verdict.

    The reward is the weighted sum of the rewards that have a weight. It is None (the sample leaves the loss) when none
    of them applies, and under `mask` when a failure leaves open what one of them is worth, or what is right; without
    `mask` a failure counts 0. A reward of weight 0 changes nothing.

    Args:
        scores: by name.
        rewards: all rewards.
        correctness: names of the rewards that judge right and wrong; the first that applies decides.
        mask: `on_error: mask`.
    """
    verdict = verdict_of(correctness, scores)
    correct = None if verdict is None else verdict.correct
    paying = [(config.weight, scores[config.label]) for config in rewards if config.weight != 0]
    open_ended = any(_unknown(score) for _, score in paying) or (verdict is not None and _unknown(verdict))
    if (mask and open_ended) or all(score.outcome is Outcome.SKIPPED for _, score in paying):
        return Combined(None, scores, correct)
    return Combined(float(sum(weight * score.value for weight, score in paying)), scores, correct)


def summarise(combined: Sequence[Combined]) -> dict[str, float]:
    """Metrics of scored samples.

    `reward/mean` over samples with a reward, `reward/masked` (their share that has none), `reward/accuracy` over
    samples with a verdict, and for each reward `reward/<name>/mean` over what it scored, `reward/<name>/<outcome>` as
    counts, `reward/<name>/<part>` as the mean of each named part, `reward/<name>/seconds` as the mean time of a sample.
    A mean over nothing is left out.
    """
    metrics: dict[str, float] = {}
    if not combined:
        return metrics
    _add_mean(metrics, "reward/mean", [one.reward for one in combined if one.reward is not None])
    metrics["reward/masked"] = sum(one.reward is None for one in combined) / len(combined)
    _add_mean(metrics, "reward/accuracy", [float(one.correct) for one in combined if one.correct is not None])
    for name in combined[0].scores:
        scores = [one.scores[name] for one in combined]
        valued = [score for score in scores if score.outcome.has_value]
        _add_mean(metrics, f"reward/{name}/mean", [score.value for score in valued])
        _add_mean(metrics, f"reward/{name}/seconds", [score.seconds for score in valued])
        for part in sorted({part for score in valued for part in score.detail}):
            _add_mean(metrics, f"reward/{name}/{part}", [s.detail[part] for s in valued if part in s.detail])
        for outcome in Outcome:
            metrics[f"reward/{name}/{outcome}"] = sum(score.outcome is outcome for score in scores)
    return metrics


def _add_mean(metrics: dict[str, float], name: str, values: Sequence[float]) -> None:
    if values:
        metrics[name] = sum(values) / len(values)
