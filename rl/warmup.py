"""The warm-up: supervised fine-tuning on worked examples until the *sampled* pass rate lies in a window.

RL needs a model that is sometimes right. Every `check_every_steps` the warm-up samples answers to `check_prompts` of
the questions and judges them with the `math` reward. When the rate jumps over the window between two checks, training
goes back to the earlier one and checks twice as often.

It covers models that fit one device with float32 weights and AdamW: no sharding, no mixed precision.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rl.allocator import keep_freed_memory
from rl.budget.config import BudgetConfig
from rl.budget.lessons import BudgetLessons
from rl.budget.prompts import Budgets
from rl.data.example import Example
from rl.data.source import require_disjoint
from rl.data.worked import load_worked
from rl.errors import ConfigError, PonderError
from rl.lessons import Lessons
from rl.models.cache import build_once, cache_folder
from rl.models.resolve import ResolvedModel
from rl.pass_rate import PassRate
from rl.supervised import SupervisedTraining
from rl.warmup_config import WarmupConfig

Progress = Callable[[str], None]
"""Takes one line of status."""

RECORD = "warmup.json"
"""File in the warmed model's folder that says how it came about."""


@dataclasses.dataclass(frozen=True, slots=True)
class WarmupResult:
    """A warmed model."""

    path: Path
    pass_rate: float | None
    """Sampled at temperature 1; None when no example has an answer to judge by."""
    steps: int
    seconds: float


def warm_model(
    model: ResolvedModel,
    examples: Sequence[Example],
    config: WarmupConfig,
    *,
    base: Path,
    seed: int,
    progress: Progress,
    budget: BudgetConfig | None = None,
    held_out: Sequence[Example] = (),
    cache: Path | None = None,
    threads: int | None = None,
) -> Path:
    """The warmed model's folder; made once for the same model, examples, configuration and seed.

    Args:
        examples: training questions; those with a worked response are used when `config.examples` names no file.
        budget: the run's thinking budgets: examples are learnt with a budget each.
        held_out: questions that must not be among the worked ones.
        base: folder of the configuration file.
        cache: default `cache_folder()`.

    Raises:
        ConfigError: there are no worked examples, or their file is malformed.
        PonderError: the pass rate does not get into the window, with what to change.
    """
    worked = load_worked(base / config.examples) if config.examples else [e for e in examples if e.response]
    if not worked:
        raise ConfigError(
            "data.train has no worked examples to warm up on: a `generator` makes its own, `worked: equations` found "
            "none in the files. Ways out: (1) warmup.examples: a JSONL file of prompts and responses; (2) leave "
            "`warmup` out."
        )
    where = f"warmup.examples ({config.examples})" if config.examples else "data.train"
    require_disjoint(worked, held_out, where)
    if budget is None and any(example.budgeted for example in worked):
        raise ConfigError(
            f"{config.examples}: its rows have thinking budgets, and the run has no `budget` section. Ways out: (1) "
            "add the one that they were made with; (2) leave `thinking_budget` out of the rows."
        )
    target = (cache or cache_folder()) / "warmup" / _fingerprint(model, worked, config, seed, budget)

    def build(folder: Path) -> None:
        warmup(
            model.path,
            model.tokenizer_path,
            worked,
            config,
            folder,
            seed=seed,
            budget=budget,
            threads=threads,
            progress=progress,
        )

    built = build_once(target, build)
    record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    rate = "not measured" if record["pass_rate"] is None else f"{record['pass_rate']:.2f}"
    how = f"in {record['seconds']:.0f} s" if built else "cached"
    progress(f"warm-up done: sampled pass rate {rate} after {record['steps']} steps ({how})")
    return target


def warmup(
    model_path: Path,
    tokenizer_path: Path,
    examples: Sequence[Example],
    config: WarmupConfig,
    out: Path,
    *,
    seed: int,
    budget: BudgetConfig | None = None,
    threads: int | None = None,
    progress: Progress,
) -> WarmupResult:
    """Fine-tune and save to the folder `out`.

    Args:
        examples: all with a response; `config.noise` is the chance to learn from the flawed one where there is one.
        threads: torch threads on CPU; default: as they are set.
        progress: gets a line at every check.

    Raises:
        PonderError: the pass rate does not get into the window, with what to change.
    """
    start = time.monotonic()
    with _threads(threads):
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_path)
        model = AutoModelForCausalLM.from_pretrained(model_path, dtype=torch.float32)
        saved_dtype = model.config.dtype
        if torch.cuda.is_available():
            model.to("cuda")  # type: ignore[arg-type]
        else:
            keep_freed_memory()
        lessons = _lessons(tokenizer, budget, config, seed)
        training = SupervisedTraining(model, tokenizer, examples, config, seed, lessons)
        if any(example.ground_truth for example in examples):
            with PassRate(model, tokenizer, examples, config, seed, lessons) as check:
                rate = _into_window(training, check, config, progress)
        else:
            progress(f"no example has an answer to judge by: warming up for {config.max_steps} steps without checks")
            _advance_to(config.max_steps, training, config, progress)
            rate = None
        model.to(saved_dtype).save_pretrained(out)  # type: ignore[arg-type]
        tokenizer.save_pretrained(out)
    result = WarmupResult(out, rate, training.step, time.monotonic() - start)
    record = {"pass_rate": rate, "steps": result.steps, "seconds": result.seconds, "seed": seed}
    (out / RECORD).write_text(json.dumps(record | {"config": config.model_dump(mode="json")}, indent=1))
    return result


def _lessons(
    tokenizer: PreTrainedTokenizerBase, budget: BudgetConfig | None, config: WarmupConfig, seed: int
) -> Lessons:
    if budget is None:
        return Lessons(tokenizer)
    return BudgetLessons(tokenizer, Budgets(budget, tokenizer, seed=seed), noise=config.budget_noise, seed=seed)


def _into_window(
    training: SupervisedTraining, check: Callable[[int], float], config: WarmupConfig, progress: Progress
) -> float:
    """Train until the pass rate lies in the window; returns it."""
    low, high, interval = config.pass_rate_low, config.pass_rate_high, config.check_every_steps
    before = None
    _advance_to(config.min_steps, training, config, progress)
    while True:
        rate = check(training.step)
        progress(f"warm-up step {training.step}: sampled pass rate {rate:.2f} (window {low:g} to {high:g})")
        if low <= rate <= high:
            return rate
        if rate < low:
            if training.step >= config.max_steps:
                raise PonderError(_too_low(rate, config))
            before = training.snapshot()
        elif before is None:
            raise PonderError(_too_high(rate, config))
        elif interval == 1:
            raise PonderError(
                f"the sampled pass rate jumps over the window ({low:g} to {high:g}) in one step (to {rate:.2f}). "
                "Lower warmup.learning_rate or warmup.examples_per_step, or widen the window."
            )
        else:
            interval //= 2
            training.restore(before)
        training.advance(min(interval, config.max_steps - training.step))


def _advance_to(step: int, training: SupervisedTraining, config: WarmupConfig, progress: Progress) -> None:
    """Train without checks, and tell how it goes as often as one would come."""
    while training.step < step:
        loss = training.advance(min(config.check_every_steps, step - training.step))
        progress(f"warm-up step {training.step} of {step}: loss {loss:.2f} nats a token")


def _too_high(rate: float, config: WarmupConfig) -> str:
    window = f"above the window ({config.pass_rate_low:g} to {config.pass_rate_high:g})"
    if config.min_steps:
        return (
            f"the model's sampled pass rate is {rate:.2f} at its first check, after warmup.min_steps "
            f"({config.min_steps}), {window}. Lower warmup.min_steps, or raise warmup.pass_rate_high."
        )
    return (
        f"the model's sampled pass rate is {rate:.2f} before any warm-up, {window}. Leave `warmup` out, or raise "
        "warmup.pass_rate_high."
    )


def _too_low(rate: float, config: WarmupConfig) -> str:
    return (
        f"the sampled pass rate is {rate:.2f} after {config.max_steps} warm-up steps, below the window "
        f"({config.pass_rate_low:g} to {config.pass_rate_high:g}): RL would hardly ever see a right answer.\n"
        "Ways out: (1) raise warmup.max_steps; (2) raise warmup.learning_rate or warmup.examples_per_step; (3) lower "
        f"warmup.noise ({config.noise:g}: the rate can hardly pass {1 - config.noise:g}); (4) make the task easier."
    )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Torch's CPU threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_CODE = (
    *("warmup.py", "supervised.py", "lessons.py", "pass_rate.py", "models/sampling.py"),
    *("budget/lessons.py", "budget/flaws.py", "budget/prompts.py", "budget/turns.py", "budget/draw.py"),
)
"""What makes a warm-up's result, beside the libraries."""


def _fingerprint(
    model: ResolvedModel, examples: Sequence[Example], config: WarmupConfig, seed: int, budget: BudgetConfig | None
) -> str:
    """Hash of all that decides the result, this code included."""
    digest = hashlib.sha256(model.digest())
    column = None if budget is None or budget.by is None else budget.by.column
    for example in examples:
        turns = [dict(turn) for turn in example.messages]
        parts: list[object] = [example.id, turns, example.ground_truth, example.response, example.flawed]
        if column is not None:
            parts.append(str(example.columns.get(column)))
        parts += [example.response_ids, example.thinking_budget] * example.budgeted
        digest.update(json.dumps(parts).encode())
    digest.update(config.model_dump_json(exclude={"examples"}).encode())
    digest.update(f"{seed} {importlib.metadata.version('torch')}".encode())
    if budget is not None:
        digest.update(budget.model_dump_json().encode())
    for code in _CODE:
        digest.update((Path(__file__).parent / code).read_bytes())
    return digest.hexdigest()[:16]
