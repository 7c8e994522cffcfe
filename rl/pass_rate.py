"""The sampled pass rate of a plain transformers model: how the warm-up knows when to stop."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import RewardInput
from rl.data.example import Example
from rl.lessons import Lessons
from rl.models.sampling import sample_responses
from rl.warmup_config import WarmupConfig


class PassRate:
    """Measures the sampled pass rate; holds the worker that runs the `math` reward."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        examples: Sequence[Example],
        config: WarmupConfig,
        seed: int,
        lessons: Lessons,
    ) -> None:
        self._model, self._tokenizer, self._seed, self._thinking = model, tokenizer, seed, lessons.thinking
        judged = [example for example in examples if example.ground_truth]
        self._examples = random.Random(seed).sample(judged, min(config.check_prompts, len(judged)))
        worked = [lessons.lesson(example, place) for place, example in enumerate(self._examples)]
        self._prompts = [one.prompt_ids for one in worked]
        self._budgets = [one.thinking_budget for one in worked]
        longest = max(len(one.response_ids) for one in worked)
        room = model.config.max_position_embeddings - max(len(prompt) for prompt in self._prompts)
        self._max_new_tokens = min(2 * longest + 1, room)
        self._judge = RewardRunner([RewardConfig(use="math")], RewardRunnerConfig(), "math", Path())

    def __call__(self, step: int) -> float:
        """The share of right answers among one sample to each question."""
        responses = sample_responses(
            self._model,
            self._prompts,
            max_new_tokens=self._max_new_tokens,
            eos=self._tokenizer.eos_token_id,
            seed=self._seed + step,
        )
        scored = self._judge.score(
            [self._input(*one) for one in zip(self._examples, self._budgets, responses, strict=True)]
        )
        return sum(one.correct is True for one in scored) / len(scored)

    def _input(self, example: Example, budget: int | None, ids: list[int]) -> RewardInput:
        ended = bool(ids) and ids[-1] == self._tokenizer.eos_token_id
        text = str(self._tokenizer.decode(ids[:-1] if ended else ids, skip_special_tokens=False))
        thinking, answer = self._thinking.split(text, budget)
        return RewardInput(
            messages=example.messages,
            response=text,
            thinking=thinking,
            answer=answer,
            ground_truth=example.ground_truth,
            task=example.task,
            response_tokens=len(ids),
            response_ids=tuple(ids),
            stop_reason="stop" if ended else "length",
        )

    def __enter__(self) -> PassRate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._judge.close()
