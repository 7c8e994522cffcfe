"""Rows of a data file, JSONL or Parquet. Whatever is wrong with the file is an error that names it and the line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rl.errors import ConfigError

Row = dict[str, Any]


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """All rows of a file, each with its number: the line of a JSONL file, the row of a Parquet file, from 1.

    Raises:
        ConfigError: the file is missing, of another kind, unreadable, empty, or a line of it is not a JSON object.
    """
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigError(f"data file {path} {kind}. Give a .jsonl or .parquet file; relative paths start at the "
                          "configuration's folder.")  # fmt: skip
    if path.suffix == ".parquet":
        rows = list(_parquet(path))
    elif path.suffix in (".jsonl", ".json"):
        rows = list(_jsonl(path))
    else:
        raise ConfigError(f"data file {path}: unknown kind `{path.suffix}`. Convert it to .jsonl or .parquet.")
    if not rows:
        raise ConfigError(f"data file {path} is empty. Each row should be one question with its answer.")
    return rows


def column(row: Row, name: str, path: Path, number: int) -> Any:
    """A row's value under `name`.

    Raises:
        ConfigError: the row has no such column, or null in it.
    """
    if row.get(name) is None:
        there = ", ".join(sorted(key for key, value in row.items() if value is not None)) or "none"
        raise ConfigError(
            f"{path}, line {number}: no column `{name}` (it has: {there}). Set `question_column` and `answer_column` "
            "of the source to the columns with the question and the reference answer."
        )
    return row[name]


def _jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _parse(line, path, number)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"data file {path} cannot be read: {error}. It should be UTF-8 text.") from error


def _parse(line: str, path: Path, number: int) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        hint = " A JSON array must be rewritten with one object in each line." if line.strip() == "[" else ""
        raise ConfigError(
            f"{path}, line {number}: not valid JSON ({error.msg} at column {error.colno}): {_short(line)}\n"
            f"Every line must be one JSON object.{hint}"
        ) from error
    if not isinstance(row, dict):
        raise ConfigError(f"{path}, line {number}: a JSON object is expected, not {_short(line)}")
    return row


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ConfigError(f"data file {path} cannot be read as Parquet: {error}") from error
    yield from enumerate(table.to_pylist(), start=1)


def _short(line: str) -> str:
    text = line.strip()
    return text if len(text) <= 80 else text[:77] + "..."
