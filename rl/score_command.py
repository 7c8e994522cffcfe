"""`ponder score`: rewards on samples that lie in a file, before a GPU hour is spent on them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from rewards.errors import DataFileError, RewardFailed
from rewards.from_yaml import RewardFile, read_reward_file
from rewards.offline.output import ScoredFile, identity_of, refuse_scored
from rewards.offline.render import render
from rewards.offline.row import ScoredRow
from rewards.offline.samples import USUAL, Columns, DataRow, data_files, stream_samples
from rewards.offline.scoring import Scored, looks_at_groups, score_rows
from rewards.offline.standards import Standards
from rewards.offline.statistics import Findings, Statistics
from rewards.rows import count_rows
from rewards.runner import RewardRunner
from rl.errors import ConfigError, PonderError

EXIT_UNMET = 3
"""A standard (`--min-f1`, ...) was not met."""

_REDRAW_S = 0.2
_PRINTED = 20
"""Lines shown of what reward functions print."""


@dataclass(frozen=True)
class ScoreRequest:
    """What is scored by what, and what is made of it."""

    rewards: Path
    data: Path
    columns: Columns
    standards: Standards
    overrides: Sequence[str] = ()
    against: Path | None = None
    out: Path | None = None
    report: Path | None = None
    workers: int | None = None
    """Worker processes; None: all cores."""


def score(request: ScoreRequest) -> int:
    """Score a file and print what was found; the exit code.

    Raises:
        SettingsError, DataFileError, PonderError: something is wrong; what was written is kept.
    """
    file = read_reward_file(request.rewards, request.overrides)
    other = None if request.against is None else read_reward_file(request.against)
    if request.columns.label is not None and not file.judges:
        raise ConfigError(
            f"--label compares with what the rewards call right, but {request.rewards} names no reward that judges: "
            f"add `correctness: {file.rewards[0].label}`, say."
        )
    _check_report(request)
    first = next(stream_samples(request.data, request.columns), None)
    if first is None:
        raise DataFileError(f"{request.data} has no samples in it; nothing was scored.")
    if not first.sample.ground_truth:
        print(
            f"note: the first row has no ground truth ({', '.join(USUAL['ground_truth'])}); where it has another name, "
            "say --ground-truth-column NAME",
            file=sys.stderr,
        )
    with ExitStack() as stack:
        printed = Path(stack.enter_context(TemporaryDirectory(prefix="ponder-score-")), "printed.txt")
        runner = stack.enter_context(_runner(file, request.rewards, request.workers, printed))
        against = None
        if request.against is not None and other is not None:
            against = stack.enter_context(_runner(other, request.against, request.workers, printed))
        out: ScoredFile | None = None
        if request.out is not None:
            refuse_scored(first)
            identity = identity_of(request.columns, rewards=runner, against=against)
            out = stack.enter_context(closing(ScoredFile(request.out, identity)))
        started = time.perf_counter()
        findings = _score_all(request, runner, against, out)
        seconds = time.perf_counter() - started
        _show_printed(printed)
    return _show(request, findings, seconds, before=out.lines if out else 0)


def _check_report(request: ScoreRequest) -> None:
    if request.report is None:
        return
    if request.out is not None and request.out.resolve() == request.report.resolve():
        raise ConfigError(f"--out and --report are the same file, {request.out}: name two.")
    if request.report.exists():
        raise PonderError(f"{request.report} exists already; nothing was scored. Name another file or move it away.")
    if not os.access(request.report.resolve().parent, os.W_OK):
        raise PonderError(f"{request.report} cannot be written: its folder is not there or is not writable.")


def _runner(file: RewardFile, path: Path, workers: int | None, printed: Path) -> RewardRunner:
    config = file.reward_runner.model_copy(update={"workers": workers or len(os.sched_getaffinity(0))})
    return RewardRunner(file.rewards, config, file.judges, path.resolve().parent, output=printed)


def _score_all(
    request: ScoreRequest, runner: RewardRunner, against: RewardRunner | None, out: ScoredFile | None
) -> Findings:
    statistics = Statistics()
    rows = stream_samples(request.data, request.columns)
    progress = _Progress(sys.stderr, sum(count_rows(file) for file in data_files(request.data)))
    closed: set[str] = set()
    try:
        if out is not None and out.lines:
            rows = _go_on(out, rows, statistics, closed, by_group=looks_at_groups(runner, against))
            progress.begin_at(out.lines)
            progress.note(f"going on after row {out.lines:,} of {request.out}")
        with closing(score_rows(rows, runner, against, closed=closed)) as found:
            for row, scored in found:
                if out is not None:
                    out.write(row, scored)
                statistics.add(scored)
                progress.step(scored)
                for failure in runner.new_failures():
                    progress.note(failure.rstrip())
                for failure in against.new_failures() if against is not None else []:
                    progress.note(f"{request.against}: {failure.rstrip()}")
    except (RewardFailed, DataFileError, KeyboardInterrupt) as error:
        progress.end()
        if request.out is not None:
            print(f"{request.out} keeps what was scored; the same command goes on from there", file=sys.stderr)
        if isinstance(error, RewardFailed):
            raise PonderError(f"{error}\n(reward_runner.on_error is `fail`; `mask` or `zero` would go on)") from error
        raise
    progress.end()
    if out is not None:
        out.finish()
    return statistics.result()


def _go_on(
    out: ScoredFile, rows: Iterator[DataRow], statistics: Statistics, closed: set[str], *, by_group: bool
) -> Iterator[DataRow]:
    """Count what was scored before, and note the groups in it as `closed`; the rows that are left to score.

    With `by_group` the last group that is there is left out and scored whole: it may not be all there.
    """

    def group(scored: Scored) -> str | int:
        row = scored[0]
        key = row.sample.group_key if by_group else None
        return row.number if key is None else key

    last: list[Scored] = []
    for key, found in groupby(out.scored_before(rows), group):
        for _, scored in last:
            statistics.add(scored)
        last = list(found)
        if isinstance(key, str):
            closed.add(key)
    if last and isinstance(key := group(last[-1]), str):
        closed.discard(key)
        out.keep(out.lines - len(last))
        return chain([row for row, _ in last], rows)
    for _, scored in last:
        statistics.add(scored)
    return rows


def _show(request: ScoreRequest, findings: Findings, seconds: float, *, before: int) -> int:
    names = {"label": request.columns.label or "label"}
    if request.against is not None:
        names["against"] = request.against.name
    if request.report is not None:
        from rewards.offline.report import write_report

        write_report(
            request.report,
            findings,
            title=f"{request.rewards.stem} on {request.data.name}",
            rewards_file=str(request.rewards),
            data_file=str(request.data),
            seconds=seconds,
            resumed=before,
            **names,
        )
    unmet = request.standards.unmet(findings)
    try:
        print("\n".join(render(findings, seconds=seconds, resumed=before, **names)))
        for what, path in (("scored rows", request.out), ("report", request.report)):
            if path is not None:
                print(f"\n{what}: {path}")
        sys.stdout.flush()
    except BrokenPipeError:  # `ponder score ... | head`: the exit code still says whether standards are met
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in unmet:
        print(f"not met: {line}", file=sys.stderr)
    return EXIT_UNMET if unmet else 0


def _show_printed(printed: Path) -> None:
    """What the reward functions printed, the end of it."""
    lines = printed.read_text(errors="replace").splitlines() if printed.exists() else []
    if lines:
        cut = f", the last {_PRINTED} of {len(lines):,} lines" if len(lines) > _PRINTED else ""
        print(f"the rewards printed{cut}:", *(f"  {line}" for line in lines[-_PRINTED:]), sep="\n", file=sys.stderr)


class _Progress:
    """One line that is redrawn on a terminal; elsewhere only notes are printed."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream, self._total = stream, total
        self._live = stream.isatty()
        self._start = self._drawn = time.perf_counter()
        self._before = self._done = self._failed = 0

    def begin_at(self, done: int) -> None:
        """So many rows were there already."""
        self._before = self._done = done

    def step(self, scored: ScoredRow) -> None:
        """One more row."""
        self._done += 1
        self._failed += any(score.outcome.is_failure for score in scored.combined.scores.values())
        now = time.perf_counter()
        if self._live and now - self._drawn >= _REDRAW_S:
            self._drawn = now
            rate = (self._done - self._before) / (now - self._start)
            left = max(self._total - self._done, 0) / rate
            failed = f", {self._failed:,} failed" if self._failed else ""
            self._stream.write(
                f"\r\033[K{self._done:,} of {self._total:,} rows, {rate:,.0f}/s, {left:.0f} s left{failed}"
            )
            self._stream.flush()

    def note(self, text: str) -> None:
        """A line that stays."""
        self._stream.write(("\r\033[K" if self._live else "") + text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._live:
            self._stream.write("\r\033[K")
            self._stream.flush()
