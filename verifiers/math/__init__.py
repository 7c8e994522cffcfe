"""Does a response end in the right mathematical answer?

- `extract_answer`: the final answer that a response states, as text.
- `verify`: whether it equals the reference.

Both never raise on model text. `verify` may take long on hostile input, for symbolic comparison cannot be bounded from
inside: give it a deadline by running it in a `sandbox.pool.KillablePool`, as the `math` reward does.
"""

from verifiers.math.extract import Extraction, extract, extract_answer
from verifiers.math.verdict import equal_answers, verify, verify_extraction

__all__ = ["Extraction", "equal_answers", "extract", "extract_answer", "verify", "verify_extraction"]
