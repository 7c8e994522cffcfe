r"""Answers that are words: names, yes and no, choice letters, "no solution", numbers in words, times of day.

Everything here is compared as text in lower case, never as mathematics: letters of a word do not commute.
"""

from __future__ import annotations

import re
from fractions import Fraction

_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_WORDS = re.compile(r"[^\W\d_](?:[^\W\d_]|[ '&-]|\. ?(?=\w))*\.?")
_REAL_WORD = re.compile(r"[^\W\d_]{3,}|^[^\W\d_]{2}$")
_ARTICLES = re.compile(r"^(?:the|an?|it is|it|they are) (?=\w{3})")
_CHOICE = re.compile(
    r"(?P<prefix>(?i:(?:option|choice|answer):? ))?"
    r"(?:\( ?(?P<round>[A-Za-z]) ?\)|(?P<bare>[A-Z])(?P<mark>[).:])?|(?P<small>[a-z])\))(?: +(?P<rest>[^ ].*))?",
    re.DOTALL,
)
_LETTER = r"(?:\( ?[A-Z] ?\)|[A-Z])"
_LETTERS = re.compile(rf"{_LETTER}(?:(?: ?[,;] ?(?:and )?| and | ?& ?){_LETTER})+")
_TWO_CHOICES = re.compile(
    r"\b(?:or|and|not|nor|neither|nope|wrong|false|incorrect)\b|n't\b|(?<![A-Za-z\\{])[A-Za-z][).:]|(?<![A-Za-z\\{])[A-Z](?![A-Za-z])"
)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DATE = re.compile(rf"(?:(?P<month>{_MONTHS}),? (?P<day>\d\d?)|(?P<day2>\d\d?) (?:of )?(?P<month2>{_MONTHS}))")
_CLOCK = re.compile(r"(\d{1,2})(?: ?: ?(\d\d)(?: ?: ?(\d\d))?)? ?([ap])\.? ?m\.?", re.IGNORECASE)

_HOURS = {"noon": 12, "midday": 12, "midnight": 0}
_NUMERAL = re.compile(r"\(? ?([0-9A-Za-z]+) ?\)? ?_ ?\{? ?(\d{1,2}|[a-z]+) ?\}?")

_PHRASES = {
    "no solution": (
        "no solution", "no solutions", "no real solution", "no real solutions", "there is no solution", "none",
        "there are no solutions", "has no solution", "no such value exists", "empty set", "empty", "null set",
        "no real roots",
    ),
    "undefined": (
        "undefined", "not defined", "does not exist", "doesn't exist", "dne", "is undefined", "limit does not exist",
    ),
    "all real numbers": (
        "all real numbers", "all reals", "all real", "reals", "real numbers", "set of all real numbers",
        "any real number", "every real number", "all real values",
    ),
    "infinitely many": (
        "infinitely many", "infinitely many solutions", "infinite number of solutions", "infinite solutions",
        "there are infinitely many solutions", "infinite",
    ),
}  # fmt: skip
_SYNONYMS = {phrase: meaning for meaning, phrases in _PHRASES.items() for phrase in phrases}
_AS_FORMULA = {"no solution": r"\emptyset", "all real numbers": r"\mathbb{R}", "infinity": r"\infty",
               "negative infinity": r"-\infty", "minus infinity": r"-\infty",
               "positive infinity": r"\infty"}  # fmt: skip

_UNITS = {
    word: value
    for value, word in enumerate(
        (
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen"
        ).split()
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
MULTIPLES = {"dozen": 12, "hundred": 100, **_SCALES}
"""Words that multiply the number before them."""
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "hundredth": 100}  # fmt: skip
_MAX_NUMBER_WORDS = 200
"""Characters of a number in words."""
_MULTIPLE = re.compile(rf"({'|'.join(MULTIPLES)})$", re.IGNORECASE)


def unwrap_text(text: str) -> str:
    r"""Without `\text{}`, keeping what is inside."""
    return " ".join(_TEXT.sub(r" \1 ", text).split()) if "\\text" in text else text


def words_of(text: str) -> str | None:
    """The words of an answer that is nothing but words, in lower case, without articles; None for anything else.

    A single letter is a variable or a choice, and not a word.
    """
    words = unwrap_text(text).strip('" ').rstrip(".")
    if len(words) < 2 or not _WORDS.fullmatch(words) or not _REAL_WORD.search(words.replace(".", "")):
        return None
    words = _ARTICLES.sub("", " ".join(words.lower().replace(".", "").replace("-", " ").split()))
    return _SYNONYMS.get(words, words)


def formula_for(words: str) -> str | None:
    """The formula that says the same as some words: the empty set for "no solution"."""
    return _AS_FORMULA.get(words)


def choice_of(text: str) -> tuple[str, str, bool] | None:
    """The letter of a choice in upper case, what stands after it, and whether it is marked as a choice.

    `(C)`, `C`, `C.`, `C. 12`, `c)`, `Option C`; None for others. A bare `C` may be a variable too.
    """
    text = unwrap_text(text)
    match = _CHOICE.fullmatch(text)
    if match is None:
        return None
    rest = match["rest"] or ""
    marked = match["bare"] is None or match["mark"] is not None or match["prefix"] is not None
    if rest and (not marked or (match["round"] and (match["round"].islower() or rest[0] in "^_+*/=-,'!("))):
        return None
    if _TWO_CHOICES.search(rest):
        return None
    return (match["round"] or match["bare"] or match["small"]).upper(), rest, marked


def letters_of(text: str) -> list[str] | None:
    """Several letters, sorted: `A, B`, `(B) and (A)`; None for anything else."""
    text = unwrap_text(text)
    return sorted(re.findall("[A-Z]", text)) if _LETTERS.fullmatch(text) else None


def date_of(text: str) -> tuple[str, int] | None:
    """Month and day of `October 30` or `30 October`."""
    match = _DATE.fullmatch(unwrap_text(text).lower())
    return (match["month"] or match["month2"], int(match["day"] or match["day2"])) if match else None


def clock_of(text: str) -> int | None:
    """Seconds since midnight of a time with a.m. or p.m."""
    text = unwrap_text(text).strip()
    if text.lower() in _HOURS:
        return _HOURS[text.lower()] * 3600
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if not 1 <= hour <= 12 or minute > 59 or second > 59:
        return None
    return ((hour % 12 + (12 if match[4].lower() == "p" else 0)) * 60 + minute) * 60 + second


def numeral_of(text: str) -> tuple[str, int] | None:
    """Digits and base of a numeral such as `204_5` or `1F_{16}`; None for anything else, a letter with an index too."""
    if "_" not in text:
        return None
    sign, text = ("-", text[1:]) if text[:1] == "-" else ("", text)
    match = _NUMERAL.fullmatch(_TEXT.sub(r"\1", text).replace(" ", ""))
    if match is None or (not any(map(str.isdecimal, match[1])) and len(match[1]) < 2):
        return None
    base = base_of(match[2])
    digits = match[1].upper().lstrip("0") or "0"
    return (
        (sign + digits, base)
        if base is not None and 2 <= base <= 36 and all(int(digit, 36) < base for digit in digits)
        else None
    )


def base_of(text: str) -> int | None:
    """The base of a numeral, in digits or in a word; None for anything else."""
    return int(text) if text.isdecimal() and len(text) <= 3 else _UNITS.get(text.lower().strip())


def number_of(words: str) -> Fraction | None:
    """The number that words in lower case name: "forty-two", "one hundred and five", "two and a half"."""
    if len(words) > _MAX_NUMBER_WORDS:
        return None
    parts = words.replace("-", " ").split()
    if parts and parts[0] in ("minus", "negative"):
        inner = number_of(" ".join(parts[1:])) if parts[1:2] not in ([], ["minus"], ["negative"]) else None
        return None if inner is None else -inner
    whole, joined, rest = " ".join(parts).partition(" and ")
    if (
        joined
        and (fraction := _fraction(rest.split())) is not None
        and (before := _cardinal(whole.split())) is not None
    ):
        return before + fraction
    fraction = _fraction(parts)
    cardinal = _cardinal(parts)
    return fraction if cardinal is None else Fraction(cardinal)


def multiple_of(text: str) -> tuple[str, int] | None:
    """`1.5 million` as ("1.5", 1000000)."""
    if text[-1:].isdecimal():
        return None
    text = unwrap_text(text)
    match = _MULTIPLE.search(text, max(len(text) - 8, 0))
    if match is None:
        return None
    return text[: match.start()].rstrip(), MULTIPLES[match[1].lower()]


def _fraction(parts: list[str]) -> Fraction | None:
    if parts and parts[0] in ("a", "an"):
        parts = ["one", *parts[1:]]
    if parts == ["half"]:
        return Fraction(1, 2)
    if len(parts) < 2:
        return None
    plural = parts[-1].endswith("s")  # "twenty-fifth" is an ordinal
    below = _PARTS.get("half" if parts[-1] == "halves" else parts[-1].removesuffix("s"))
    above = _cardinal(parts[:-1])
    if below is None or above is None or plural == (above == 1):
        return None
    return Fraction(above, below)


def _cardinal(parts: list[str]) -> int | None:
    """A whole number in words: scales fall, and "and" comes after a hundred or a scale."""
    if parts == ["zero"]:
        return 0
    total, current, scale = 0, 0, max(_SCALES.values()) * 10
    joined = False
    for part in parts:
        if part == "and":
            if joined or current % 100 or not (total or current):
                return None
            joined = True
            continue
        if part in _UNITS and part != "zero":
            if current % 10 or 10 <= current % 100 < 20 or (current % 100 and _UNITS[part] >= 10):
                return None
            current += _UNITS[part]
        elif part in _TENS:
            if current % 100:
                return None
            current += _TENS[part]
        elif part == "hundred":
            if current > 99 or joined:
                return None
            current = (current or 1) * 100
        elif part in _SCALES:
            if _SCALES[part] >= scale or (joined and total):
                return None
            scale = _SCALES[part]
            total, current = total + (current or 1) * scale, 0
        else:
            return None
    return total + current if parts and parts[-1] != "and" else None
