"""`ponder ablate`: the same run with one thing changed at a time, over several seeds, as one table.

Every variant is a `ponder train` of its own in a process of its own; the command goes on where it was interrupted, and
runs that are finished are not run again. Seeds are the outer loop: after each, there is a table of all variants.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pydantic import Field

from rewards.config import Section
from rewards.settings.source import Problem, read_source
from rewards.settings.validate import checked
from rl.errors import EXIT_STOPPED, ConfigError, PonderError
from rl.load_config import load_config
from rl.run.folder import RunFolder

LAST_STEPS = 10
"""Training accuracy in the table is a mean over as many steps at the end."""


class Variant(Section):
    """One row of the table."""

    config: Path
    """Configuration that it starts from, looked up beside the ablation's file."""
    set: list[str] = Field(default_factory=list)
    """What it changes: `key.path=value`, as on the command line."""


class Ablation(Section):
    """Variants of a run."""

    runs_folder: Path = Path("runs/ablations")
    """Where the run folders `<variant>-<seed>` lie; a relative one is looked up in the current folder."""
    seeds: list[int] = Field(min_length=1)
    """Each variant runs once with each."""
    always: list[str] = Field(default_factory=list)
    """Settings of all variants: `key.path=value`."""
    variants: dict[str, Variant] = Field(min_length=1)
    """Name -> what runs."""


@dataclass(frozen=True)
class Outcome:
    """What one finished run says."""

    before: float
    """Held-out accuracy."""
    after: float
    training: float
    """Accuracy of the samples of the last steps."""


def read_ablation(path: Path) -> Ablation:
    """The ablation of a file, every variant of it checked.

    Raises:
        SettingsError: a key is wrong, or a variant is no valid configuration.
    """
    return checked(read_source(path), Ablation, file_keys=[("variants", str, "config")], check=_problems)


def ablate(path: Path, seeds: Sequence[int] | None = None, *, table_only: bool = False) -> int:
    """Run what is not finished, and print the table after each seed.

    Args:
        path: a YAML file of an `Ablation`.
        seeds: these in place of the file's.
        table_only: run nothing.

    Returns:
        Exit code: 0 done, 130 interrupted (the same command goes on).

    Raises:
        SettingsError: as `read_ablation`.
        PonderError: a run failed (those before it are kept), or one that is finished had other settings.
    """
    ablation = read_ablation(path)
    chosen = list(seeds or ablation.seeds)
    _check_finished(ablation, chosen)
    for place, seed in enumerate(chosen):
        for name, variant in ablation.variants.items():
            if table_only or outcome_of(ablation.runs_folder / f"{name}-{seed}") is not None:
                continue
            print(f"{name}, seed {seed}", flush=True)
            code = wait_for(_command(ablation, name, variant, seed))
            if code == EXIT_STOPPED:
                return code
            if code != 0:
                raise PonderError(
                    f"{name}, seed {seed} ended with exit code {code}. Mend what it says above; the same command goes "
                    "on with it, runs that are finished are kept."
                )
        if not table_only or place == len(chosen) - 1:
            print("\n".join(table(ablation, chosen)), flush=True)
    return 0


def _check_finished(ablation: Ablation, seeds: Sequence[int]) -> None:
    """Runs that are taken as they are must be those that the file describes now."""
    changed = []
    for name, variant in ablation.variants.items():
        for seed in seeds:
            run = RunFolder(ablation.runs_folder / f"{name}-{seed}")
            if outcome_of(run.root) is not None:
                now = load_config(variant.config, _overrides(ablation, name, variant, seed)).config
                changed += [f"{run.root}\n    {line}" for line in run.changes(now)]
    if changed:
        raise PonderError(
            "finished runs had other settings than the ablation says now:\n  "
            + "\n  ".join(changed)
            + "\nWays out: (1) undo the change, (2) another runs_folder, (3) move those runs away to run them anew."
        )


def wait_for(command: Sequence[str]) -> int:
    """Run a command to its end, however long it takes to save after Ctrl-C, which reaches it as well.

    Returns:
        Its exit code.
    """
    before = signal.signal(signal.SIGINT, lambda number, frame: None)  # a function: the child does not inherit it
    try:
        with subprocess.Popen(command) as process:
            return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def outcome_of(run: Path) -> Outcome | None:
    """What a run folder says; None when the run is not finished."""
    summary_file = run / "summary.json"
    summary = json.loads(summary_file.read_text()) if summary_file.exists() else {}
    if "eval_after" not in summary:
        return None
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    training = [line["reward/accuracy"] for line in lines if "reward/accuracy" in line]
    return Outcome(summary["eval_before"]["accuracy"], summary["eval_after"]["accuracy"], fmean(training[-LAST_STEPS:]))


def table(ablation: Ablation, seeds: Sequence[int]) -> Iterator[str]:
    """A Markdown table: held-out accuracy after each seed's run, and its mean beside the first variant's."""
    head = ["variant", *(f"seed {seed}" for seed in seeds), "mean", "difference", "before", "training, last steps"]
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    found = {
        name: {s: o for s in seeds if (o := outcome_of(ablation.runs_folder / f"{name}-{s}")) is not None}
        for name in ablation.variants
    }
    for name, outcomes in found.items():
        yield "| " + " | ".join([name, *_cells(outcomes, _yardstick(found, ablation, name), seeds)]) + " |"


def _yardstick(found: Mapping[str, Mapping[int, Outcome]], ablation: Ablation, name: str) -> Mapping[int, Outcome]:
    """Outcomes of the first variant of the same configuration."""
    config = ablation.variants[name].config
    return found[next(other for other, variant in ablation.variants.items() if variant.config == config)]


def _cells(outcomes: Mapping[int, Outcome], first: Mapping[int, Outcome], seeds: Sequence[int]) -> Iterator[str]:
    """Cells of a row after its name; the difference is the mean over seeds that both have."""
    for seed in seeds:
        yield f"{outcomes[seed].after:.3f}" if seed in outcomes else ""
    if not outcomes:
        yield from [""] * 4
        return
    yield f"{fmean(outcome.after for outcome in outcomes.values()):.3f}"
    both = outcomes.keys() & first.keys()
    yield "" if outcomes is first or not both else f"{fmean(outcomes[s].after - first[s].after for s in both):+.3f}"
    yield f"{fmean(outcome.before for outcome in outcomes.values()):.3f}"
    yield f"{fmean(outcome.training for outcome in outcomes.values()):.3f}"


def _overrides(ablation: Ablation, name: str, variant: Variant, seed: int) -> list[str]:
    place = [f"name={name}-{seed}", f"seed={seed}", f"runs_folder={ablation.runs_folder}"]
    return [*ablation.always, *variant.set, *place]


def _command(ablation: Ablation, name: str, variant: Variant, seed: int) -> list[str]:
    return [sys.executable, "-m", "rl.cli", "train", str(variant.config), *_overrides(ablation, name, variant, seed)]


def _problems(ablation: Ablation) -> Iterator[Problem]:
    """Variants that are no valid configuration: found before the first of them has run for hours."""
    for name, variant in ablation.variants.items():
        try:
            load_config(variant.config, _overrides(ablation, name, variant, ablation.seeds[0]))
        except ConfigError as error:
            yield Problem(("variants", name), f"is no valid run:\n{error}")
