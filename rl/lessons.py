"""What the warm-up learns from: the token ids of a worked example, prompt and response.

`Lessons` takes examples as they are. With thinking budgets, `rl/budget/lessons.py` gives each visit of one a budget.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from rl.data.example import Example
from rl.data.source import prompt_ids
from verifiers.thinking.format import FORMATS, ThinkingFormat


@dataclass(frozen=True, slots=True)
class Lesson:
    """One worked example in token ids."""

    prompt_ids: list[int]
    response_ids: list[int]
    """Without the end of the turn."""
    thinking_budget: int | None = None


class Lessons:
    """Makes lessons of worked examples."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, thinking: ThinkingFormat = FORMATS["seed"]) -> None:
        """`thinking`: what the model writes around its thinking, and what prompts with a budget open of it."""
        self._tokenizer, self.thinking = tokenizer, thinking

    def lesson(self, example: Example, place: int, *, flawed: bool = False) -> Lesson:
        """An example in token ids.

        Args:
            example: has a response.
            place: the lesson's number in the warm-up; with the example it decides everything that is drawn.
            flawed: take the flawed response.
        """
        response = example.flawed if flawed else example.response
        ids: list[int] = self._tokenizer(response, add_special_tokens=False)["input_ids"]
        return Lesson(prompt_ids(example.messages, self._tokenizer), ids)
