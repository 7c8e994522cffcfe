"""The file of scored rows: every row of the data with one more key, `scored`, and how an interrupted one goes on.

While scoring is under way a second file lies beside it, `<name>.progress.json`, which says what is being scored by
what. The same command goes on after the last whole line; any other is refused. At the end the second file is removed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from rewards.atomic import write_atomically
from rewards.errors import DataFileError
from rewards.loader import LoadedReward
from rewards.offline.row import ScoredRow
from rewards.offline.samples import DataRow, data_files
from rewards.runner import RewardRunner
from rewards.types import Combined, Outcome, Score

KEY = "scored"
"""What the rewards said stands under this key of a row."""
AGAINST = "scored_against"
"""What the other reward file said."""

Identity = Mapping[str, str]
"""What is scored by what: parts in a user's words, each with a digest."""


class ScoredFile:
    """Scored rows on disk, in the order of the data."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """Open a new file, or one that the same command left unfinished.

        Raises:
            DataFileError: the file is there and is not an unfinished one of the same data and rewards.
        """
        self._path = path
        self._progress = path.with_name(path.name + ".progress.json")
        self._lines = 0
        if path.exists():
            self._require_same(identity)
            self._lines = _keep_whole_lines(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._progress, json.dumps(dict(identity)))
        # Line by line: what was scored is on disk, whatever ends the process.
        self._file: TextIO = path.open("a", encoding="utf-8", errors="surrogatepass", buffering=1)

    @property
    def lines(self) -> int:
        """Rows that were there already."""
        return self._lines

    def scored_before(self, rows: Iterator[DataRow]) -> Iterator[ScoredRow]:
        """The rows that were there already, read back; takes as many of the data's rows."""
        with self._path.open(encoding="utf-8", errors="surrogatepass") as file:
            for _ in range(self._lines):
                stored, row = json.loads(file.readline()), next(rows)
                other = _combined(stored[AGAINST]) if AGAINST in stored else None
                yield ScoredRow(row.number, row.sample, _combined(stored[KEY]), row.label, other)

    def write(self, row: DataRow, scored: ScoredRow) -> None:
        """Append a row."""
        added = {KEY: _plain(scored.combined)}
        if scored.against is not None:
            added[AGAINST] = _plain(scored.against)
        self._file.write(json.dumps({**row.row, **added}, ensure_ascii=False, default=str) + "\n")

    def finish(self) -> None:
        """All rows are written: from here on the file is nobody's to go on with."""
        self._progress.unlink()

    def close(self) -> None:
        """Close the file; an unfinished one can be gone on with."""
        self._file.close()

    def _require_same(self, identity: Identity) -> None:
        ways = "Ways out: (1) name another --out, (2) move the file away to score anew."
        if not self._progress.exists():
            raise DataFileError(f"{self._path} exists already; nothing was written. {ways}")
        try:
            before: dict[str, str] = json.loads(self._progress.read_text())
        except ValueError:
            before = {}
        changed = [what for what in {**before, **identity} if before.get(what) != identity.get(what)]
        if changed:
            raise DataFileError(f"{self._path} was begun with other {', '.join(changed)}; nothing was written. {ways}")


def refuse_scored(row: DataRow) -> None:
    """Refuse data whose rows were scored before: their key would be overwritten.

    Raises:
        DataFileError
    """
    if KEY in row.row:
        raise DataFileError(
            f"row {row.number} has a key `{KEY}` already: this file was made by --out. Score the file that it was made "
            "from, or write without --out."
        )


def identity_of(data: Path, columns: object, **runners: RewardRunner | None) -> Identity:
    """What tells one scoring from another: the data, how they are read, the rewards and the files they stand in."""
    stats = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in data_files(data)]
    identity = {"data": _digest(stats), "columns": _digest(repr(columns))}
    for name, runner in runners.items():
        if runner is not None:
            rewards = [[reward.config.model_dump(mode="json"), _source(reward)] for reward in runner.rewards]
            identity[name] = _digest([rewards, runner.correctness, runner.on_error])
    return identity


def _source(reward: LoadedReward) -> str:
    place = reward.reference.rpartition(":")[0]
    return _digest(Path(place).read_text()) if place.endswith(".py") else place


def _digest(what: object) -> str:
    return hashlib.sha256(json.dumps(what, default=str).encode()).hexdigest()[:16]


def _keep_whole_lines(path: Path) -> int:
    """Cut off a line that a crash left unfinished; the number of whole ones."""
    whole = lines = 0
    with path.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            lines += 1
        file.truncate(whole)
    return lines


def _plain(combined: Combined) -> dict[str, Any]:
    return {
        "reward": combined.reward,
        "correct": combined.correct,
        "scores": {
            name: {
                "value": score.value,
                "outcome": score.outcome.value,
                "seconds": float(f"{score.seconds:.3g}"),
                **({} if score.correct is None else {"correct": score.correct}),
                **({"detail": dict(score.detail)} if score.detail else {}),
                **({"message": score.message} if score.message else {}),
            }
            for name, score in combined.scores.items()
        },
    }


def _combined(plain: Mapping[str, Any]) -> Combined:
    scores = {
        name: Score(
            score["value"],
            Outcome(score["outcome"]),
            score.get("correct"),
            score.get("detail", {}),
            score.get("message", ""),
            score["seconds"],
        )
        for name, score in plain["scores"].items()
    }
    return Combined(plain["reward"], scores, plain["correct"])
