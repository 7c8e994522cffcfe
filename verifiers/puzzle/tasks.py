"""By which rule each task of reasoning-gym is judged.

A task not named here is judged by its own scorer, or exactly where it has none (reasoning-gym's default scorer pays for
any text that contains the answer).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from verifiers.puzzle import judges, simulate

EXACT = frozenset((
    "arc_agi", "rearc",  # one answer; the scorer expects tuples, which JSON turns into lists
    "binary_matrix", "spiral_matrix", "string_insertion",  # the scorer calls `eval` on the model's text
    "calendar_arithmetic",  # pays any number where the answer is -1
    "figlet_font",  # pays ten letters in place, whatever else is said
    "game_of_life_halting",  # pays any text
    "letter_jumble", "spell_backward", "word_sorting",  # pay for the answer with more after it
    "manipulate_matrix", "tsumego",  # pay a part for any text that contains the answer
))  # fmt: skip
"""Judged exactly although they have a scorer of their own."""

ANY_CASE = frozenset((
    "acre", "base_conversion", "calendar_arithmetic", "course_schedule", "figlet_font", "game_of_life_halting",
    "isomorphic_strings", "letter_jumble", "mahjong_puzzle", "ransom_note", "spell_backward", "syllogism", "tsumego",
))  # fmt: skip
"""Judged exactly but for upper and lower case, which says nothing there (True, Yes, Monday)."""

JUDGES: Mapping[str, Callable[[str, str, Mapping[str, Any]], bool]] = {
    # the scorer evaluates the model's text (sympy's `parse_expr` is an `eval`)
    "countdown": judges.makes_target,
    "intermediate_integration": judges.antiderivative,
    "n_queens": judges.one_of_the_boards,
    "polynomial_multiplication": judges.same_polynomial,
    "puzzle24": judges.makes_24,  # it also takes other numbers than those given, and 24.5 for 24
    "simple_integration": judges.antiderivative,
    # the scorer pays for wrong answers, or a part for any text that contains the answer
    "bitwise_arithmetic": judges.same_integer_in_any_base,
    "boxnet": simulate.clears_the_boxes,
    "chain_sum": judges.same_number,
    "codeio": judges.same_json,
    "coin_flip": judges.near_probability,
    "decimal_arithmetic": judges.near_decimal,
    "decimal_chain_sum": judges.same_number,
    "game_of_life": judges.same_json,
    "gsm_symbolic": judges.same_number,
    "knights_knaves": judges.same_roles,
    "number_sorting": judges.same_sorted_numbers,
    "polynomial_equations": judges.same_roots,
    "products": judges.same_number,
    "propositional_logic": simulate.new_conclusion,
    "rush_hour": simulate.frees_the_car,
}
"""Rules of our own."""

_DECIMAL = r"[-+]?\d{1,30}(?:\.\d{0,30})?"
_FRACTION = r"\$?\s*(?:\\d?frac\s*{\s*\d{1,30}\s*}\s*{\s*\d{1,30}\s*}|\d{1,30}\s*/\s*\d{1,30})\s*\$?"
SHAPES: Mapping[str, re.Pattern[str]] = {
    task: re.compile(pattern)
    for task, pattern in {
        # the scorer passes over the rest: "5 days or 6", "(1, 2), (3, 4)", "maybe 1 0 1"
        "advanced_geometry": rf"{_DECIMAL}\s*°?|\(?\s*{_DECIMAL}\s*,\s*{_DECIMAL}\s*\)?",
        "fraction_simplification": _FRACTION,
        "time_intervals": r"\d{1,9} days?|(?:\d{1,9} days?, *)?\d{1,3}:\d\d(?::\d\d(?:\.\d{1,6})?)?",
        "kakurasu": r"[01\s]+",
        "pool_matrix": r"[-\d.\s]+",
        "quantum_lock": r"[ABC](?:[\s,→>-]*[ABC]){0,500}",
        "sokoban": r"[UDLR\s]{1,5000}",
        "survo": r"[-\d\s]+",
        # `nan` is as near as can be to any number
        "complex_arithmetic": r"[-+\d.\sij()]{1,100}",
        "number_format": r"[-+]?[\d,]{1,30}(?:\.\d{0,30})?(?:[eE][-+]?\d{1,3})?",
        # sizes: R999999999 is written out before it is turned
        "power_function": rf"{_DECIMAL}(?:[eE][-+]?\d{{1,4}})?",
        "prime_factorization": r"\d{1,30}(?:\s*×\s*\d{1,30}){0,200}",
        "rubiks_cube": r"(?:\d?[A-Za-z]w?[123]?'?[123]?)(?:\s+\d?[A-Za-z]w?[123]?'?[123]?){0,500}",
        "rectangle_count": r"\d{1,9}",
        "tower_of_hanoi": r"(?:Move disk \d{1,3} from Peg \d{1,3} to Peg \d{1,3}\s*)+",
    }.items()
}
"""What an answer must look like in full before the task's own scorer sees it."""

WITHOUT_GOLD = frozenset(("boxnet", "graph_color", "propositional_logic", "rubiks_cube", "rush_hour"))
"""Tasks that state no answer: only a check can judge them."""

UNFIT_GOLD = frozenset(("intermediate_integration",))
"""Tasks whose own answer may be refused: where sympy fails it leaves an `Integral` standing."""


def dataset_options(task: str, metadata: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Options of the data set object on which a scorer relies, as far as the question tells."""
    if task == "word_ladder":  # only words of these lengths are loaded
        length = int(metadata["word_length"])
        return (("min_word_length", length), ("max_word_length", length))
    return ()
