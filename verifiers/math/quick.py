"""The fast path: decides plain numbers, equal texts, words, choices and times in microseconds, without sympy or mpmath.

What it cannot decide it leaves to `verifiers.math.slow`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiers.math.normalise import squeeze
from verifiers.math.numbers import PlainNumber, equal_digits, equal_numbers, parse_number
from verifiers.math.words import (
    choice_of,
    clock_of,
    date_of,
    formula_for,
    letters_of,
    multiple_of,
    number_of,
    numeral_of,
    unwrap_text,
    words_of,
)

_LABELLED = re.compile(
    r"(?P<name>[A-Za-z]) ?= ?(?P<named>[^=]+)|(?P<sign>-? ?)＄ ?(?P<money>\d[^°＄=]*)|(?P<degrees>[^°=＄]+)°"
)
_MAX_PROSE = 1000
"""Characters of an answer that may be words."""
_SHORT_WORDS = frozenset("yes no odd red dne none one two six ten mon tue wed thu fri sat sun".split())
_PROSE = re.compile(r"(?=.*[A-Za-z]{4})[\w ,.;:'\"&()-]+", re.DOTALL)
"""Words with numbers among them."""
_TWENTY_FOUR_HOURS = re.compile(r"([01]?\d|2[0-3]) ?: ?([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Decision:
    """Equal or not, and the rule that says so."""

    equal: bool
    rule: str


def decide_quickly(gold: str, answer: str) -> Decision | None:
    """Compare two normalised answers; None when that takes parsing."""
    if gold == answer:
        return Decision(True, "same text")
    integers = equal_digits(gold, answer)
    if integers is not None:
        return Decision(integers, "digits")
    numbers = (_number(gold), _number(answer))
    if numbers[0] is not None and numbers[1] is not None:
        return Decision(equal_numbers(*numbers), "number")  # type: ignore[arg-type]
    if (labelled := _decide_labelled(gold, answer, numbers)) is not None:
        return labelled
    if numbers == (None, None) and "!" not in gold + answer and squeeze(gold) == squeeze(answer):
        return Decision(True, "same text")
    if max(len(gold), len(answer)) > _MAX_PROSE:
        return None
    return (
        _decide_numeral(gold, answer)
        or _decide_choice(gold, answer)
        or _decide_time(gold, answer)
        or _decide_words(gold, answer)
    )


def _number(text: str) -> PlainNumber | None:
    number = parse_number(text)
    if number is None and (multiple := multiple_of(text)) and (number := parse_number(multiple[0])):
        factor = multiple[1]
        place = None if number.last_place is None else number.last_place * factor
        return PlainNumber(number.value * factor, place, number.significant)
    return number


def _decide_labelled(gold: str, answer: str, numbers: tuple[PlainNumber | None, ...]) -> Decision | None:
    """`x = 5`, `$5` and `90°` beside plain numbers and each other, as `compare` would decide them."""
    read: list[tuple[str, PlainNumber] | None] = [
        ("", number) if number is not None else _labelled(text)
        for text, number in zip((gold, answer), numbers, strict=True)
    ]
    if read[0] is None or read[1] is None:
        return None
    (gold_label, wanted), (answer_label, given) = read[0], read[1]
    if gold_label and answer_label and gold_label != answer_label:
        return None
    return Decision(equal_numbers(wanted, given), "number")


def _labelled(text: str) -> tuple[str, PlainNumber] | None:
    """The name or unit that a plain number is given, and the number."""
    match = _LABELLED.fullmatch(text)
    if match is None:
        return None
    number = parse_number((match["sign"] or "") + (match["named"] or match["money"] or match["degrees"]))
    return None if number is None or number.percent else (match["name"] or ("$" if match["money"] else "°"), number)


def _decide_numeral(gold: str, answer: str) -> Decision | None:
    """A question that asks for a base wants these digits in it: 204_5 is neither 204_6 nor 54 nor 204."""
    numerals = [numeral_of(text) for text in (gold, answer)]
    if numerals == [None, None]:
        return None
    decimal = [
        (text, 10) if numeral is None else numeral for numeral, text in zip(numerals, (gold, answer), strict=True)
    ]
    return Decision(decimal[0] == decimal[1], "numeral")


def _decide_choice(gold: str, answer: str) -> Decision | None:
    lists = [letters_of(text) for text in (gold, answer)]
    if None not in lists:
        return Decision(lists[0] == lists[1], "choice")
    wanted, given = choice_of(gold), choice_of(answer)
    # A marked letter is also named by the bare small one: (C) by c. Two bare ones may be different variables.
    given = given or _small_letter(answer, wanted)
    if wanted is None and given is None:
        return None
    if wanted is not None and given is not None:
        if wanted[0] != given[0]:
            return Decision(False, "choice")
        return decide_quickly(wanted[1], given[1]) if wanted[1] and given[1] else Decision(True, "choice")
    _, rest, marked = wanted or given or ("", "", False)
    if not rest:  # a lone letter against something else may still be a variable
        return Decision(False, "choice") if marked else None
    if choice_of(rest) is not None:
        return Decision(False, "choice")
    return decide_quickly(rest, answer) if wanted else decide_quickly(gold, rest)


def _small_letter(text: str, other: tuple[str, str, bool] | None) -> tuple[str, str, bool] | None:
    text = unwrap_text(text)
    return (text.upper(), "", False) if other and other[2] and len(text) == 1 and "a" <= text <= "z" else None


def _decide_time(gold: str, answer: str) -> Decision | None:
    wanted, given = clock_of(gold), clock_of(answer)
    if wanted is None and given is None:
        return None
    seconds = [_day_seconds(text) if time is None else time for text, time in ((gold, wanted), (answer, given))]
    return Decision(None not in seconds and seconds[0] == seconds[1], "time of day")


def _day_seconds(text: str) -> int | None:
    match = _TWENTY_FOUR_HOURS.fullmatch(text)
    hours = int(match[1]) if match else 0
    return (hours * 60 + int(match[2])) * 60 if match and hours >= 13 else None


def _decide_words(gold: str, answer: str) -> Decision | None:
    dates = [date_of(text) for text in (gold, answer)]
    if None not in dates:
        return Decision(dates[0] == dates[1], "date")
    if (
        (" " in gold or "\\text" in gold)
        and _PROSE.fullmatch(unwrap_text(gold))
        and _as_prose(gold) == _as_prose(answer)
    ):
        return Decision(True, "words")
    wanted, given = words_of(gold), words_of(answer)
    if wanted is None and given is None:
        return None
    if unwrap_text(gold) == unwrap_text(answer):
        return Decision(True, "words")
    if (
        wanted == given
        and wanted is not None
        and _is_prose(gold)
        and _is_prose(answer)
        and _letters(gold) == _letters(answer)
    ):
        return Decision(True, "words")
    replaced = [_as_mathematics(words) or text for words, text in ((wanted, gold), (given, answer))]
    if replaced != [gold, answer]:
        return decide_quickly(*replaced)
    if wanted is not None and given is not None and (len(wanted) > 2 or len(given) > 2):
        return Decision(False, "words")
    if any(words and number_of(re.split("[ -]", words)[0]) is not None for words in (wanted, given)):
        return None  # "five apples"
    text, words = (gold, wanted) if wanted is not None else (answer, given)
    if words is not None and len(words) > 3 and words != "infinity" and (text is gold or " " in words):
        return Decision(False, "words")
    return None


def _as_prose(text: str) -> str:
    words = " ".join(unwrap_text(text).split())
    return re.sub("[A-Za-z]{4,}", lambda word: word[0].lower(), words)  # letters and abbreviations have a case


def _is_prose(text: str) -> bool:
    r"""Whether a text is a word in any case of letters; `AB`, `xy` and `abcd` are products."""
    bare = unwrap_text(text)
    if len(bare) > 4 or bare.lower() in _SHORT_WORDS or ("\\text" in text and len(bare) > 2):
        return True
    return len(text) == 4 and (text.islower() or text.istitle())


def _letters(text: str) -> list[str]:
    """The runs of up to three letters that are names of points or variables, whose case counts."""
    short = re.findall(r"(?<![A-Za-z])[A-Za-z]{1,3}(?![A-Za-z])", unwrap_text(text).replace(".", ""))
    names = [run for run in short if len(run) == 1 or not (run.islower() or run.istitle())]
    return [run for run in names if run.lower() not in _SHORT_WORDS | {"a"}]


def _as_mathematics(words: str | None) -> str | None:
    if words is None:
        return None
    number = number_of(words)
    return str(number) if number is not None else formula_for(words)
