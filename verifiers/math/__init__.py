r"""Does a response end in the right mathematical answer?

- `extract_answer(response) -> Extracted`: the final answer that a response states, and the rule that found it.
- `verify(gold, response) -> MathVerdict`: whether it equals the reference, the outcome and the rule that decided.
- `compare_answers(gold, answer)`: the same for an answer that stands alone.
- `verify_here`: `verify` without a deadline, for code that already runs where it can be killed.

Stages, a module each: `extract` -> `normalise` -> `quick` (plain numbers, choices, words: microseconds) -> `lexer` and
`parser` (own grammar; no `eval`, no `sympify`) -> `compare` by kind (`real_sets`, `relations`, `units`), with values
from `exact`, `evaluate` and `equality` -> `symbolic`, sympy, for the few that no point decides.
"""

from verifiers.math.extract import Extracted, extract_answer
from verifiers.math.verdict import Gold, MathVerdict, Outcome, compare_answers, verify, verify_here

__all__ = ["Extracted", "Gold", "MathVerdict", "Outcome", "compare_answers", "extract_answer", "verify", "verify_here"]
