r"""Finds the final answer in a response.

In this order: the last `\boxed{...}`, what follows the last "####", what follows the last "answer is" or "Answer:",
the whole response when it is nothing but an answer, the last number. Only what comes after the thinking is looked at.
An answer that offers alternatives is a hedge.

All patterns run in linear time: responses may be long and hostile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from verifiers.math.normalise import normalise
from verifiers.thinking import split_thinking

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)\s*(?=\{)")
_BRACE = re.compile(r"\\.|([{}])", re.DOTALL)
_JOINER = re.compile(
    r"(?:[\s$,;:.}]|\\[()\[\],;! ]|\\text\{|\b(?:or|and|also|either|maybe|perhaps|alternatively)\b)*", re.IGNORECASE
)
_STATED = re.compile(r"answer\s*(?:is|:|=)[\s:*]*", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+|(?<=\d))(?:\s*/\s*\d+)?%?")
_HEDGE = re.compile(r"\b(?:or|either|maybe|perhaps|not|nor)\b", re.IGNORECASE)
_MAX_BARE = 200
# One line without prose: a word, a number with its unit, or a formula without words and equals sign.
_BARE = re.compile(
    r"[A-Za-z]+\.?"
    r"|-?[$\d.,/ ]*\d ?[A-Za-z]{2,}(?: [A-Za-z]{2,}){0,2}\.?"
    r"|(?!.*\b(?i:is|it|so|we|he|by|in|at|to|of|as|be|an|no|if|on)\b)(?:\\[A-Za-z]+|\\[^A-Za-z\n]|(?<![A-Za-z\\])[A-Za-z]{1,2}(?![A-Za-z])|[^A-Za-z\n=\\])+"
)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found."""

    answer: str | None
    """None: the response states no answer."""
    rule: str = ""
    """`boxed`, `####`, `stated`, `bare` or `number`."""
    hedged: bool = False
    """Different answers are offered side by side."""


def extract_answer(response: str) -> str | None:
    """The final answer of a response as text; None when there is none."""
    return extract(response).answer


def extract(response: str) -> Extraction:
    """The final answer of a response and how it was found."""
    text = split_thinking(response)[1]
    return _from_boxes(text) or _from_marks(text) or _from_bare(text) or _from_numbers(text) or Extraction(None)


def find_boxes(text: str) -> list[tuple[int, int, str]]:
    r"""All closed outermost `\boxed{...}` as (start, end, content); braces may nest, escaped ones do not count."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[1] == "{":
            opened.append(brace.start())
        elif brace[1] == "}" and opened:
            closing[opened.pop()] = brace.start()
    boxes: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        end = closing.get(match.end())  # None: never closed, a truncated response
        if end is not None and (not boxes or match.start() >= boxes[-1][1]):
            boxes.append((match.start(), end + 1, text[match.end() + 1 : end].strip()))
    return boxes


def _from_boxes(text: str) -> Extraction | None:
    boxes = find_boxes(text)
    if not boxes or not boxes[-1][2]:  # a box that is empty or cut off is no answer, whatever stands elsewhere
        return Extraction(None) if _BOX.search(text) else None
    # Boxes with nothing but "or", "and" and punctuation between them are one statement; a box that comes after more
    # words than that corrects the earlier one.
    statement = {normalise(boxes[-1][2])}
    for (_, end, content), (start, _, _) in reversed(list(pairwise(boxes))):
        if not _JOINER.fullmatch(text, end, start):
            break
        statement.add(normalise(content))
    return Extraction(boxes[-1][2], "boxed", hedged=len(statement) > 1)


def _from_marks(text: str) -> Extraction | None:
    places = {"####": text.rpartition("####")[2] if "####" in text else ""}
    if stated := list(_STATED.finditer(text)):
        places["stated"] = text[stated[-1].end() :]
    for rule, rest in places.items():
        line = rest.strip().split("\n", 1)[0]
        if line.startswith("$") and "$" in line[1:]:
            answer = line[1:].partition("$")[0]
        else:
            answer = re.split(r"(?<=[^\s.])\.\s", line, maxsplit=1)[0].strip("*_` ").removesuffix(".")
        wordy = re.match(r"[a-z]{3,} ", answer) and _NUMBER.search(answer)  # "obtained by adding, which gives 5"
        if answer.strip() and not wordy:
            return Extraction(answer.strip(), rule)
    return None


def _from_bare(text: str) -> Extraction | None:
    bare = text.strip()
    return Extraction(bare, "bare") if len(bare) <= _MAX_BARE and _BARE.fullmatch(bare) else None


def _from_numbers(text: str) -> Extraction | None:
    line = next((line for line in reversed(text.splitlines()) if _NUMBER.search(line)), "")
    sentence = next((part for part in reversed(re.split(r"\.\s", line)) if _NUMBER.search(part)), "")
    numbers = [number[0].strip() for number in _NUMBER.finditer(sentence)]
    if not numbers:
        return None
    return Extraction(numbers[-1], "number", hedged=len(set(numbers)) > 1 and bool(_HEDGE.search(sentence)))
