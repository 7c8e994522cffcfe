"""Statistics of scored rows, agreement, standards, and their text. Pinned behaviour:

1. values, outcomes, times, parts and first failures of each reward; absence is None, never NaN;
2. histograms: a bar a value where there are few, else at most a dozen round bins that lose no number;
3. confusion, F1, kappa and Spearman's correlation against values worked out by hand;
4. memory: numbers of all rows, texts of a bounded number of rows;
5. a standard that is not met, or cannot be measured, gives a sentence that says why;
6. the text is plain, aligned, at most 110 columns wide, and safe to print.
"""

from __future__ import annotations

import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rewards.offline.agreement import Confusion
from rewards.offline.cases import Kind, kept_text, printable
from rewards.offline.distribution import Bar, Distribution, Numbers, average_ranks, rank_correlation, round_edges
from rewards.offline.render import WIDTH, render
from rewards.offline.row import ScoredRow
from rewards.offline.standards import Limit, Standards
from rewards.offline.statistics import Findings, Statistics
from rewards.types import Combined, Outcome, RewardInput, Score

ROOT = Path(__file__).parent.parent.parent


def sample(response: str = "It is 42.", question: str = "6 * 7?", thinking: str | None = None) -> RewardInput:
    return RewardInput(({"role": "user", "content": question},), response, thinking, response, "42")


def combined(correct: bool | None, reward: float | None = None, **scores: Score) -> Combined:
    if correct is not None and reward is None:
        reward = float(correct)
    return Combined(reward, scores or {"math": Score(reward or 0.0, correct=correct, seconds=0.01)}, correct)


def findings(*rows: ScoredRow) -> Findings:
    statistics = Statistics()
    for row in rows:
        statistics.add(row)
    return statistics.result()


def verdicts(true_positives: int, false_positives: int, false_negatives: int, true_negatives: int) -> Findings:
    pairs = [(True, True)] * true_positives + [(True, False)] * false_positives
    pairs += [(False, True)] * false_negatives + [(False, False)] * true_negatives
    return findings(*(ScoredRow(i, sample(), combined(ours), label) for i, (ours, label) in enumerate(pairs, 1)))


def distribution(*values: float) -> Distribution:
    numbers = Numbers()
    for value in values:
        numbers.add(value)
    found = numbers.distribution()
    assert found is not None
    return found


def test_one_reward() -> None:
    scores = [
        Score(1.0, detail={"part": 2.0, "odd": math.nan}, seconds=0.010),
        Score(0.0, Outcome.NO_ANSWER, detail={"part": 4.0}, seconds=0.030),
        Score(0.0, Outcome.TIMEOUT, message="first", seconds=0.020),
        Score(0.0, Outcome.TIMEOUT, message="second", seconds=0.020),
        Score(0.0, Outcome.ERROR, message="Traceback", detail={"part": 99.0}, seconds=0.020),
        Score(7.0, Outcome.SKIPPED),
        Score(7.0, Outcome.GATED),
    ]
    found = findings(*(ScoredRow(i, sample(), combined(None, x=score)) for i, score in enumerate(scores, 1)))
    reward = found.rewards["x"]
    assert reward.values is not None and reward.seconds is not None
    assert (reward.values.count, reward.values.mean, reward.values.std) == (2, 0.5, 0.5)
    assert (reward.values.min, reward.values.max) == (0.0, 1.0)
    assert reward.outcomes == {
        Outcome.SCORED: 1, Outcome.NO_ANSWER: 1, Outcome.TIMEOUT: 2, Outcome.CRASH: 0, Outcome.ERROR: 1,
        Outcome.SKIPPED: 1, Outcome.GATED: 1,
    }  # fmt: skip
    assert reward.failed == 3
    assert reward.seconds.count == 5
    assert reward.calls_per_second == pytest.approx(50.0)
    assert reward.seconds.percentiles[50] == pytest.approx(0.020)
    assert reward.detail == {"part": 3.0}
    assert {outcome: (one.number, one.message) for outcome, one in reward.failures.items()} == {
        Outcome.TIMEOUT: (3, "first"),
        Outcome.ERROR: (5, "Traceback"),
    }


def test_the_combined_reward() -> None:
    failed = Score(0.0, Outcome.CRASH)
    found = findings(
        ScoredRow(1, sample(), combined(True)),
        ScoredRow(2, sample(), combined(True)),
        ScoredRow(3, sample(), combined(False)),
        ScoredRow(4, sample(), combined(None, math=failed, style=Score(0.0, Outcome.TIMEOUT))),
    )
    one = found.combined
    assert one.values is not None and one.values.count == 3
    assert (one.masked, one.right, one.decided, one.with_timeout, one.with_failure) == (1, 2, 3, 1, 1)
    assert one.accuracy == pytest.approx(2 / 3)
    assert found.agreement is None and found.comparison is None
    assert [found.counts[kind] for kind in (Kind.RIGHT, Kind.WRONG, Kind.UNDECIDED)] == [2, 1, 1]


def test_nothing_is_none() -> None:
    found = findings()
    assert (found.rows, found.rewards, found.combined.values, found.combined.accuracy) == (0, {}, None, None)
    assert render(found, seconds=1.0) == ["no samples"]
    skipped = findings(ScoredRow(1, sample(), combined(None, x=Score(0.0, Outcome.SKIPPED))))
    reward = skipped.rewards["x"]
    assert (reward.values, reward.seconds, reward.calls_per_second) == (None, None, None)
    assert "nan" not in "\n".join(render(skipped, seconds=0.0)).lower()


def test_percentiles_and_bars_of_few_values() -> None:
    found = distribution(*range(1, 101))
    assert found.percentiles == pytest.approx({50: 50.5, 95: 95.05, 99: 99.01})
    assert found.std == pytest.approx(math.sqrt((100**2 - 1) / 12))
    assert distribution(0.5).histogram == (Bar(0.5, 0.5, 1),)
    assert distribution(0, 1, 1, -0.25).histogram == (Bar(-0.25, -0.25, 1), Bar(0, 0, 1), Bar(1, 1, 2))
    assert len(distribution(*range(12)).histogram) == 12
    assert distribution(3.0, 3.0, 3.0).std == 0.0


def test_round_bins() -> None:
    found = distribution(*(i / 100 for i in range(101)))
    assert [bar.label for bar in found.histogram[:3]] == ["0 to 0.1", "0.1 to 0.2", "0.2 to 0.3"]
    assert [bar.count for bar in found.histogram] == [10] * 9 + [11]  # the last bin holds its upper end
    assert round_edges(3, 98) == list(range(0, 101, 10))
    assert round_edges(-1, 1) == pytest.approx([-1 + i / 5 for i in range(11)])


@pytest.mark.parametrize(
    "values",
    [
        [-1.7e308, 1.7e308, *range(20)],
        [i * 5e-324 for i in range(20)],
        [1 + i * 2.3e-16 for i in range(40)],
        [-1e9, *(i / 7 for i in range(30)), 1e9],
        [math.pi * i for i in range(13)],
        [random.Random(1).gauss(0, 1) for _ in range(1000)],
    ],
)
def test_histograms_of_odd_values_lose_nothing(values: list[float]) -> None:
    found = distribution(*values)
    bars = found.histogram
    assert sum(bar.count for bar in bars) == len(values)
    assert len(bars) <= 13
    assert bars[0].low <= min(values) and bars[-1].high >= max(values)
    assert all(math.isfinite(number) for bar in bars for number in (bar.low, bar.high))
    assert all(math.isfinite(number) for number in (found.mean, found.std, *found.percentiles.values()))


def test_confusion() -> None:
    agreement = verdicts(20, 10, 5, 15).agreement
    assert agreement is not None
    one = agreement.confusion
    assert one == Confusion(20, 10, 5, 15)
    assert (one.precision, one.recall, one.accuracy) == (20 / 30, 20 / 25, 35 / 50)
    assert one.f1 == pytest.approx(2 * (2 / 3) * 0.8 / (2 / 3 + 0.8))
    assert one.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))  # by chance: .6 * .5 + .4 * .5


def test_confusion_without_something() -> None:
    wrong_only = Confusion(0, 0, 0, 9)
    assert (wrong_only.precision, wrong_only.recall, wrong_only.f1, wrong_only.kappa) == (None, None, None, None)
    assert wrong_only.accuracy == 1.0
    assert Confusion(0, 0, 4, 0).f1 == 0.0
    assert Confusion(0, 3, 3, 0).kappa == pytest.approx(-1.0)
    assert Confusion(0, 0, 0, 0).accuracy is None and Confusion(0, 0, 0, 0).kappa is None


def test_rows_without_verdict_or_label_count_apart() -> None:
    rows = [(True, True), (None, True), (None, False), (None, False), (True, None), (None, None)]
    found = findings(*(ScoredRow(i, sample(), combined(ours), label) for i, (ours, label) in enumerate(rows, 1)))
    assert found.agreement is not None
    assert found.agreement.confusion == Confusion(1, 0, 0, 0)
    assert (found.agreement.undecided_right, found.agreement.undecided_wrong) == (1, 2)
    assert found.agreement.unlabelled == 2


def test_ranks_and_spearman_with_ties() -> None:
    assert average_ranks([10, 20, 20, 5]).tolist() == [2, 3.5, 3.5, 1]
    assert rank_correlation([1, 2, 3, 4], [10, 100, 1000, 1e9]) == pytest.approx(1.0)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1.0)
    # Ranks 1 2.5 2.5 4 and 1 3 2 4: deviations give 4.5 / sqrt(4.5 * 5).
    assert rank_correlation([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(4.5 / math.sqrt(22.5))
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1], [1]) is None
    assert rank_correlation([], []) is None


def test_comparison_with_another_file() -> None:
    pairs = [(True, True), (True, False), (False, True), (False, False), (None, True), (True, None), (None, None)]
    rows = [ScoredRow(i, sample(), combined(a), None, combined(b)) for i, (a, b) in enumerate(pairs, 1)]
    found = findings(*rows)
    comparison = found.comparison
    assert comparison is not None
    assert comparison.confusion == Confusion(1, 1, 1, 1)
    assert (comparison.confusion.accuracy, comparison.confusion.kappa) == (0.5, 0.0)
    assert (comparison.undecided_here, comparison.undecided_there, comparison.undecided_both) == (1, 1, 1)
    assert (comparison.pairs, comparison.correlation) == (4, 0.0)
    assert [case.number for case in found.cases_of(Kind.ONLY_HERE)] == [2]
    assert [case.number for case in found.cases_of(Kind.ONLY_THERE)] == [3]


def test_texts_are_bounded_and_counts_are_not() -> None:
    statistics = Statistics()
    long = "x" * 300_000
    for number in range(1, 2001):
        statistics.add(ScoredRow(number, sample(long), combined(number % 2 == 0), label=number % 4 < 2))
    found = statistics.result()
    assert [found.counts[kind] for kind in (Kind.FALSE_POSITIVE, Kind.FALSE_NEGATIVE)] == [500, 500]
    assert len(found.cases_of(Kind.FALSE_POSITIVE)) == len(found.cases_of(Kind.FALSE_NEGATIVE)) == 200
    assert len(found.cases_of(Kind.TRUE_POSITIVE)) == len(found.cases_of(Kind.TRUE_NEGATIVE)) == 50
    assert [case.number for case in found.cases_of(Kind.FALSE_POSITIVE)[:3]] == [2, 6, 10]
    assert max(len(case.answer) for case in found.cases) < 20_100


def test_kept_texts() -> None:
    text = kept_text("a" * 15_000 + "b" * 15_000)
    assert text.startswith("aaa") and text.endswith("bbb")
    assert "[... 10,000 characters left out ...]" in text
    assert printable("a\tb\r\nc\x1b[31m\x00\ud800\u202e é 数 🙂") == "a\tb\nc\\x1b[31m\\x00\\ud800\\u202e é 数 🙂"


@pytest.mark.parametrize(
    ("text", "highest", "share"), [("5", 5, False), ("0", 0, False), ("0.5%", 0.005, True), (" 2 % ", 0.02, True)]
)
def test_limits(text: str, highest: float, share: bool) -> None:
    limit = Limit.parse(text)
    assert (limit.highest, limit.is_share) == (pytest.approx(highest), share)


@pytest.mark.parametrize("text", ["", "-1", "0.005", "101%", "1e3", "five", "%", "nan", "٣"])
def test_no_limits(text: str) -> None:
    with pytest.raises(ValueError, match="a count of samples such as 5"):
        Limit.parse(text)


def test_a_limit_is_allowed_itself() -> None:
    assert Limit.parse("5").allows(5, 10) and not Limit.parse("5").allows(6, 10)
    assert Limit.parse("0.7%").allows(7, 1000) and not Limit.parse("0.7%").allows(8, 1000)


def test_standards_that_make_no_sense() -> None:
    for standard in ({"min_f1": 95.0}, {"min_correlation": -2.0}, {"max_p99_ms": 0.0}, {"min_recall": math.nan}):
        with pytest.raises(ValueError, match=r"it (goes|is)"):
            Standards(**standard)


def test_standards() -> None:
    found = verdicts(20, 10, 5, 15)
    assert Standards().unmet(found) == []
    good = Standards(min_f1=0.7, min_precision=0.6, min_recall=0.8, min_accuracy=0.7, max_failures=Limit.parse("0"))
    assert good.unmet(found) == []
    assert Standards(min_f1=0.95, min_recall=0.81, max_p99_ms=5).unmet(found) == [
        "F1 is 0.727, below --min-f1 0.95",
        "recall is 0.800, below --min-recall 0.81",
        "p99 of `math` is 10.00 ms, above --max-p99-ms 5",
    ]
    assert Standards(min_precision=0.6667).unmet(found) == ["precision is 0.66667, below --min-precision 0.6667"]


def test_failures_above_the_limit() -> None:
    late, raised = Score(0.0, Outcome.TIMEOUT), Score(0.0, Outcome.ERROR)
    rows = [ScoredRow(i, sample(), combined(True)) for i in range(1, 199)]
    rows.append(ScoredRow(199, sample(), combined(None, math=late, style=raised)))
    rows.append(ScoredRow(200, sample(), combined(None, math=late)))
    found = findings(*rows)
    assert Standards(max_timeouts=Limit.parse("1%"), max_failures=Limit.parse("2")).unmet(found) == []
    assert Standards(max_timeouts=Limit.parse("0.5%"), max_failures=Limit.parse("1")).unmet(found) == [
        "2 of 200 samples (1.00%) had a timeout [math 2], above --max-timeouts 0.5%",
        "2 of 200 samples had a failure [math 2, style 1], above --max-failures 1",
    ]


def test_what_cannot_be_measured_is_not_met() -> None:
    unlabelled = findings(ScoredRow(1, sample(), combined(True)))
    for standard in ("min_f1", "min_precision", "min_recall", "min_accuracy"):
        (sentence,) = Standards(**{standard: 0.0}).unmet(unlabelled)
        assert "--label" in sentence and "--" + standard.replace("_", "-") in sentence
    for standard in ("min_agreement", "min_correlation"):
        (sentence,) = Standards(**{standard: 0.0}).unmet(unlabelled)
        assert "--against FILE" in sentence
    (sentence,) = Standards(min_f1=0.5).unmet(verdicts(0, 0, 0, 5))
    assert sentence.startswith("F1 is undefined for --min-f1: no labelled row is right")
    (sentence,) = Standards(max_timeouts=Limit.parse("5")).unmet(findings())
    assert "no sample was scored" in sentence
    assert Standards().unmet(findings()) == []
    same = findings(*(ScoredRow(i, sample(), combined(True), None, combined(True)) for i in (1, 2)))
    assert Standards(min_agreement=1.0).unmet(same) == []
    (sentence,) = Standards(min_correlation=0.5).unmet(same)
    assert "is undefined" in sentence


def test_the_text() -> None:
    rng = random.Random(7)
    traceback = (
        'Traceback:\n  File "style.py", line 3, in style\n    1 / 0\n    ~~^~~\nZeroDivisionError: division by zero\n'
    )
    rows = []
    for number in range(1, 101):
        style = Score(rng.random(), detail={"words": 2.0}, seconds=0.0001)
        if number == 50:
            style = Score(0.0, Outcome.ERROR, message=traceback, seconds=0.0001)
        math_score = Score(
            float(number > 20), correct=number > 20, message="41 is not 42" * (number <= 20), seconds=0.01
        )
        both = combined(number > 20, math_score.value, math=math_score, style=style)
        label = number > 18 if number != 77 else False
        rows.append(ScoredRow(number, sample("so \x1b[31m" + "long " * 400 + "the end"), both, label, combined(True)))
    lines = render(findings(*rows), seconds=2.0, label="is_correct", against="other.yaml")
    text = "\n".join(lines)
    assert max(map(len, lines)) <= WIDTH
    assert "\x1b" not in text and "\t" not in text
    assert lines[:2] == ["100 samples in 2 s, 50 samples/s", "judged right 80 of 100 (80.0%)"]
    for line in (
        "reward    values   mean    std    min    max  calls/s  p50 ms  p95 ms  p99 ms",
        "math         100  0.800  0.400  0.000  1.000      100      10      10      10",
        "outcomes  scored  error",
        "style         99      1",
        "parts of style: words 2.000",
        "  0  ██████████                                20   20.0%",
        "  1  ████████████████████████████████████████  80   80.0%",
        "style: error on 1 row, first on row 50",
        "    ZeroDivisionError: division by zero",
        "agreement with `is_correct` on 100 rows with both verdicts",
        "                labelled right  labelled wrong",
        "  judged right              79               1",
        "  judged wrong               2              18",
        "  precision 0.988  recall 0.975  F1 0.981  accuracy 0.970  kappa 0.904",
        "false positive 1 of 1: row 77",
        "false negative 1 of 2: row 19",
        "  ground truth  42",
        "agreement with other.yaml on 100 rows with both verdicts",
        "  right here, wrong there: 0",
        "  wrong here, right there: 20",
        "wrong here, right by other.yaml 1 of 20: row 1",
    ):
        assert line in lines, line
    assert text.index("false positive 1") < text.index("false negative 1")
    assert "the end" in text and "~~^~~" not in text


def test_the_text_of_a_resumed_scoring() -> None:
    found = findings(*(ScoredRow(i, sample(), combined(True)) for i in (1, 2, 3)))
    assert render(found, seconds=2.0, resumed=1)[0] == "3 samples in 2 s, 1 samples/s, 1 of them scored before"
    assert render(found, seconds=0.0, resumed=3)[0] == "3 samples, all scored before"


def test_importing_is_quick() -> None:
    code = (
        "import sys, rewards.offline.report, rewards.offline.render, rewards.offline.standards\n"
        "print(sorted({'numpy', 'torch', 'ray', 'scipy', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
