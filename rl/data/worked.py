"""Worked examples from a file: what the warm-up learns from when it is not a generator's own work."""

from __future__ import annotations

from pathlib import Path

from rewards.rows import Row, chat_turns, read_rows
from rl.data.example import Example, Message
from rl.errors import ConfigError
from verifiers.math import extract_answer


def load_worked(path: Path) -> list[Example]:
    """Read rows of {"prompt" or "messages", "response", optionally "answer"}.

    `prompt` is the user's text; `messages` is a list of {"role", "content"} turns, whose last one may be the response.
    Without an `answer` the one that the response boxes is the reference; without either it stays empty.

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
    answer = row.get("answer")
    if answer is None:
        found = extract_answer(response)
        answer = found.answer if found.rule == "boxed" and found.answer else ""
    return Example(f"{path.stem}/{index}", messages, str(answer), path.stem, response=response)


def _messages(row: Row, where: str) -> tuple[Message, ...]:
    if isinstance(prompt := row.get("prompt"), str):
        return ({"role": "user", "content": prompt},)
    return chat_turns(row.get("messages", row.get("prompt")), f"{where}, column `prompt` or `messages`")
