r"""Finds the final answer in a response.

In this order: the last `\boxed{...}`; what follows the last "answer is" or "Answer:"; what follows the last "####"; the
`$...$` that ends the response; the whole response when it is one short line. Only what comes after the thinking is
looked at. An answer that offers alternatives side by side is a hedge; one that is corrected later is not.

All patterns run in linear time: responses may be long and hostile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from verifiers.math.normalise import normalise
from verifiers.thinking import after_thinking as text_after_thinking

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
_UNBRACED = re.compile(r"[^\s{}$\\]+")
_BRACE = re.compile(r"\\.|([{}])", re.DOTALL)
_JOINER = re.compile(
    r"(?:[\s$,;:.&}]|\\[()\[\],;! \\]|\\(?:q?quad|text|end|begin)(?![A-Za-z])\{?|"
    r"\b(?:or|and|also|either|maybe|perhaps|possibly|alternatively|aligned?)\b)*",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:or|alternatively|maybe|perhaps|possibly|probably|could|might|may|either|else)\b", re.IGNORECASE
)
_CORRECTION = re.compile(
    r"\b(?:wait|correct(?:ed|ion|ly|ing)?|mistake|actually|wrong|instead|error|recheck|re-?check|sorry|no|not|incorrect|hmm|fix)\b",
    re.IGNORECASE,
)
_MAX_BETWEEN = 160
_MAX_BESIDE = 80
_OR_BEFORE = re.compile(
    r"([^\s$]{0,30}\d[^\s$]{0,30})\$?\s*(?:,\s*)?(?:\\text\s*\{\s*)?\b(?i:or)\b(?:\s|\}|\$|\\\(|\\)*$"
)
_MINUS_BEFORE = re.compile(r"(?:^|[$=({\[]|\\[(\[])\s*[-−]\s*$")
_OR_AFTER = re.compile(
    r"[\s$)]*(?:[,.;]\s*)?(?:\\text\s*\{\s*)?\b(?i:or)\b[\s}$]*(?:\\text\{)?"
    r"(?:(?i:maybe|perhaps|possibly|also|equivalently|simply|about|approximately|roughly|even|just),?[\s$]*)*"
    r"([^\s$.,;]*\d[^$\n,;]{0,30}?)(?=[$\n,;]|\.(?:\s|$)|\s|$)"
)
_STATED = re.compile(
    r"\bfinal\s+answer\s*(?:\*\*|__|:)*\s*\n\s*|\banswer(?:\s+to\s+[^.:\n$]{1,80})?\s*(?:\*\*|__)?\s*(?:is|=|:|：)[\s:*=_]*",
    re.IGNORECASE,
)
_LEADS = re.compile(
    r"(?:(?:therefore|thus|hence|then|simply|clearly|indeed|just|exactly|equal to|given by|so)[,:]?\s+)+", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s)|\n")
_WORDY = re.compile(r"[a-z]{3,} .*\d")
_FORMULA = re.compile(r"(?<!\\)\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_TAIL = re.compile(r"[\s.!,;:*_]*")
_MAX_BARE = 200
_MAX_BARE_WORDS = 5
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_DIGITS = re.compile(r"[-+\d.,/ %]+")


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was found."""

    answer: str | None
    """None: the response states no answer."""
    rule: str = ""
    """`boxed`, `stated`, `####`, `formula` (at the end) or `bare`."""
    alternatives: tuple[str, ...] = ()
    """All answers that are offered side by side, when they differ."""

    @property
    def hedged(self) -> bool:
        """Different answers are offered side by side."""
        return len(self.alternatives) > 1


def extract_answer(response: str, *, after_thinking: bool = True) -> Extracted:
    """The final answer of a response and how it was found.

    Args:
        response: what a model wrote.
        after_thinking: look only at what comes after the thinking; thinking that never ends leaves no answer.
    """
    text = text_after_thinking(response) if after_thinking else response
    return (
        _from_boxes(text)
        or _from_statement(text)
        or _from_marks(text)
        or _from_formula(text)
        or _from_bare(text)
        or Extracted(None)
    )


def find_boxes(text: str) -> list[tuple[int, int, str]]:
    r"""All closed outermost `\boxed{...}` as (start, end, content); braces may nest, escaped ones do not count."""
    if "\\" not in text:
        return []
    openings = list(_BOX.finditer(text))
    if not openings:
        return []
    closing: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text, openings[0].start()):
        if brace[1] == "{":
            opened.append(brace.start())
        elif brace[1] == "}" and opened:
            closing[opened.pop()] = brace.start()
    boxes: list[tuple[int, int, str]] = []
    for match in openings:
        if boxes and match.start() < boxes[-1][1]:
            continue
        if text[match.end() : match.end() + 1] == "{":
            end = closing.get(match.end())  # None: never closed, a truncated response
            if end is not None:
                boxes.append((match.start(), end + 1, text[match.end() + 1 : end].strip()))
        elif bare := _UNBRACED.match(text, match.end()):
            boxes.append((match.start(), bare.end(), bare[0].rstrip(".,;")))
    return boxes


def _from_boxes(text: str) -> Extracted | None:
    boxes = find_boxes(text)
    last = None
    for match in _BOX.finditer(text):
        last = match
    if last is None:
        return None
    # A last box that is empty or cut off is no answer, whatever stands elsewhere.
    if not boxes or not boxes[-1][2] or last.start() >= boxes[-1][1]:
        return Extracted(None, "boxed")
    statement = [boxes[-1][2]]
    for (_, end, content), (start, _, _) in reversed(list(pairwise(boxes))):
        if not _side_by_side(text, end, start):
            break
        statement.append(content)
    statement += _offered_beside(text, boxes[-1][0], boxes[-1][1])
    answer = boxes[-1][2]
    if _MINUS_BEFORE.search(text, max(boxes[-1][0] - 20, 0), boxes[-1][0]):
        answer = statement[0] = f"-({answer})"
    return Extracted(answer, "boxed", _different(statement))


def _offered_beside(text: str, start: int, end: int) -> list[str]:
    """Alternatives written without a box right before or after it: `41 or [42]`, `[42] or 41`."""
    before = _OR_BEFORE.search(text, max(start - _MAX_BESIDE, 0), start)
    after = _OR_AFTER.match(text, end, end + _MAX_BESIDE)
    return [match[1].strip() for match in (before, after) if match is not None]


def _side_by_side(text: str, end: int, start: int) -> bool:
    """Whether two answers with this text between them are one statement, and not a correction or another part."""
    if start - end > _MAX_BETWEEN:
        return not text[end:start].strip()
    between = text[end:start]
    if _JOINER.fullmatch(between):
        return True
    return bool(_DOUBT.search(between)) and not _CORRECTION.search(between)


def _different(statement: Sequence[str]) -> tuple[str, ...]:
    """The answers of a statement in order, when they are not all written the same."""
    if len(statement) < 2 or len({normalise(answer) for answer in statement}) == 1:
        return ()
    return tuple(reversed(statement))


def _from_statement(text: str) -> Extracted | None:
    last = None
    for match in _STATED.finditer(text):
        last = match
    return None if last is None else _first_sentence(text[last.end() :], "stated")


def _from_marks(text: str) -> Extracted | None:
    _, mark, rest = text.rpartition("####")
    return _first_sentence(rest, "####") if mark else None


def _first_sentence(rest: str, rule: str) -> Extracted | None:
    rest = rest.replace("**", "").replace("__", "").lstrip()
    if lead := _LEADS.match(rest):
        rest = rest[lead.end() :]
    if formula := _FORMULA.match(rest):
        return _formula_with_neighbours(rest, formula, rule)
    answer = _SENTENCE_END.split(rest, maxsplit=1)[0].strip("*_` \t").removesuffix(".")
    if not answer.strip() or _WORDY.match(answer):  # "obtained by adding, which gives 5"
        return None
    return Extracted(answer.strip(), rule)


def _formula_with_neighbours(rest: str, formula: re.Match[str], rule: str) -> Extracted:
    """A formula, and whether others are offered with it: `$5$ or $6$`; units after it belong to it: `$5$ cm`."""
    inside = _inside(formula)
    line_end = _SENTENCE_END.search(rest, formula.end())
    line = rest[formula.end() : line_end.start() if line_end else len(rest)]
    statement, end = [inside], formula.end()
    for other in _FORMULA.finditer(rest, formula.end(), formula.end() + len(line)):
        if not _side_by_side(rest, end, other.start()):
            break
        statement.append(_inside(other))
        end = other.end()
    if len(statement) == 1 and re.match(r"\s*(?:,\s*)?or\b", line):
        return Extracted(inside + line, rule)
    unit = re.fullmatch(r" ?([A-Za-z°%]+(?:[/^ ][A-Za-z0-9]+)?)\.?\s*", line)
    if unit and len(statement) == 1:
        inside = f"{inside} {unit[1]}"
    return Extracted(inside, rule, _different(statement[::-1]))


def _inside(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group is not None).strip()


def _from_formula(text: str) -> Extracted | None:
    formulas = list(_FORMULA.finditer(text))
    if not formulas or not _TAIL.fullmatch(text, formulas[-1].end()):
        return None
    statement = [_inside(formulas[-1])]
    for before, after in reversed(list(pairwise(formulas))):
        if not _side_by_side(text, before.end(), after.start()):
            break
        statement.append(_inside(before))
    return Extracted(statement[0], "formula", _different(statement))


def _from_bare(text: str) -> Extracted | None:
    bare = text.strip()
    if not bare or "\n" in bare or (len(bare) > _MAX_BARE and not _DIGITS.fullmatch(bare)):
        return None
    if len(_PLAIN_WORD.findall(bare)) > _MAX_BARE_WORDS:
        return None
    return Extracted(bare, "bare")
