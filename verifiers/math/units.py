"""Units of measurement: what is after the number.

Known units are products of base units with an exact factor, so that 100 cm is 1 m and 36 km/h is 10 m/s. A word that is
no unit ("apples") is a base unit of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """Base units with their powers, sorted, and how many of them this is."""

    dimension: Dimension
    factor: Fraction = Fraction(1)


NOTHING = Unit(())

_KNOWN: dict[str, tuple[dict[str, int], Fraction]] = {}


def _define(names: str, dimension: dict[str, int], factor: Fraction | int | str = 1) -> None:
    for name in names.split():
        _KNOWN[name] = (dimension, Fraction(factor))


_LENGTH, _MASS, _TIME, _VOLUME, _ANGLE = {"m": 1}, {"g": 1}, {"s": 1}, {"m": 3}, {"degree": 1}
_define("m meter metre", _LENGTH)
_define("km kilometer kilometre", _LENGTH, 1000)
_define("cm centimeter centimetre", _LENGTH, "0.01")
_define("mm millimeter millimetre", _LENGTH, "0.001")
_define("nm nanometer", _LENGTH, "0.000000001")
_define("in inch inches", _LENGTH, "0.0254")
_define("ft foot feet", _LENGTH, "0.3048")
_define("yd yard", _LENGTH, "0.9144")
_define("mi mile", _LENGTH, "1609.344")
_define("g gram gm", _MASS)
_define("kg kilogram kilo", _MASS, 1000)
_define("mg milligram", _MASS, "0.001")
_define("tonne", _MASS, 1000000)
_define("lb lbs pound", _MASS, "453.59237")
_define("oz ounce", _MASS, Fraction("453.59237") / 16)
_define("s sec second", _TIME)
_define("ms millisecond", _TIME, "0.001")
_define("min minute", _TIME, 60)
_define("h hr hour", _TIME, 3600)
_define("day", _TIME, 86400)
_define("week", _TIME, 604800)
_define("month", {"month": 1})
_define("year yr", {"month": 1}, 12)
_define("L l liter litre", _VOLUME, "0.001")
_define("mL ml milliliter millilitre cc", _VOLUME, "0.000001")
_define("cL cl centiliter", _VOLUME, "0.00001")
_define("gallon gal", _VOLUME, Fraction("0.0254") ** 3 * 231)
_define("quart qt", _VOLUME, Fraction("0.0254") ** 3 * 231 / 4)
_define("pint pt", _VOLUME, Fraction("0.0254") ** 3 * 231 / 8)
_define("hectare ha", {"m": 2}, 10000)
_define("acre", {"m": 2}, "4046.8564224")
_define("degree deg °", _ANGLE)
_define("radian rad", {"radian": 1})
_define("arcminute", _ANGLE, Fraction(1, 60))
_define("mph", {"m": 1, "s": -1}, Fraction("1609.344") / 3600)
_define("kph kmh kmph", {"m": 1, "s": -1}, Fraction(1000, 3600))
_define("N newton", {"g": 1, "m": 1, "s": -2}, 1000)
_define("J joule", {"g": 1, "m": 2, "s": -2}, 1000)
_define("kJ", {"g": 1, "m": 2, "s": -2}, 1000000)
_define("W watt", {"g": 1, "m": 2, "s": -3}, 1000)
_define("kW", {"g": 1, "m": 2, "s": -3}, 1000000)
_define("Pa pascal", {"g": 1, "m": -1, "s": -2}, 1000)
_define("Hz hertz", {"s": -1})
_define("V volt", {"V": 1})
_define("A amp ampere", {"A": 1})
_define("K kelvin", {"K": 1})
_define("mol mole", {"mol": 1})
_define("°C celsius", {"celsius": 1})
_define("°F fahrenheit", {"fahrenheit": 1})
_define("$ dollar buck usd USD", {"dollar": 1})
_define("cent ¢ penny pennies", {"dollar": 1}, "0.01")
_define("€ euro eur EUR", {"euro": 1})
_define("£ gbp GBP", {"pound sterling": 1})
_define("¥ yen", {"yen": 1})
_define("₹ rupee", {"rupee": 1})
_define("unit", {"unit": 1})

_NO_UNITS = frozenset(
    (
        # a sentence or a hedge
        "untrue rejected invalid complement reciprocal infinity quadrillion quintillion bn tau theta is are was "
        "not or and but if when wrong maybe perhaps possibly probably either neither nor unless except than where "
        "that which so because though otherwise could might may false nope incorrect excluded never no most least "
        "approximately almost nearly about below above under between out to from for "
        # part of the number
        "plus minus over root sqrt factorial choose modulo mod remainder repeating recurring imaginary negative "
        "positive base power pi divided multiplied added double triple twice score lakh crore percent "
        "permille zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty "
        "sixty seventy eighty ninety half halve third quarter fourth fifth sixth seventh eighth ninth tenth hundredth "
        "thousandth millionth hundred thousand million billion trillion dozen gross "
    ).split()
)
"""Words after a number that are no thing counted, but a sentence, a hedge or a part of the number."""
_ORDINAL = re.compile(r".*(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|teen|tie|hundred|thousand|illion)ths?")
_IRREGULAR = {"feet": "foot", "inches": "inch", "people": "person", "men": "man", "women": "woman", "children": "child"}
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
_SAYS_NOTHING = {
    "a", "an", "the", "of", "in", "total", "each", "long", "tall", "wide", "high", "deep", "away", "old", "ago",
    "left", "more", "altogether", "apart", "exactly", "about", "only", "remaining", "all", "whole",
}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z]+|[°€£¥₹¢$][CF]?(?![A-Za-z])|\^ ?\{? ?(-?\d) ?\}?|[²³/*·]|\(|\)")
_CAPITALISED = frozenset("CM KM KG MM Cm Km Kg Hr HR Min MIN Sec Ft FT Lb LB Lbs Oz Yd Mi Ml MPH Mph Gal".split())
KNOWN_SHORT = frozenset(name for name in _KNOWN if 2 <= len(name) <= 4 and name.isalpha())
"""Abbreviations that may follow a number in plain text: `15 cm`."""


def read_unit(text: str) -> Unit | None:
    """The unit that a text names, such as `cm`, `square feet`, `km/h`, `m s^{-1}`, `apples per day`; None if none.

    Words without a meaning of their own ("long", "in total") are passed over; of such alone the unit is `NOTHING`.
    """
    text = text.replace(".", "")
    text = text if "^" in text else text.replace("-", " ")
    position, sign, next_power = 0, 1, 1
    dimension: dict[str, int] = {}
    factor = Fraction(1)
    words: list[str] = []
    last: tuple[dict[str, int], Fraction] | None = None
    last_sign = 1

    def include(entry: tuple[dict[str, int], Fraction], power: int) -> None:
        nonlocal factor
        for base, exponent in entry[0].items():
            dimension[base] = dimension.get(base, 0) + exponent * power
        factor *= entry[1] ** power

    def settle() -> None:
        nonlocal words, last, last_sign
        if words:
            name = " ".join((*words[:-1], _singular(words[-1])))
            last, last_sign = ({name: 1}, Fraction(1)), sign
            include(last, sign)
        words = []

    text = " ".join(text.split())
    while position < len(text):
        if text[position] == " ":
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        token, position = match[0], match.end()
        power = match[1] or {"²": "2", "³": "3"}.get(token)
        lower = token.lower()
        if lower in _NO_UNITS or _singular(lower) in _NO_UNITS or _ORDINAL.fullmatch(lower):
            return None
        if power is not None or lower in _POWERS_AFTER:
            settle()
            if last is None:
                return None
            include(last, last_sign * ((int(power) if power else _POWERS_AFTER[lower]) - 1))
        elif token == "/" or lower == "per":
            settle()
            sign = -1
            if not text[position:].strip():
                return None
        elif token in "*·()":
            settle()
        elif lower in _POWERS:
            next_power = _POWERS[lower]
        elif lower in _SAYS_NOTHING and (words or dimension or lower != "in"):
            continue
        else:
            entry = _lookup(token)
            if entry is None:
                if len(token) == 1:
                    return None
                words.append(lower if len(token) > 3 else token)
                continue
            settle()
            last, last_sign = entry, sign * next_power
            include(entry, last_sign)
            next_power = 1
    settle()
    if next_power != 1:  # "cubic" what?
        return None
    return Unit(tuple(sorted((base, power) for base, power in dimension.items() if power)), factor)


def is_unit(word: str) -> bool:
    """Whether a word is a unit of measurement, and not a thing counted."""
    return _lookup(word) is not None


def _lookup(word: str) -> tuple[dict[str, int], Fraction] | None:
    if word in _KNOWN:
        return _KNOWN[word]
    lower = word.lower()
    if len(word) < 4:  # mW is not MW
        return _KNOWN[lower] if word in _CAPITALISED else _KNOWN.get(_singular(word)) if len(word) == 3 else None
    return _KNOWN.get(lower) or _KNOWN.get(_singular(lower))


def _singular(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word
