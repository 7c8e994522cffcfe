"""Saved samples with their rewards, as what a learner takes: the value pretraining can learn from them.

They are what a run wrote (token ids and all), or rows of a JSONL or Parquet file with `messages` or a prompt, a
`response` and a `reward`. Token ids that a row has are used as they are; other responses are tokenised, and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rewards.errors import DataFileError
from rewards.offline.output import KEY
from rewards.offline.samples import Columns, DataRow, stream_samples
from rewards.rows import Row
from rl.batch import TrainSample
from rl.data.source import prompt_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from rl.budget.turns import BudgetTurns

VALUE_SAMPLES = "value_samples"
"""Folder in a run folder with the samples of its value pretraining."""
UNKNOWN_VERSION = -1
"""Weight version of a token that nobody remembers sampling."""


@dataclass(frozen=True)
class SavedSamples:
    """Samples in the order of their files."""

    samples: tuple[TrainSample, ...]
    tokenised: int
    """Those whose row had no token ids."""
    left_out: int
    """Rows without a reward, or with an empty response."""


def load_saved(
    path: Path, tokenizer: PreTrainedTokenizerBase, context_tokens: int, turns: BudgetTurns | None = None
) -> SavedSamples:
    """Samples of a file, or of a run's value pretraining.

    Args:
        path: a run folder, a JSONL or a Parquet file. The reward is the column `reward`, or what `ponder score --out`
            adds (`scored.reward`); rows where it is null are left out.
        tokenizer: the policy's.
        context_tokens: longest prompt plus response.
        turns: renders a row's prompt with its `thinking_budget`; None: the run has no budgets, and prompts are what
            they say.

    Raises:
        DataFileError: a file or row is malformed or lacks a column, a sample is too long, or nothing is left.
    """
    samples: list[TrainSample] = []
    tokenised = left_out = 0
    for file in _files(path):
        for row in stream_samples(file, Columns()):
            where = f"{file}, row {row.number}"
            if not row.sample.messages:
                raise DataFileError(f"{where}: no prompt (a column `messages`, `prompt` or `question`).")
            reward, correct = _judged(row.row, where)
            ids = row.sample.response_ids
            if ids is None:
                ids = _tokenised(row, tokenizer)
                tokenised += 1
            if reward is None or len(ids) == 0:
                left_out += 1
                continue
            messages, forced = row.sample.messages, row.sample.forced
            if any(place >= len(ids) for place in forced):
                raise DataFileError(
                    f"{where}, column `forced`: {max(forced)} is beyond the {len(ids)} response tokens."
                )
            prompt = (
                prompt_ids(messages, tokenizer) if turns is None else turns.ids(messages, row.sample.thinking_budget)
            )
            sample = _train_sample(prompt, ids, forced, reward=reward, correct=correct, number=len(samples))
            tokens = len(sample.prompt_ids) + len(sample.response_ids)
            if tokens > context_tokens:
                raise DataFileError(
                    f"{where}: prompt and response have {tokens:,} tokens, model.context_tokens is {context_tokens:,}. "
                    "Raise it, or leave this row out."
                )
            samples.append(sample)
    if not samples:
        raise DataFileError(f"{path} has no sample with a reward ({left_out:,} rows without one).")
    return SavedSamples(tuple(samples), tokenised, left_out)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted((path / VALUE_SAMPLES).glob("*.jsonl"))
    if not files:
        raise DataFileError(
            f"{path} has no {VALUE_SAMPLES}/*.jsonl: no value pretraining has run there. Give the folder of a run "
            "that had one, or a file of samples."
        )
    return files


def _judged(row: Row, where: str) -> tuple[float | None, bool]:
    """Reward (None: it failed) and whether the answer is right."""
    judged = row[KEY] if isinstance(row.get(KEY), dict) else row
    if "reward" not in judged:
        raise DataFileError(
            f"{where}: no column `reward`. Score the file first, `ponder score --rewards FILE --data ... --out ...`, "
            "and give what that writes."
        )
    reward = judged["reward"]
    if reward is not None and not (isinstance(reward, (int, float)) and np.isfinite(reward)):
        raise DataFileError(f"{where}, column `reward`: expected a number, not {reward!r:.80}")
    return reward, judged.get("correct") is True


def _tokenised(row: DataRow, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The response's ids, with the end of the turn unless it was cut off."""
    ids: list[int] = tokenizer(row.sample.response, add_special_tokens=False)["input_ids"]
    return ids if row.sample.stop_reason == "length" else [*ids, tokenizer.eos_token_id]


def _train_sample(
    prompt: Sequence[int], response: Sequence[int], forced: Sequence[int], *, reward: float, correct: bool, number: int
) -> TrainSample:
    """A sample that only a critic learns from: who sampled it, and with what probability, is not known."""
    mask = np.ones(len(response), dtype=np.bool_)
    mask[list(forced)] = False
    return TrainSample(
        prompt_ids=np.asarray(prompt, dtype=np.int32),
        response_ids=np.asarray(response, dtype=np.int32),
        rollout_logprobs=np.zeros(len(response), dtype=np.float32),
        versions=np.full(len(response), UNKNOWN_VERSION, dtype=np.int32),
        loss_mask=mask,
        reward=reward,
        correct=correct,
        group=number,
    )
