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

from verifiers.math.context import is_denied, offered_beside, side_by_side, whole_formula
from verifiers.math.normalise import normalise
from verifiers.thinking import after_thinking as text_after_thinking

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*+")
_UNBRACED = re.compile(r"[^\s{}$\\]+")
_BRACE = re.compile(r"\\.|([{}])", re.DOTALL)
_STATED = re.compile(
    r"\bfinal\s++answer(?:\*\*|__|:|[^\S\n])*+\n\s*+|"
    r"\banswer(?:\s++to\s[^.:\n$]{1,80}?)?(?:\s|\*\*|__)*+(?:is\b|=|:|：)[\s:*=_]*+",
    re.IGNORECASE,
)
_DENIED_STATEMENT = re.compile(r"\b(?:wrong|incorrect|not\s+the|false\s+that(?:\s+the)?)\s+$", re.IGNORECASE)
_LEADS = re.compile(
    r"(?:(?:therefore|thus|hence|then|so|simply|clearly|indeed|actually|now|in fact|just|exactly|equal to|given by)"
    r"[,:]?\s++)++",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(?:^|(?<=\s))(?:\*\*|__)|(?:\*\*|__)(?=\s|$|[.,;:!?])")
"""Marks of bold text, but not the power in x**2."""
_SENTENCE_END = re.compile(r"(?<=[^\s.])\.(?=\s)|\n")
_WORDY = re.compile(r"[a-z]{3,} .*\d")
_DELIMITER = re.compile(r"\\[()\[\]\\$]|\$\$?")
_CLOSING = {r"\(": r"\)", r"\[": r"\]", "$": "$", "$$": "$$"}
_TAIL = re.compile(r"[\s.!,;:*_]*+")
_NOTHING_MORE = re.compile(
    r"[\s.!,;:*_)]*+$|\s*[,;(]?\s*(?:since|because|as)\b|"
    r"\s*[,;(]?\s*(?:where|which|by|from|so|using|i\.e\.|in simplest)\b(?![^\n]*(?:[\d$]|\bfalse\b|\bwrong\b|\bnot\b))",
    re.IGNORECASE,
)
_UNIT = re.compile(r" ?([A-Za-z°%]+(?:[/^ ][A-Za-z0-9]+){0,3})[.!]?\s*")
_MAX_STATEMENT = 2000
_MAX_BARE = 200
_MAX_BARE_WORDS = 5
_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_DIGITS = re.compile(r"[-+\d.,/ %]+")
_ALTERNATIVE = re.compile(r"[\s.]*(?:or|maybe|perhaps|possibly|alternatively)\b[^\n]*", re.IGNORECASE)

_Span = tuple[int, int, str]
"""Start, end and what is inside."""


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
    for rule in (_from_boxes, _from_statement, _from_marks, _from_formula, _from_bare):
        if (found := rule(text)) is not None:
            return found
    return Extracted(None)


def find_boxes(text: str) -> list[_Span]:
    r"""All closed outermost `\boxed{...}`; braces may nest, escaped ones do not count."""
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
    boxes: list[_Span] = []
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
    if "box" not in text:
        return None
    boxes = find_boxes(text)
    last = None
    for match in _BOX.finditer(text):
        last = match
    if last is None:
        return None
    # A last box that is empty, cut off or denied is no answer, whatever stands elsewhere.
    if not boxes or not boxes[-1][2] or last.start() >= boxes[-1][1] or is_denied(text, *boxes[-1][:2]):
        return Extracted(None, "boxed")
    return _stated_with(text, boxes, whole_formula(text, *boxes[-1]), "boxed")


def _from_statement(text: str) -> Extracted | None:
    last = None
    for match in _STATED.finditer(text):
        last = match
    if last is not None and _DENIED_STATEMENT.search(text, max(last.start() - 40, 0), last.start()):
        return Extracted(None, "stated")
    return None if last is None else _first_sentence(text[last.end() :], "stated")


def _from_marks(text: str) -> Extracted | None:
    _, mark, rest = text.rpartition("####")
    return _first_sentence(rest, "####") if mark else None


def _from_formula(text: str) -> Extracted | None:
    formulas = _find_formulas(text)
    if not formulas or not _TAIL.fullmatch(text, formulas[-1][1]):
        return None
    start, end, inside = formulas[-1]
    if is_denied(text, start, end) or whole_formula(text, start, end, inside) != inside:
        return None
    if text[:start].rstrip()[-1:].isdecimal():  # 2 $5$
        return None
    return _stated_with(text, formulas, inside, "formula")


def _from_bare(text: str) -> Extracted | None:
    bare = text.strip()
    if "\n" in bare and bare.startswith("\\begin{"):
        bare = " ".join(bare.split())
    if not bare or "\n" in bare or (len(bare) > _MAX_BARE and not _DIGITS.fullmatch(bare)):
        return None
    if len(_PLAIN_WORD.findall(bare)) > _MAX_BARE_WORDS:
        return None
    return Extracted(bare, "bare")


def _stated_with(text: str, spans: Sequence[_Span], answer: str, rule: str) -> Extracted:
    """The last of some spans, as `answer`, and what is offered beside it."""
    statement = [answer]
    for (_, end, inside), (start, _, _) in reversed(list(pairwise(spans))):
        if not side_by_side(text, end, start):
            break
        statement.append(inside)
    statement += offered_beside(text, *spans[-1][:2])
    return Extracted(answer, rule, _different(statement))


def _different(statement: Sequence[str]) -> tuple[str, ...]:
    """The answers of a statement in order, when they are not all written the same."""
    if len(statement) < 2 or len({normalise(answer) for answer in statement}) == 1:
        return ()
    return tuple(reversed(statement))


def _first_sentence(rest: str, rule: str) -> Extracted | None:
    rest = rest[:_MAX_STATEMENT] if " " in rest[:_MAX_STATEMENT].strip() else rest
    rest = _BOLD.sub("", rest).lstrip()
    if lead := _LEADS.match(rest):
        rest = rest[lead.end() :]
    formulas = _find_formulas(rest)
    if formulas and formulas[0][0] == 0:
        return _formula_first(rest, formulas, rule)
    end = _SENTENCE_END.search(rest)
    answer = rest[: end.start()] if end else rest
    stripped = answer.strip("*_` \t").removesuffix(".")
    if not stripped.strip() or _WORDY.match(stripped):  # "obtained by adding, which gives 5"
        return None
    other = _ALTERNATIVE.match(rest, end.end()) if end else None
    return Extracted(stripped.strip(), rule, (stripped.strip(), other[0].strip()) if other else ())


def _formula_first(rest: str, formulas: Sequence[_Span], rule: str) -> Extracted:
    """A statement that begins with a formula: it alone, with its unit, or with what is offered beside it."""
    _, end, inside = formulas[0]
    line_end = _SENTENCE_END.search(rest, end)
    line = rest[end : line_end.start() if line_end else len(rest)]
    statement, last = [inside], end
    for start, stop, other in formulas[1:]:
        if start >= end + len(line) or not side_by_side(rest, last, start):
            break
        statement.append(other)
        last = stop
    if len(statement) > 1:
        return Extracted(inside, rule, _different(statement[::-1]))
    if _NOTHING_MORE.match(line):
        return Extracted(inside, rule)
    if unit := _UNIT.fullmatch(line):
        return Extracted(f"{inside} {unit[1]}", rule)
    return Extracted(inside + line, rule)  # "$5$ or 6", "$5$ for even n"


def _find_formulas(text: str) -> list[_Span]:
    r"""All `$...$`, `$$...$$`, `\(...\)` and `\[...\]`."""
    formulas: list[_Span] = []
    opening: re.Match[str] | None = None
    for delimiter in _DELIMITER.finditer(text):
        if opening is not None and delimiter[0] == _CLOSING[opening[0]]:
            formulas.append((opening.start(), delimiter.end(), text[opening.end() : delimiter.start()].strip()))
            opening = None
        elif opening is None and delimiter[0] in _CLOSING:
            opening = delimiter
    return formulas
