"""Names of functions, constants and commands, as they are written in LaTeX and in plain text."""

from __future__ import annotations

FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "tg": "tan", "cot": "cot", "ctg": "cot", "sec": "sec", "csc": "csc",
    "cosec": "csc", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "arctg": "arctan", "asin": "arcsin",
    "acos": "arccos", "atan": "arctan", "arccot": "arccot", "arcsec": "arcsec", "arccsc": "arccsc",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "arcsinh": "arcsinh", "arccosh": "arccosh", "arctanh": "arctanh",
    "ln": "ln", "log": "log", "lg": "lg", "exp": "exp", "sqrt": "sqrt", "cbrt": "cbrt", "abs": "abs", "floor": "floor",
    "ceil": "ceil", "ceiling": "ceil", "gcd": "gcd", "lcm": "lcm", "max": "max", "min": "min", "cis": "cis",
    "sgn": "sgn", "sign": "sgn", "binom": "binom", "choose": "binom", "factorial": "factorial", "det": "det",
    "arg": "arg", "Re": "re", "Im": "im", "conj": "conjugate", "bar": "conjugate", "overline": "conjugate",
}  # fmt: skip
"""As written (after the backslash, if any) -> the name in the tree."""

INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
            "sinh": "arcsinh", "cosh": "arccosh", "tanh": "arctanh"}  # fmt: skip
"""What `f^{-1}` means for them."""

CONSTANTS = {"pi": "pi", "e": "e", "i": "i", "infty": "infinity", "infinity": "infinity", "inf": "infinity",
             "oo": "infinity", "Infinity": "infinity"}  # fmt: skip

GREEK = frozenset(
    (
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar"
    ).split()
)
GREEK_VARIANTS = {"varphi": "phi", "varepsilon": "epsilon", "vartheta": "theta", "varrho": "rho", "varsigma": "sigma"}

OPERATORS = {
    "sum": "sum", "prod": "prod",
    "times": "*", "cdot": "*", "ast": "*", "star": "*", "div": "/", "over": "over", "pm": "±", "mp": "∓", "le": "<=",
    "ge": ">=", "ne": "!=", "approx": "≈", "simeq": "≈", "sim": "≈", "cong": "≈", "in": "in", "cup": "union",
    "bigcup": "union", "bigcap": "intersection",
    "cap": "intersection", "setminus": "difference", "backslash": "difference", "wedge": "and", "land": "and",
    "vee": "or", "lor": "or", "langle": "<<", "rangle": ">>", "lfloor": "floor(", "rfloor": "floor)",
    "lceil": "ceil(", "rceil": "ceil)", "bmod": "mod", "mod": "mod", "prime": "'",
    "choose": "choose", "to": "->",
}  # fmt: skip
"""LaTeX commands that are signs -> the sign."""

NAMED_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complex numbers"}

COMPLEX_VARIABLES = frozenset(("z", "w"))
"""Variables that stand for complex numbers by custom, where complex numbers are spoken of."""
