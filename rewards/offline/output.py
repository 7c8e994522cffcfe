"""The file of scored rows: every row of the data with one more key, `scored`, and how an interrupted one goes on.

While scoring is under way a second file lies beside it, `<name>.progress.json`, which says by what rows are scored and
is locked by the process that writes. The same command goes on after the last whole line (or before the last group, see
`keep`), when the rows that are there are the data's first ones; any other is refused. At the end the second file is
removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rewards.errors import DataFileError
from rewards.loader import LoadedReward
from rewards.offline.row import ScoredRow
from rewards.offline.samples import DataRow
from rewards.offline.scoring import Scored
from rewards.runner import RewardRunner
from rewards.types import Combined, Outcome, Score

KEY = "scored"
"""What the rewards said stands under this key of a row."""
AGAINST = "scored_against"
"""What the other reward file said."""

Identity = Mapping[str, str]
"""By what rows are scored: parts in a user's words, each with a digest."""

_WAYS = "Ways out: (1) name another --out, (2) move the file away to score anew."


class ScoredFile:
    """Scored rows on disk, in the order of the data."""

    def __init__(self, path: Path, identity: Identity) -> None:
        """Open a new file, or one that the same command left unfinished.

        Raises:
            DataFileError: the file is there and is not an unfinished one of the same rewards, or another process
                writes it. OSError: it cannot be written.
        """
        self._path = path
        self._progress = path.with_name(path.name + ".progress.json")
        if path.exists() and not self._progress.exists():
            raise DataFileError(f"{path} exists already; nothing was written. {_WAYS}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._progress.open("a+", encoding="utf-8")
        try:
            self._take(identity)
        except BaseException:
            self._lock.close()
            raise
        # Line by line: what was scored is on disk, whatever ends the process.
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def _take(self, identity: Identity) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFileError(f"{self._path} is being written by another process; nothing was written.") from None
        self._lock.seek(0)
        try:
            before: dict[str, str] = json.loads(self._lock.read() or "{}")
        except ValueError:
            before = {}
        changed = [what for what in {**before, **identity} if before.get(what) != identity.get(what)]
        if self._path.exists() and changed:
            raise DataFileError(f"{self._path} was begun with other {', '.join(changed)}; nothing was written. {_WAYS}")
        self._lock.truncate(0)
        self._lock.write(json.dumps(dict(identity)))
        self._lock.flush()
        self.lines = _keep_whole_lines(self._path) if self._path.exists() else 0
        """Rows that were there already."""

    def scored_before(self, rows: Iterator[DataRow]) -> Iterator[Scored]:
        """The rows that were there already, read back with the data's; takes as many of these.

        Raises:
            DataFileError: they are not the first rows of the data.
        """
        with self._path.open(encoding="utf-8") as file:
            for number in range(1, self.lines + 1):
                stored, row = json.loads(file.readline()), next(rows, None)
                combined, other = stored.pop(KEY), stored.pop(AGAINST, None)
                if row is None or stored != json.loads(_line(row.row)):
                    raise DataFileError(
                        f"row {number} of {self._path} is not row {number} of the data: they have changed since it was "
                        f"begun. {_WAYS}"
                    )
                against = None if other is None else _combined(other)
                yield row, ScoredRow(row.number, row.sample, _combined(combined), row.label, against)

    def keep(self, lines: int) -> None:
        """Leave out what was there already but so many first rows: the others are to be scored again.

        A crash leaves all of them or none.
        """
        self.lines = _keep_whole_lines(self._path, lines)

    def write(self, row: DataRow, scored: ScoredRow) -> None:
        """Append a row.

        Raises:
            DataFileError: it has one of the keys that are added.
        """
        refuse_scored(row)
        added = {KEY: _plain(scored.combined)}
        if scored.against is not None:
            added[AGAINST] = _plain(scored.against)
        self._file.write(_line({**row.row, **added}) + "\n")

    def finish(self) -> None:
        """All rows are written: from here on the file is nobody's to go on with."""
        self._progress.unlink()

    def close(self) -> None:
        """Close the file; an unfinished one can be gone on with."""
        self._file.close()
        self._lock.close()


def refuse_scored(row: DataRow) -> None:
    """Refuse data whose rows were scored before: their key would be overwritten.

    Raises:
        DataFileError
    """
    for key in (KEY, AGAINST):
        if key in row.row:
            raise DataFileError(
                f"row {row.number} has a key `{key}` already: this file was made by --out. Score the file that it was "
                "made from, or write without --out."
            )


def identity_of(columns: object, **runners: RewardRunner | None) -> Identity:
    """What tells one scoring of the same data from another: how they are read, and the rewards with their files."""
    identity = {"columns": _digest(repr(columns))}
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


def _line(row: Mapping[str, Any]) -> str:
    """A row as one line of JSON in UTF-8: what JSON lacks becomes text (dates, bytes) or null (NaN, infinities)."""
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, default=str)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair can only be written as an escape
        return json.dumps(json.loads(text))
    return text


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
    return value


def _keep_whole_lines(path: Path, most: int | None = None) -> int:
    """Cut off a line that a crash left unfinished, and all after the first `most`; the number that is left."""
    whole = lines = 0
    with path.open("rb+") as file:
        for line in file:
            if lines == most or not line.endswith(b"\n"):
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
