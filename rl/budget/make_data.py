"""`ponder warmup --make-data`: from correct thinking traces to traces that keep to budgets and say so truly.

A trace is a row of `messages` (or a prompt) and a response whose thinking stands between the format's tags, or that is
all thinking (`untagged`); what a run has sampled (its folder `samples`) is such rows. Each is written at several
levels: reflections with true numbers where they are due, cut where the budget ends, and directly answered at budget 0.
Rows carry their token ids, because the numbers are true of just these.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rewards.atomic import write_atomically
from rl.budget.lessons import take_apart
from rl.budget.prompts import Budgets
from rl.data.example import Example
from rl.data.worked import REFERENCE, load_worked
from rl.errors import PonderError
from rollout.types import Prompt
from verifiers.math import verify


@dataclass
class Made:
    """What was written and left out."""

    rows: int = 0
    by_level: Counter[str] = field(default_factory=Counter)
    without_thinking: int = 0
    wrong: int = 0
    repeated: int = 0


def make_data(
    traces: Path, out: Path, budgets: Budgets, *, levels_per_trace: int, seed: int, untagged: bool = False
) -> Made:
    """Write budgeted traces as JSONL, whole or not at all.

    Args:
        traces: JSONL; with a column `answer` or `ground_truth`, responses that box another one are left out.
        out: must not exist.
        levels_per_trace: budgets drawn for each trace; the same one is written once.
        untagged: where no tag closes a thinking the whole response is it, and the reference, boxed, the answer.

    Raises:
        PonderError: `out` exists, or no trace can be used.
    """
    if out.exists():
        raise PonderError(f"{out} exists already; nothing was written. Name another file or move it away.")
    made = Made()
    examples = load_worked(traces)
    different = {(json.dumps([dict(turn) for turn in one.messages]), one.response): one for one in examples}
    made.repeated = len(examples) - len(different)
    lines = [
        json.dumps(row, ensure_ascii=False) + "\n"
        for example in different.values()
        for row in _rows(example, budgets, made, levels_per_trace, seed, untagged)
    ]
    if not lines:
        start, end = budgets.words.think
        raise PonderError(
            f"{traces}: no row can be used ({made.without_thinking} without thinking between {start} and {end}, "
            f"{made.wrong} with a wrong answer). Ways out: (1) budget.format: the tags that the traces use; "
            "(2) --untagged: all of a response without tags is its thinking; (3) `ponder score` finds the correct ones."
        )
    write_atomically(out, "".join(lines))
    return made


def _rows(
    example: Example, budgets: Budgets, made: Made, levels_per_trace: int, seed: int, untagged: bool
) -> Iterator[Mapping[str, Any]]:
    tokens = budgets.tokens
    plain, answer = take_apart(tokens.encode_response(example.response or ""), tokens)
    if not plain and not untagged:
        made.without_thinking += 1
        return
    judged = not example.columns.keys().isdisjoint(REFERENCE)
    if (judged or not plain) and not verify(example.ground_truth, tokens.decode(answer)).correct:
        made.wrong += 1
        return
    if not plain:
        plain, answer = answer, tokens.encode(f"\\boxed{{{example.ground_truth}}}")
    for budget in _levels(example, budgets, levels_per_trace, seed):
        whole = [*budgets.thinking(plain, budget), *answer]
        made.rows += 1
        made.by_level[budgets.label(budget)] += 1
        yield {
            "messages": [dict(turn) for turn in example.messages],
            "response": tokens.decode(whole),
            "answer": example.ground_truth,
            "thinking_budget": budget,
            "response_ids": whole,
        }


def _levels(example: Example, budgets: Budgets, count: int, seed: int) -> list[int | None]:
    rng = random.Random(f"make-data/{seed}/{example.id}")
    drawn = [
        budgets.draw(Prompt(f"{example.id}/{rng.random()}", example.messages, (), "", columns=example.columns))
        for _ in range(count)
    ]
    return list(dict.fromkeys(drawn))
