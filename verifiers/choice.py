"""Multiple choice: is the option that a response names the right one?

An answer may name the letter (`C`, `(C)`, `c)`, `Option C`), write the option's text, or do both; both must then agree.
Several letters are right only where the reference has the same several.

`verify_choice` compares texts within a deadline, `verify_choice_here` without one, for code that is killed anyway.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from verifiers.math.claims import Standing, standing
from verifiers.math.extract import extract_answer
from verifiers.math.normalise import normalise
from verifiers.math.quick import decide_quickly
from verifiers.math.verdict import Outcome, compare_answers, judge_here
from verifiers.math.visible import answer_part
from verifiers.math.words import choice_of, letters_of, unwrap_text

_NAMED = re.compile(
    r"\b(?:correct|right|best)\s+(?P<noun>option|choice|answer)\s*(?:is|:)[\s:*_$]*"
    r"(?:\\text\w*\{)?\(?(?P<letter>[A-Z])(?![A-Za-z])"
)
_MORE_LETTERS = re.compile(r"[)}*\s]*(?:,\s*\(?[A-Z]\b|/|or\b|\?|;)")
_Same = Callable[[str, str], bool]
_EITHER = re.compile(r"\(?[A-Z]\)?(?: ?, ?or | or | ?/ ?)\(?[A-Z]\)?")


@dataclass(frozen=True, slots=True)
class ChoiceVerdict:
    """Whether the chosen option is right, and how it was named."""

    outcome: Outcome
    """`right`, `wrong`, `no answer`, `hedged` (letter and text name different options) or `unparseable gold`."""
    gold: tuple[str, ...]
    """The right letter or letters."""
    answer: tuple[str, ...]
    """The letter or letters that the response names; empty when it names none of the options."""
    rule: str
    """`letter`, `text`, `letter and text`, or `extraction` when there was nothing to compare."""

    @property
    def correct(self) -> bool:
        """Only a right answer is."""
        return self.outcome is Outcome.RIGHT

    def __bool__(self) -> bool:
        """As `correct`, so that no wrong answer passes an `if`."""
        return self.correct


def verify_choice(
    gold: str, response: str, options: Mapping[str, str] | Sequence[str] = (), *, timeout_s: float = 2.0
) -> ChoiceVerdict:
    """Whether a response chooses the right option. Never raises on what a model wrote.

    Args:
        gold: the right letter (`C`), letters (`A, C`) or the text of the right option.
        response: a whole response, thinking included; a bare letter works too.
        options: the options' texts by letter, or in order (the first is A). Without them only letters are understood.
        timeout_s: deadline of one comparison of an option's text that needs parsing, in seconds.
    """
    return _verify(gold, response, options, partial(_same_within, timeout_s))


def verify_choice_here(gold: str, response: str, options: Mapping[str, str] | Sequence[str] = ()) -> ChoiceVerdict:
    """`verify_choice` without a deadline, in this very thread: for code that runs where it is killed anyway."""
    return _verify(gold, response, options, _same_here)


def _verify(gold: str, response: str, options: Mapping[str, str] | Sequence[str], same: _Same) -> ChoiceVerdict:
    texts = dict(options) if isinstance(options, Mapping) else dict(zip(string.ascii_uppercase, options, strict=False))
    texts = {letter.strip("() .").upper(): text for letter, text in texts.items()}
    wanted, _ = _letters(gold, texts, same)
    if not wanted:
        return ChoiceVerdict(Outcome.UNPARSEABLE_GOLD, (), (), "extraction")
    found = extract_answer(response)
    answer = found.answer
    if found.rule in ("", "bare", "formula") and (named := _claimed(answer_part(response))) is not None:
        answer = named["letter"]
        if _MORE_LETTERS.match(named.string, named.end()):
            return ChoiceVerdict(Outcome.HEDGED, wanted, (), "extraction")
    if answer is None:
        return ChoiceVerdict(Outcome.NO_ANSWER, wanted, (), "extraction")
    if found.hedged:
        answer = ", ".join(found.alternatives)
    given, rule = _letters(answer, texts, same)
    if rule == "disagreement" or (found.hedged and given != wanted):
        return ChoiceVerdict(Outcome.HEDGED, wanted, given, rule)
    return ChoiceVerdict(Outcome.RIGHT if given == wanted else Outcome.WRONG, wanted, given, rule)


def _claimed(text: str) -> re.Match[str] | None:
    """The last place that names an option and claims it: not in a supposition, and not to deny it."""
    for named in reversed(list(_NAMED.finditer(text))):
        if standing(text, named.start("noun")) is Standing.CLAIMED:
            return named
    return None


def _letters(answer: str, options: Mapping[str, str], same: _Same) -> tuple[tuple[str, ...], str]:
    """The letters that an answer names, sorted, and how it names them."""
    text = normalise(answer)
    if _EITHER.fullmatch(unwrap_text(text)):
        return (), "disagreement"
    if several := letters_of(text):
        return tuple(several), "letter"
    chosen = choice_of(text) or (choice_of(text.upper()) if len(text) == 1 else None)
    if chosen is not None and chosen[0] in options and chosen[1]:
        agree = same(options[chosen[0]], chosen[1])
        return (chosen[0],), "letter and text" if agree else "disagreement"
    if chosen is not None and not chosen[1] and (not options or chosen[0] in options):
        return (chosen[0],), "letter"
    by_text = tuple(letter for letter, option in options.items() if same(option, text))
    return by_text if len(by_text) == 1 else (), "text"


def _same_within(timeout_s: float, option: str, text: str) -> bool:
    return compare_answers(option, text, timeout_s=timeout_s).correct


def _same_here(option: str, text: str) -> bool:
    option, text = normalise(option), normalise(text)
    if not option or not text:
        return False
    decision = decide_quickly(option, text)
    return judge_here(option, text)[0] is Outcome.RIGHT if decision is None else decision.equal
