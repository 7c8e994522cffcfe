"""Supervised fine-tuning, step by step, with a way back: the optimisation part of the warm-up.

Plain torch on one device: AdamW without weight decay at a constant rate after 20 steps of rise, gradient norm 1, loss
on the response's tokens alone, averaged over those of the step.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rl.batch import Batch, TrainSample
from rl.data.example import Example
from rl.learner.batching import schedule
from rl.learner.logprobs import LogprobHead
from rl.learner.micro import tensors
from rl.lessons import Lessons
from rl.warmup_config import WarmupConfig

RISE_STEPS = 20
"""Steps over which the learning rate rises linearly."""
TOKENS_PER_MICRO_BATCH = 2048
"""With 8,192 one in three tokens was padding where a step has 16 examples: a cut must save a share of it."""
LOGPROB_CHUNK_TOKENS = 2048


class SupervisedTraining:
    """The optimisation, step by step. The examples of a step depend on the seed and its number alone."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        examples: Sequence[Example],
        config: WarmupConfig,
        seed: int,
        lessons: Lessons,
    ) -> None:
        self.step = 0
        self._lessons = lessons
        self._model, self._tokenizer, self._examples = model, tokenizer, examples
        self._config, self._seed = config, seed
        self._head = LogprobHead(
            model.get_output_embeddings(),  # type: ignore[no-untyped-call]
            LOGPROB_CHUNK_TOKENS,
        )
        self._optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
        )

    def advance(self, steps: int) -> float:
        """Take optimizer steps, at least one.

        Returns:
            The loss of the last one before its update: nats a token.
        """
        self._model.train()
        for _ in range(steps):
            loss = self._one_step()
            self.step += 1
        return loss

    def snapshot(self) -> dict[str, Any]:
        """A copy of everything that `advance` changes."""
        return {
            "step": self.step,
            "model": {name: value.detach().cpu().clone() for name, value in self._model.state_dict().items()},
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go back to a snapshot."""
        self.step = snapshot["step"]
        self._model.load_state_dict(snapshot["model"])
        self._optimizer.load_state_dict(copy.deepcopy(snapshot["optimizer"]))

    def _one_step(self) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * min(1.0, (self.step + 1) / RISE_STEPS)
        batch = Batch([self._sample(example, place) for place, example in self._chosen()])
        plan = schedule(
            batch,
            steps=1,
            ranks=1,
            tokens_per_micro_batch=TOKENS_PER_MICRO_BATCH,
            hidden_size=self._model.config.get_text_config().hidden_size,
            seed=0,
        ).steps[0]
        total = 0.0
        for micro in plan.ranks[0]:
            data = tensors(batch, micro, self._model.device)
            hidden = self._model.base_model(input_ids=data.input_ids, use_cache=False).last_hidden_state
            logprobs, _ = self._head(hidden[data.at], data.targets, 1.0, False)
            share = -logprobs.sum() / plan.counts.tokens
            share.backward()
            total += share.item()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return total

    def _chosen(self) -> Iterator[tuple[int, Example]]:
        """The step's examples with their running number; every epoch has its own order."""
        count = self._config.examples_per_step
        for place in range(self.step * count, (self.step + 1) * count):
            epoch, position = divmod(place, len(self._examples))
            yield place, self._examples[_order(len(self._examples), self._seed, epoch)[position]]

    def _sample(self, example: Example, place: int) -> TrainSample:
        flawed = example.flawed is not None and random.Random(f"{self._seed}/{place}").random() < self._config.noise
        lesson = self._lessons.lesson(example, place, flawed=flawed)
        ids = [*lesson.response_ids, self._tokenizer.eos_token_id]
        return TrainSample(
            prompt_ids=np.array(lesson.prompt_ids, dtype=np.int32),
            response_ids=np.array(ids, dtype=np.int32),
            rollout_logprobs=np.zeros(len(ids), dtype=np.float32),
            versions=np.zeros(len(ids), dtype=np.int32),
            loss_mask=np.ones(len(ids), dtype=np.bool_),
            reward=0.0,
            correct=not flawed,
            group=place,
        )


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> list[int]:
    """The order of the examples in an epoch."""
    order = list(range(count))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return order
