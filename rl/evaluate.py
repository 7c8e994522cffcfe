"""`ponder eval`: pass@1, pass@k and lengths of a model or a checkpoint on a configuration's held-out prompts."""

from __future__ import annotations

import asyncio
import traceback
from pathlib import Path

from transformers import AutoTokenizer

from rewards.errors import DataFileError
from rewards.rows import write_rows
from rl.budget.measure import BudgetMetrics, GroupMetrics, no_metrics
from rl.config import RunConfig
from rl.data.source import load_examples, render
from rl.errors import PonderError
from rl.prepare import base_model, bind_budgets
from rl.run.console import Console
from rl.run.evaluation import Evaluation, evaluate
from rl.run.screen import noise_to
from rl.system import running_system
from rollout.errors import RolloutError


def evaluate_model(
    config: RunConfig, *, base: Path, model: str | None = None, logs: Path, out: Path | None = None
) -> Evaluation:
    """Measure a model on `data.eval`.

    Args:
        config: says data, rewards, rollout workers and `evaluation` settings.
        base: folder of the configuration file.
        model: a name or folder; default: the configuration's model as it is, without warm-up or training.
        logs: folder for what vLLM and Ray print.
        out: file for the samples as JSONL; must not exist.

    Raises:
        PonderError: no held-out prompts, no such model, `out` exists.
    """
    if out is not None and out.exists():
        raise PonderError(f"{out} exists already; nothing was measured. Name another file or move it away.")
    if not config.data.eval:
        raise PonderError("data.eval is empty: there is nothing to measure on. Add a source of held-out prompts.")
    with noise_to(logs / "driver.log") as screen:
        console = Console(screen)
        try:
            measured = asyncio.run(_measure(config, base, model, logs, console))
        except (PonderError, RolloutError, DataFileError, KeyboardInterrupt):
            raise
        except Exception as error:
            traceback.print_exc()  # goes to the log: the screen is for people
            raise PonderError(
                f"the evaluation failed: {type(error).__name__}: {error}\n"
                f"Details: {logs / 'driver.log'} and its neighbours."
            ) from error
        finally:
            console.close()
    if out is not None:
        write_rows(out, (row for group in measured.groups for row in group.rows()))
    return measured


async def _measure(config: RunConfig, base: Path, model: str | None, logs: Path, console: Console) -> Evaluation:
    resolved = base_model(config, model)
    tokenizer = AutoTokenizer.from_pretrained(resolved.path, trust_remote_code=config.model.trust_remote_code)
    budgets = bind_budgets(config, tokenizer, resolved.path, console)
    prompts = render(
        load_examples(config.data.eval, base),
        tokenizer,
        config.model.context_tokens,
        config.rollout.max_response_tokens,
        budgets.extra_tokens if budgets is not None else 0,
    )
    judge: GroupMetrics = no_metrics
    if budgets is not None:
        prompts, judge = budgets.sweep(prompts), BudgetMetrics(budgets, resolved.path, config.rewards)
    console.status(f"starting {config.rollout.workers} rollout worker(s) with {resolved.name}")
    async with running_system(config, resolved.path, base=base, logs=logs, learning=False) as system:
        console.status(f"answering {len(prompts)} prompts")
        return await evaluate(
            system.collector,
            prompts,
            label="eval",
            samples_per_prompt=config.evaluation.samples_per_prompt,
            sampling=config.evaluation.sampling,
            judge=judge,
        )
