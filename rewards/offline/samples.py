"""Samples from data files and run folders: rows -> what a reward function sees.

Columns go by usual names (`USUAL`), or by those that the user gives. A run folder's `samples/` are such rows already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewards.errors import DataFileError
from rewards.rows import Row, chat_turns, stream_rows
from rewards.types import RewardInput
from verifiers.thinking import split_thinking

USUAL: Mapping[str, Sequence[str]] = {
    "prompt": ("messages", "prompt", "question", "problem"),
    "response": ("response", "completion", "output"),
    "ground_truth": ("ground_truth", "reward_model.ground_truth", "answer", "solution"),
}
"""What each column is looked for under, in this order, when no name is given; `a.b` is the key b of the column a."""

_SAMPLE_OF_GROUP = re.compile(r"(.+)/\d+")
_YES, _NO = {"true", "yes", "right", "correct", "1"}, {"false", "no", "wrong", "incorrect", "0"}


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns in the data; None: the usual ones."""

    prompt: str | None = None
    response: str | None = None
    ground_truth: str | None = None
    label: str | None = None
    """Column with the user's own verdict; None: there is none."""


@dataclass(frozen=True, slots=True)
class DataRow:
    """One row of the data."""

    number: int
    """Over all files, from 1."""
    row: Row
    sample: RewardInput
    label: bool | None


def data_files(path: Path) -> list[Path]:
    """The files to read: the path itself, or the samples of a run folder by step.

    Raises:
        DataFileError: a folder without samples.
    """
    if not path.is_dir():
        return [path]
    files = sorted((path / "samples").glob("*.jsonl"))
    if not files:
        raise DataFileError(
            f"{path} is a folder without samples/*.jsonl; give a run folder, a .jsonl or a .parquet file."
        )
    return files


def stream_samples(path: Path, columns: Columns) -> Iterator[DataRow]:
    """The samples of a file or run folder, in order.

    Raises:
        DataFileError: a file or row is malformed, or lacks a column; names file, line and the way out.
    """
    number, of_run = 0, path.is_dir()
    for file in data_files(path):
        for line, row in stream_rows(file):
            number += 1
            where = f"{file}, {'row' if file.suffix == '.parquet' else 'line'} {line}"
            sample = _sample(row, columns, where, of_run=of_run)
            yield DataRow(number, row, sample, _label(row, columns.label, where))


def _sample(row: Row, columns: Columns, where: str, *, of_run: bool) -> RewardInput:
    messages = _messages(row, columns, where)
    response, response_column = _response(row, columns, where)
    if response is None:
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise DataFileError(_missing("response", row, where))
        messages, response = messages[:-1], messages[-1]["content"]
    gold_column = _find("ground_truth", columns.ground_truth, row, where)
    if gold_column is None and columns.ground_truth is not None:
        raise DataFileError(_missing("ground_truth", row, where, columns.ground_truth))
    gold = "" if gold_column is None else _get(row, gold_column)
    thinking, answer = split_thinking(response)
    return RewardInput(
        messages=messages,
        response=response,
        thinking=thinking,
        answer=answer,
        ground_truth=gold if isinstance(gold, str) else _as_text(gold),
        columns={name: value for name, value in row.items() if name != response_column},
        task=str(row.get("task") or row.get("data_source") or ""),
        prompt_tokens=_count(row, "prompt_tokens", where),
        response_tokens=_count(row, "response_tokens", where),
        response_ids=_ids(row, "response_ids", where),
        forced=_ids(row, "forced", where) or (),
        thinking_budget=_count(row, "thinking_budget", where),
        stop_reason=str(row.get("stop_reason") or "stop"),
        group=_group(row, of_run=of_run),
    )


def _as_text(gold: object) -> str:
    """Tests of programs are objects in some files: rewards read them as JSON."""
    import json

    return json.dumps(gold, ensure_ascii=False) if isinstance(gold, (dict, list)) else str(gold)


def _find(what: str, name: str | None, row: Row, where: str) -> str | None:
    """The column of the row that holds something; None when there is none."""
    names = USUAL[what] if name is None else (name,)
    return next((one for one in names if _get(row, one) is not None), None)


def _get(row: Row, name: str) -> Any:
    """The value of a column, or of a key in it."""
    if name in row or "." not in name:
        return row.get(name)
    outer, _, inner = name.partition(".")
    held = row.get(outer)
    return held.get(inner) if isinstance(held, dict) else None


def _messages(row: Row, columns: Columns, where: str) -> tuple[Mapping[str, str], ...]:
    column = _find("prompt", columns.prompt, row, where)
    if column is None:
        if columns.prompt is not None:
            raise DataFileError(_missing("prompt", row, where, columns.prompt))
        return ()
    value = _get(row, column)
    if isinstance(value, str):
        return ({"role": "user", "content": value},)
    return chat_turns(value, f"{where}, column `{column}`")


def _response(row: Row, columns: Columns, where: str) -> tuple[str | None, str | None]:
    column = _find("response", columns.response, row, where)
    if column is None:
        if columns.response is not None:
            raise DataFileError(_missing("response", row, where, columns.response))
        return None, None
    value = _get(row, column)
    if isinstance(value, str):
        return value, column
    return chat_turns(value, f"{where}, column `{column}`")[-1]["content"], column


def _missing(what: str, row: Row, where: str, name: str | None = None) -> str:
    flag = "--" + what.replace("_", "-") + "-column"
    looked = f"`{name}`" if name is not None else "any of " + ", ".join(f"`{one}`" for one in USUAL[what])
    there = ", ".join(sorted(key for key, value in row.items() if value is not None)) or "none"
    return f"{where}: no column {looked} (it has: {there}). Name that of the {what.replace('_', ' ')}: {flag} NAME."


def _count(row: Row, name: str, where: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (value >= 0 and value % 1 == 0):
        raise DataFileError(f"{where}, column `{name}`: expected a number of tokens, not {value!r:.80}")
    return int(value)


def _ids(row: Row, name: str, where: str) -> tuple[int, ...] | None:
    value: Any = row.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
        what = "token ids" if name == "response_ids" else "their places"
        raise DataFileError(f"{where}, column `{name}`: expected a list of {what}, not {value!r:.80}")
    return tuple(value)


def _group(row: Row, *, of_run: bool) -> str:
    """The column `group`; of a run's samples, whose ids end in their number in the group, what stands before."""
    if row.get("group") is not None:
        return str(row["group"])
    matched = _SAMPLE_OF_GROUP.fullmatch(str(row.get("sample_id", ""))) if of_run else None
    return matched[1] if matched else ""


def _label(row: Row, name: str | None, where: str) -> bool | None:
    if name is None:
        return None
    if name not in row:
        raise DataFileError(f"{where}: no column `{name}` for --label (it has: {', '.join(sorted(row)) or 'none'}).")
    value = row[name]
    if value is None:
        return None
    word = str(value).strip().lower().removesuffix(".0")
    if word not in _YES | _NO:
        raise DataFileError(
            f"{where}, column `{name}`: {value!r:.80} is no verdict; write true or false (1, 0, yes, no too), or null."
        )
    return word in _YES
