"""Rows of a data file, JSONL or Parquet. Whatever is wrong with the file is an error that names it and the line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rewards.atomic import write_atomically
from rewards.errors import DataFileError

Row = dict[str, Any]


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """All rows of a file, each with its number: the line of a JSONL file, the row of a Parquet file, from 1.

    Raises:
        DataFileError: the file is missing, of another kind, unreadable, empty, or a line of it is not a JSON object.
    """
    rows = list(stream_rows(path))
    if not rows:
        raise DataFileError(f"data file {path} is empty: it has no row.")
    return rows


def stream_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """`read_rows` one by one, for files larger than memory; an empty file has no rows.

    Raises:
        DataFileError: as above; of a malformed line, when it is reached.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise DataFileError(f"data file {path} {kind}. Give a .jsonl or .parquet file; relative paths in a "
                            "configuration start at its folder.")  # fmt: skip
    if path.suffix == ".parquet":
        return _parquet(path)
    if path.suffix in (".jsonl", ".json"):
        return _jsonl(path)
    raise DataFileError(f"data file {path}: unknown kind `{path.suffix}`. Convert it to .jsonl or .parquet.")


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a JSONL file, whole or not at all; what is there is replaced."""
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def count_rows(path: Path) -> int:
    """How many rows `stream_rows` will give, quickly: blank lines of a JSONL file count too."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return int(parquet.read_metadata(path).num_rows)
    with path.open("rb") as file:
        return sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))


def chat_turns(value: object, where: str) -> tuple[Mapping[str, str], ...]:
    """Chat turns from a column's value.

    Args:
        where: file, line and column, for the message.

    Raises:
        DataFileError: it is no list of {"role", "content"} texts, or an empty one.
    """
    turns = value if isinstance(value, list) else []
    if not turns or not all(
        isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)
        for turn in turns
    ):
        raise DataFileError(f'{where}: expected text or a list of {{"role", "content"}} turns, not {value!r:.80}')
    return tuple({"role": turn["role"], "content": turn["content"]} for turn in turns)


def _jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _parse(line, path, number)
    except OSError as error:
        raise DataFileError(f"data file {path} cannot be read: {error.strerror}.") from error


def _parse(line: bytes, path: Path, number: int) -> Row:
    where = f"{path}, line {number}"
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataFileError(f"{where}: not UTF-8 text ({error.reason} at byte {error.start}).") from error
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        hint = " A JSON array must be rewritten with one object in each line." if text.strip() == "[" else ""
        raise DataFileError(
            f"{where}: not valid JSON ({why}): {_short(text)}\nEvery line must be one JSON object.{hint}"
        ) from error
    if not isinstance(row, dict):
        raise DataFileError(f"{where}: a JSON object is expected, not {_short(text)}")
    return row


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (OSError, pyarrow.ArrowException) as error:
        raise DataFileError(f"data file {path} cannot be read as Parquet: {error}") from error


def _short(line: str) -> str:
    text = line.strip()
    return text if len(text) <= 80 else text[:77] + "..."
