"""Worked examples from a file: what the warm-up learns from when it is not a generator's own work."""

from __future__ import annotations

from pathlib import Path

from rewards.rows import Row, chat_turns, read_rows
from rl.data.example import Example, Message
from rl.errors import ConfigError
from verifiers.math import extract_answer

REFERENCE = ("answer", "ground_truth")
"""Columns that hold the right answer: of a data set, and of the samples that a run has saved."""


def load_worked(path: Path) -> list[Example]:
    """Read rows of {"prompt" or "messages", "response", optionally "answer" (or "ground_truth"), "thinking_budget" and
    "response_ids"}.

    `prompt` is the user's text; `messages` is a list of {"role", "content"} turns, whose last one may be the response.
    Without a reference the one that the response boxes is it; without either it stays empty. A row with
    `thinking_budget` (null: unlimited) has a response that keeps to it; `ponder warmup --make-data` writes such rows.

    Raises:
        DataFileError: the file or a line of it is malformed.
        ConfigError: a row lacks something, with its line.
    """
    return [_example(row, path, number, i) for i, (number, row) in enumerate(read_rows(path))]


def _example(row: Row, path: Path, number: int, index: int) -> Example:
    where = f"{path}, line {number}"
    messages, response = _messages(row, where), row.get("response")
    if response is None and len(messages) > 1 and messages[-1]["role"] == "assistant":
        messages, response = messages[:-1], messages[-1]["content"]
    if not isinstance(response, str) or not response:
        raise ConfigError(f"{where}: no text in column `response` (and no last turn of the assistant in `messages`)")
    answer = next((row[column] for column in REFERENCE if row.get(column) is not None), None)
    if answer is None:
        found = extract_answer(response)
        answer = found.answer if found.rule == "boxed" and found.answer else ""
    return Example(
        f"{path.stem}/{index}",
        messages,
        str(answer),
        path.stem,
        columns=row,
        response=response,
        response_ids=_ids(row, where),
        budgeted="thinking_budget" in row,
        thinking_budget=_budget(row, where),
    )


def _ids(row: Row, where: str) -> tuple[int, ...] | None:
    ids = row.get("response_ids")
    if ids is None:
        return None
    if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
        raise ConfigError(f"{where}, column `response_ids`: expected a list of token ids, not {ids!r:.80}")
    return tuple(ids)


def _budget(row: Row, where: str) -> int | None:
    budget = row.get("thinking_budget")
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int)):
        raise ConfigError(f"{where}, column `thinking_budget`: expected tokens, or null for unlimited; not {budget!r}")
    return None if budget is None or budget < 0 else budget


def _messages(row: Row, where: str) -> tuple[Message, ...]:
    if isinstance(prompt := row.get("prompt"), str):
        return ({"role": "user", "content": prompt},)
    return chat_turns(row.get("messages", row.get("prompt")), f"{where}, column `prompt` or `messages`")
