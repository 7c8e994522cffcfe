r"""Brings LaTeX, Unicode and plain text of an answer into one spelling, without changing what it means.

Everything here is presentation: delimiters, spacing commands, fonts, synonyms of commands. Braces, brackets, units and
signs stay. All patterns take linear time.
"""

from __future__ import annotations

import re
import unicodedata

from verifiers.math.functions import FUNCTIONS

_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
           "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅐": (1, 7), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8),
           "⅑": (1, 9), "⅒": (1, 10)}  # fmt: skip
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu",
          "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "ω": "omega", "π": "pi",
          "Δ": "Delta"}  # fmt: skip
_CHARACTERS = str.maketrans(
    {
        **{character: rf"\frac{{{above}}}{{{below}}}" for character, (above, below) in _VULGAR.items()},
        **{character: rf"\{name} " for character, name in _GREEK.items()},
        "−": "-", "–": "-", "‐": "-", "‑": "-", "﹣": "-", "—": "-", "∞": r"\infty ", "∅": r"\emptyset ",
        "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/",
        "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∪": r"\cup ",
        "∩": r"\cap ", "∈": r"\in ", "∖": r"\setminus ", "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt ", "∛": r"\cbrt ",
        "°": r"^\circ ", "º": r"^\circ ", "℃": r"^\circ C", "℉": r"^\circ F", "…": "...", "⋯": "...",
        "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
        "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
        "⌈": r"\lceil ", "⌉": r"\rceil ", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "∠": r"\angle ",
        "△": r"\triangle ", "＄": "$", "￥": "¥", "、": ",", "，": ",", "。": ".", "：": ":", "；": ";", "\u200b": "",
        "\u200c": "", "\u200d": "", "\ufeff": "", "\u2060": "", "\u00ad": "",
    }
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_Rule = tuple[re.Pattern[str], str]


def _rules(*rules: tuple[str, str]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


_LATEX = _rules(
    (r"\\(?:left|right|middle|[bB]ig{1,2}[lrm]?)(?![A-Za-z])\.?", ""),
    (r"\\(?:display|text|script)style(?![A-Za-z])|\\(?:no)?limits(?![A-Za-z])|\\(?:bf|rm|it)(?![A-Za-z])", ""),
    (r"\\(?:h?phantom|vphantom|hspace|vspace|label|tag|color|kern)\*? ?\{[^{}]*\}", ""),
    (r"\\h?phantom ?[^\s\\{A-Za-z]", ""),
    (r"\\math(?:bin|rel|ord|op|punct) ?\{([^{}]*)\}", r"\1"),
    (r"\{ ?([.:]) ?\}", r"\1"),
    (r"(?:\{ ?\} ?)?\^ ?\{? ?(\d+) ?\}? ?/ ?_ ?\{? ?(\d+) ?\}?", r"\\frac{\1}{\2}"),
    (r"\\!", ""),
    (r"(?<!\\)\\(?:[,;:> ]|(?:q?quad|thinspace|enspace|hfill|space)(?![A-Za-z]))|~", " "),
    (r"\\[dtcx]frac(?![A-Za-z])", r"\\frac"),
    (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
    (rf"\\operatorname\*? ?\{{ ?({'|'.join(FUNCTIONS)}) ?\}}", r"\\\1 "),
    (r"\\operatorname\*? ?(?=\{)", r"\\text"),
    (r"\\(?:text|math)dollar(?![A-Za-z])(?:\{ ?\})?", r"\\$"),
    (r"\\(?:textbf|textit|textrm|textsf|texttt|textnormal|textup|text|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathtt|mathnormal"
     r"|boldsymbol|bm|emph|underline|mathrel|mathord|ensuremath) ?(?=\{)", r"\\text"),
    (r"(?:\^|\b)\{? ?\\text ?\{ ?(?:st|nd|rd|th) ?\} ?\}?", ""),  # ordinals
    (r"\^ ?\{? ?\\(?:circ|degree)(?![A-Za-z]) ?\}?|\\degree(?![A-Za-z])|\\textdegree(?![A-Za-z])"
     r"|\^ ?\{? ?\\text ?\{ ?o ?\} ?\}?|(?<=\d)\^ ?(?:o|\{ ?o ?\})(?![A-Za-z])", "°"),
    (r"(?<=[\d }])\\frac ?\{ ?\\text ?\{([^{}]*)\} ?\} ?\{ ?\\text ?\{([^{}]*)\} ?\}", r"\\text{\1/\2}"),
    (r"\\text ?\{ ?\\text ?\{([^{}]*)\} ?\}", r"\\text{\1}"),
    (r"(\\text ?\{[^{}]*\^) ?\{ ?(-?\d) ?\}", r"\1\2"),
    (r"\\text ?\{ ?(\\\$)([^{}]*)\}", r"\1\2"),
    (r"(\\text ?\{[^{}]*)\}\\text ?\{", r"\1"),
    (r"\\(?:textcolor|colorbox) ?\{[^{}]*\}", ""),
    (r"(?i)(?:°|\\text ?\{) ?degrees? (celsius|fahrenheit)", r"\\text{\1"),
    (r"\\(?:varnothing|\{ ?\\\})(?![A-Za-z])", r"\\emptyset "),
    (r"\\(?:leqslant|leqq|leq)(?![A-Za-z])", r"\\le "),
    (r"\\(?:geqslant|geqq|geq)(?![A-Za-z])", r"\\ge "),
    (r"\\neq(?![A-Za-z])|\\not ?=", r"\\ne "),
    (r"\\(?:lt)(?![A-Za-z])", "<"),
    (r"\\(?:gt)(?![A-Za-z])", ">"),
    (r"\\(?:lvert|rvert|vert|mid)(?![A-Za-z])", "|"),
    (r"\\(?:lVert|rVert|Vert)(?![A-Za-z])|\\\|", "||"),
    (r"\\(?:lbrace)(?![A-Za-z])", r"\\{"),
    (r"\\(?:rbrace)(?![A-Za-z])", r"\\}"),
    (r"\\(?:lbrack)(?![A-Za-z])", "["),
    (r"\\(?:rbrack)(?![A-Za-z])", "]"),
    (r"\\(?:dots[bcimo]?|cdots|ldots|hdots)(?![A-Za-z])", "..."),
    (r"\\colon(?![A-Za-z])", ":"),
    (r"\\Bbb(?![A-Za-z])", r"\\mathbb"),
    (r"\\mathbb ?\{? ?R ?\}? ?(?:\^ ?\{? ?\+ ?\}?|_ ?\{? ?> ?0 ?\}?)", r"(0,\\infty)"),
    (r"\\mathbb ?\{? ?R ?\}? ?(?:\^ ?\{? ?- ?\}?|_ ?\{? ?< ?0 ?\}?)", r"(-\\infty,0)"),
    (r"\\frac ?\{ ?d([a-z]) ?\} ?\{ ?dx ?\}", r"\1'"),
    (r"° ?(?:\\text ?\{ ?([CF]) ?\}|([CF])(?![A-Za-z]))", r"\\text{°\1\2}"),
    (r"\\\\ ?\[[^\[\]]*\]", r"\\\\"),
    (r"\\%", "%"),
    (r"\\\$", "＄"),  # an amount of money; a bare $ is a delimiter
    (r"\\[#&_](?![A-Za-z])", " "),
)  # fmt: skip
_SEPARATOR = r" ?(?:\{ ?, ?\}|, ?\\!|\\[,!;:> ]|~|\\(?:thin|en)space(?![A-Za-z])) ?"
_GROUPED = re.compile(rf"(?<![\^_\d.])\d{{1,4}}(?:{_SEPARATOR}\d{{3,4}}(?!\d))+")
"""A number whose thousands are set apart by spaces or by a comma in braces; no exponent and no index."""
_WRAPPERS = _rules(
    (r"^ ?\\(?:boxed|fbox|framebox) ?\{(.*)\} ?$", r"\1"),
    (r"^\*\*([^*]+)\*\*$|^__([^_]+)__$|^`+([^`]+)`+$", r"\1\2\3"),
    (r"(?<!\\)\\[()\[\]]", " "),
)
_ALIGNED = re.compile(r"\\(?:begin|end) ?\{(?:aligned|align\*?|gathered|split|equation\*?|gather\*?)\}")
_PERCENT = re.compile(r"(?i)(?<=[\d} ])(?:\\text ?\{ ?(?:percent|per cent) ?\}|\b(?:percent|per cent)\b)")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)(?![A-Za-z])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_SPACES = re.compile(r"\s+")
_LOOSE = re.compile(r" ?([-+*/^_=<>(){}\[\]|&]) ?")


def normalise(text: str) -> str:
    r"""One spelling for one presentation, as far as that needs no parsing.

    An amount of money is marked by `＄`. Spaces between words and digits stay: `1 1/2` is not `11/2`.
    """
    if not text.isascii():
        text = _from_unicode(text)
    text = _CONTROLS.sub(" ", text)
    text = _SPACES.sub(" ", text).strip()
    for pattern, replacement in _WRAPPERS:
        text = pattern.sub(replacement, text)
    if any(character in text for character in "\\{~"):
        text = _GROUPED.sub(lambda number: re.sub(r"\D", "", number[0]), text)
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    if "\\begin" in text and _ALIGNED.search(text):
        text = _ALIGNED.sub("", text).replace("&", "").replace("\\\\", ", ")
    if "$" in text:
        # "$5" is money, "$x$" is mathematics
        money = text.count("$") == 1 and re.search(r"\$ ?[-\d.]|\d ?\$", text)
        text = text.replace("$", "＄" if money else " ")
    return _trim(_SPACES.sub(" ", _PERCENT.sub("%", _ORDINAL.sub("", text))))


def squeeze(text: str) -> str:
    """Without the spaces around signs and brackets, which mean nothing: for comparing texts."""
    return _LOOSE.sub(r"\1", text)


def _trim(text: str) -> str:
    text = text.strip().rstrip(",;: \\")
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    return text


def _from_unicode(text: str) -> str:
    text = re.sub(r"(\d) ?(?=[½⅓⅔¼¾⅕-⅞⅑⅒⅐])", r"\1", text)
    text = re.sub(r"([⁰¹²³⁴-⁹⁺⁻ⁿ]+)(\d?)", lambda m: _raised(m[1].translate(_SUPERSCRIPTS), m[2]), text)
    text = re.sub(r"(?<=\d) ?[–—] ?(?=\d)", r" \\text{range} ", text)
    text = re.sub(r"[₀-₉]+", lambda match: "_{" + match[0].translate(_SUBSCRIPTS) + "}", text)
    text = text.translate(_CHARACTERS)
    if text.isascii():
        return text
    # Digits of other scripts and full-width forms of ASCII; all else stays.
    return "".join(
        str(unicodedata.decimal(c))
        if c.isdecimal()
        else chr(ord(c) - 0xFEE0)
        if 0xFF01 <= ord(c) <= 0xFF5E and c != "＄"
        else c
        for c in text
    )


def _raised(digits: str, following: str) -> str:
    return "^" + digits if len(digits) == 1 and not following else "^{" + digits + "}" + following
