r"""Finds the final answer in a response.

In this order: the last `\boxed{...}`; what follows the last "answer is" or "Answer:"; what follows the last "####"; the
`$...$` that ends the response; the whole response when it is one short line. Only what comes after the thinking is
looked at, and of that what a reader sees of the model's own turn. An answer that offers alternatives side by side is a
hedge, and so are two different final answers; one that is corrected later is not. A supposition claims nothing.

All patterns run in linear time: responses may be long and hostile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from verifiers.math.claims import (
    BOLD,
    LEADS,
    Standing,
    claimed_after,
    claimed_before,
    claimed_beside,
    contradicting,
    last_claim,
    standing_of_value,
    statements_in,
)
from verifiers.math.context import is_denied, is_taken_back, offered_beside, side_by_side, whole_formula
from verifiers.math.normalise import normalise
from verifiers.math.visible import own_turns, without_folded, without_hidden
from verifiers.thinking import after_thinking as text_after_thinking

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*+")
_UNBRACED = re.compile(r"[^\s{}$\\]+")
_BRACE = re.compile(r"\\.|([{}])", re.DOTALL)
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
_NOT_ANOTHER = re.compile(r"(?<=\d),?\s(?:and\s)?not\s[^\s,]{1,20}\Z")
"""Another value denied behind a number: `42, not 43`."""
_MAX_TURNS = 4
_MAX_NO_CLAIMS = 20
_MARKED = ("boxed", "stated", "####")
"""Rules by which a response says that this is its answer."""
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
    turns = own_turns(text_after_thinking(response) if after_thinking else response)
    if not turns:
        return Extracted(None)
    found, *later = (_extract_visible(turn) for turn in turns[:_MAX_TURNS])
    for again in later:  # as another speaker it asked itself again
        if again.answer is not None and again.rule in _MARKED:
            found = _beside(found, again)
    return found


def _extract_visible(text: str) -> Extracted:
    text = without_hidden(text)
    found = _extract(text)
    if found.answer is not None and "<" in text and (unfolded := without_folded(text)) != text:
        shown = _extract(unfolded)
        if shown.answer is not None and shown.rule in _MARKED:
            return _beside(shown, found)
    return found


def _extract(text: str) -> Extracted:
    for rule in (_from_boxes, _from_statement, _from_marks, _from_formula, _from_bare):
        if (found := rule(text)) is not None:
            return found
    return Extracted(None)


def _beside(found: Extracted, other: Extracted) -> Extracted:
    """An answer and another one that is offered at another place."""
    if found.answer is None or other.answer is None or found.hedged:
        return found
    return Extracted(found.answer, found.rule, other.alternatives or _different([found.answer, other.answer]))


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
    if not boxes or not boxes[-1][2] or last.start() >= boxes[-1][1]:
        return Extracted(None, "boxed")
    boxes = claimed_boxes(text, boxes)
    if not boxes:
        return Extracted(None, "boxed")
    start, end, inside = boxes[-1]
    found = _stated_with(text, boxes, whole_formula(text, start, end, inside), "boxed")
    if not found.hedged:
        for other in (claimed_after(text, end, inside), claimed_before(text, start, inside)):
            if other is not None and found.answer is not None:
                return Extracted(found.answer, found.rule, (other, found.answer))
    return found


def claimed_boxes(text: str, boxes: list[_Span]) -> list[_Span]:
    """Of all boxes those up to the last one that is claimed; none when what comes after it takes it back."""
    denied: list[str] = []
    for last in range(len(boxes) - 1, max(len(boxes) - _MAX_NO_CLAIMS, 0) - 1, -1):
        start, end, inside = boxes[last]
        standing = standing_of_value(text, start)
        if standing is Standing.CLAIMED:
            valid = inside and not is_denied(text, start, end) and not (denied and normalise(inside) in denied)
            return boxes[: last + 1] if valid else []
        if standing is Standing.DENIED:
            denied.append(normalise(inside))
    return []


def _from_statement(text: str) -> Extracted | None:
    statements = statements_in(text)
    if not statements:
        return None
    claimed = last_claim(text, statements)
    if claimed is None:
        # Nothing is claimed so far; what marks or a formula at the end say may still be.
        return _from_marks(text) or _from_formula(text) or Extracted(None, "stated")
    found = _first_sentence(text[statements[claimed].end() :], "stated")
    if found is None or found.answer is None or found.hedged:
        return found
    others = claimed_beside(text, statements, claimed)
    if (after := claimed_after(text, statements[claimed].end(), found.answer)) is not None:
        others.append(after)
    return Extracted(found.answer, found.rule, (*reversed(others), found.answer)) if others else found


def _from_marks(text: str) -> Extracted | None:
    before, mark, rest = text.rpartition("####")
    found = _first_sentence(rest, "####") if mark else None
    if found is not None and found.answer is not None and not found.hedged:
        _, earlier, value = before.rpartition("####")
        if earlier and "\n" not in value.strip() and (other := contradicting(found.answer, value)) is not None:
            return Extracted(found.answer, found.rule, (other, found.answer))
    return found


def _from_formula(text: str) -> Extracted | None:
    formulas = _find_formulas(text)
    if not formulas or not _TAIL.fullmatch(text, formulas[-1][1]):
        return None
    start, end, inside = formulas[-1]
    if standing_of_value(text, start) is not Standing.CLAIMED:
        return None
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
    rest = BOLD.sub("", rest).lstrip()
    if lead := LEADS.match(rest):
        rest = rest[lead.end() :]
    formulas = _find_formulas(rest)
    if formulas and formulas[0][0] == 0:
        return _formula_first(rest, formulas, rule)
    end = _SENTENCE_END.search(rest)
    answer = rest[: end.start()] if end else rest
    stripped = _NOT_ANOTHER.sub("", answer.strip("*_` \t").removesuffix("."))
    if not stripped.strip() or _WORDY.match(stripped):  # "obtained by adding, which gives 5"
        return None
    if end and is_taken_back(rest, end.start()):
        return Extracted(None, rule)
    other = _ALTERNATIVE.match(rest, end.end()) if end else None
    return Extracted(stripped.strip(), rule, (stripped.strip(), other[0].strip()) if other else ())


def _formula_first(rest: str, formulas: Sequence[_Span], rule: str) -> Extracted:
    """A statement that begins with a formula: it alone, with its unit, or with what is offered beside it."""
    _, end, inside = formulas[0]
    if is_taken_back(rest, end):
        return Extracted(None, rule)
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
