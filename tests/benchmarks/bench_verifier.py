r"""`verifiers.math.verify` beside math-verify, on the same answers in the same run: speed, latency and right verdicts.

    python -m tests.benchmarks.bench_verifier [--data ../shared/data] [--cases 730] [--variants 3]

The references are those of MATH-500, AIME 2024 and 200 of GSM8K. Each is judged against a boxed answer that is

    (a) itself,
    (b) the same value written differently: spaces, `\dfrac`, `a/b`, decimals, terms of a sum in another order, units...
    (c) certainly something else: a digit, a sign, +1, a fraction upside down, another letter, bracket or word...

by fixed rules for its kind (`--variants` of those that apply, drawn with a fixed seed), so that what the verdict should
be is known without a verifier. math-verify is used as its README says: the reference in `$...$`, the answer in its box,
`parse` of both, default timeouts. Both see each case once, in turns of a hundred, from the main thread; imports, the
pool of `verify` and the parsers of math-verify are warmed up before the clock. Both may keep what they saw before
(math-verify caches the last 20 parsed formulas, and cases with one reference follow each other).

What it leaves out: finding an answer in a long response, hostile answers and deadlines, references that are wrong
themselves, math-verify in many processes (its timeouts are signals, so it has the main thread only).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.verifier_cases import FILES, Case, make_cases, references
from tests.verifiers.math_cases import TABLES

TURN = 100
GROUPS = {"a": "itself", "b": "re-formatted", "c": "perturbed"}
STOP = "full stop"
"""Inside the box, where few write it and math-verify stumbles: its share of (b) is that of the rule, not of life."""


@dataclass(frozen=True)
class Judged:
    """What a verifier said of a case, and in how many seconds."""

    correct: bool
    seconds: float
    detail: str


def ours(case: Case) -> Judged:
    from verifiers.math import verify

    start = time.perf_counter()
    verdict = verify(case.gold, f"\\boxed{{{case.answer}}}")
    return Judged(verdict.correct, time.perf_counter() - start, f"{verdict.outcome}/{verdict.rule}")


def theirs(case: Case) -> Judged:
    from math_verify import parse, verify  # type: ignore[import-untyped]

    start = time.perf_counter()
    correct = verify(parse(f"${case.gold}$"), parse(f"\\boxed{{{case.answer}}}"))
    return Judged(correct, time.perf_counter() - start, "right" if correct else "wrong")


def warm_up() -> None:
    """Import, start the pool and build the parsers, on formulas that are not in the mix."""
    for number in range(20):
        for gold, answer in (("m^2 + 2", "2 + m^2"), ("(7, \\frac{1}{9}]", "(7, 1/9]"), ("\\sqrt{97}", "97")):
            for judge in (ours, theirs):
                judge(Case(gold, f"{answer} + {number}", "a", "warm-up"))


def show_speed(name: str, judged: Sequence[Judged], wall: float) -> None:
    p50, p95, p99, top = np.percentile([j.seconds * 1000 for j in judged], [50, 95, 99, 100])
    print(
        f"{name:<22} {len(judged) / wall:8,.0f} cases/s   {wall:6.1f} s"
        f"   ms: p50 {p50:7.3f}  p95 {p95:7.2f}  p99 {p99:7.2f}  max {top:8.1f}"
    )


def show_verdicts(cases: Sequence[Case], mine: Sequence[Judged], other: Sequence[Judged]) -> None:
    """Right verdicts by group and by rule, then every case that one of the two got wrong."""
    for group, what in [*GROUPS.items(), ("b", f"all but {STOP}")]:
        left_out = "" if what in GROUPS.values() else STOP
        of_group = [i for i, case in enumerate(cases) if case.group == group and case.rule != left_out]
        counts = [sum(judged[i].correct == cases[i].right for i in of_group) for judged in (mine, other)]
        shares = [f"{count:5} ({100 * count / max(len(of_group), 1):6.2f} %)" for count in counts]
        print(f"({group}) {what:<17} {len(of_group):5} cases   right: verify {shares[0]}   math-verify {shares[1]}")
    print("\nwrong verdicts by rule: verify, math-verify, of cases")
    for group, rule in sorted({(case.group, case.rule) for case in cases}):
        of_rule = [i for i, case in enumerate(cases) if (case.group, case.rule) == (group, rule)]
        slips = [sum(judged[i].correct != cases[i].right for i in of_rule) for judged in (mine, other)]
        print(f"({group}) {rule:<16} {slips[0]:5} {slips[1]:5} {len(of_rule):5}")
    wrong = [i for i, case in enumerate(cases) if not mine[i].correct == other[i].correct == case.right]
    print(f"\n{len(wrong)} wrong by one or both: who, group, rule, reference <- answer, what is right, the verdicts")
    for i in sorted(wrong, key=lambda i: (mine[i].correct == cases[i].right, cases[i].group, cases[i].rule)):
        case = cases[i]
        who = [name for name, j in (("verify", mine[i]), ("math-verify", other[i])) if j.correct != case.right]
        print(
            f"{'+'.join(who):<11} ({case.group}) {case.rule:<15} {case.gold}  <-  {case.answer}   "
            f"expected {'right' if case.right else 'wrong'}, verify {mine[i].detail}, math-verify {other[i].detail}"
        )


def show_references(folder: Path) -> None:
    """Every answer of every file in the folder against itself in a box, and the exceptions."""
    for path in sorted(folder.glob("*.jsonl")):
        answers = [str(json.loads(line)["answer"]) for line in path.read_text().splitlines()]
        failed = [answer for answer in answers if not ours(Case(answer, answer, "a", "itself")).correct]
        print(f"{path.name:<20} {len(answers):6} references, not right against themselves: {failed or 'none'}")


def show_hard_pairs() -> None:
    """The tables of tests/verifiers/math_cases, but hostile sizes, whole responses and attacks, by both."""
    cases = [
        Case(case.gold, case.answer, "right" if case.correct else "wrong", table)
        for table, pairs in TABLES.items()
        if table not in ("sizes", "responses", "attacks")
        for case in pairs
        if isinstance(case.gold, str) and case.answer is not None and len(case.gold + case.answer) < 300
    ]
    for name, judge in (("verify", ours), ("math-verify", theirs)):
        wrong = [case for case in cases if judge(case).correct != (case.group == "right")]
        paid = sum(case.group == "wrong" for case in wrong)
        print(
            f"{name:<12} {len(cases)} hard pairs: {len(cases) - len(wrong)} right verdicts, "
            f"{paid} false positives, {len(wrong) - paid} false negatives"
        )


def main() -> None:
    """Judge the mix and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, default=root.parent / "shared" / "data", help="folder of the JSONL files")
    parser.add_argument("--cases", type=int, default=730, help="references; each makes up to 1 + 2 * VARIANTS cases")
    parser.add_argument("--variants", type=int, default=3, help="of (b) and of (c) for each reference, at most")
    chosen = parser.parse_args()
    missing = [name for name in FILES if not (chosen.data / name).is_file()]
    if missing:
        print(f"not run: {chosen.data} has no {', '.join(missing)}; name the folder of these files with --data DIR")
        return
    show_references(chosen.data)
    show_hard_pairs()

    cases = make_cases(references(chosen.data, chosen.cases), chosen.variants)
    print(f"{len(cases)} cases from {len({case.gold for case in cases})} different references", flush=True)
    warm_up()
    mine: list[Judged] = []
    other: list[Judged] = []
    walls = dict.fromkeys((ours, theirs), 0.0)
    for first in range(0, len(cases), TURN):
        for judge, judged in ((ours, mine), (theirs, other)):
            start = time.perf_counter()
            judged += [judge(case) for case in cases[first : first + TURN]]
            walls[judge] += time.perf_counter() - start
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        together = list(pool.map(ours, cases))
        wall = time.perf_counter() - start

    show_speed("verify", mine, walls[ours])
    show_speed("verify, 2 threads", together, wall)
    show_speed("math-verify", other, walls[theirs])
    print(f"ratio {walls[theirs] / walls[ours]:.1f}, with 2 threads {walls[theirs] / wall:.1f}")
    changed = sum(a.correct != b.correct for a, b in zip(mine, together, strict=True))
    print(f"verdicts that differ between the runs from 1 and 2 threads: {changed}\n")
    show_verdicts(cases, mine, other)


if __name__ == "__main__":
    main()
