"""The options of `ponder simulate`. Imports nothing that takes time: every `ponder` command loads this."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ALIKE = 0.5
"""Share of the variance of lengths that samples of one prompt have in common, unless told otherwise."""
PROMPT_TOKENS = 512
"""Of a prompt, unless told otherwise or the context has no room for so many."""

ABOUT = "predict step time, idle shares and staleness on a cluster, and how to split it; starts nothing"
MORE = """\
  ponder simulate run.yaml --lengths 'lognormal(median=2000, sigma=0.9)'       the configuration's own split
  ponder simulate run.yaml prompts_per_step=512 --gpus 64 --staleness 0 1 2    the best split of 64 GPUs
  ponder simulate run.yaml --lengths 'file(runs/first)' --hardware h200.yaml   lengths of a run, other GPUs
  ponder simulate run.yaml --calibrate runs/first runs/streamed                measured speeds

Lengths: lognormal(median, sigma), geometric(mean), fixed(n), file(RUN or SAMPLES.jsonl).
"""


@dataclass(frozen=True)
class SimulateRequest:
    """What the command line asks for."""

    config: Path
    overrides: Sequence[str]
    gpus: int | None
    """Search the best split of so many GPUs; None: the configuration's own."""
    staleness: Sequence[int] | None
    lengths: str | None
    alike: float | None
    informative: float
    prompt_tokens: int | None
    parameters: float | None
    hardware: Path | None
    calibrate: Sequence[Path]
    steps: int
    seed: int
    json: bool


def add_options(parser: argparse.ArgumentParser, *, count: Callable[[str], int]) -> None:
    """All but the configuration and its overrides; `count` reads a number of 1 or more."""
    add = parser.add_argument
    add("--gpus", metavar="N", type=count, help="search the best split of so many GPUs")
    add(
        "--staleness",
        metavar="N",
        type=_staleness,
        nargs="+",
        help="streaming.max_staleness, a row each (default: the configuration's; with --gpus 0 1 2)",
    )
    add(
        "--lengths",
        metavar="TEXT",
        help="response tokens (default: lognormal, median a quarter of the limit, sigma 0.8)",
    )
    add(
        "--alike",
        metavar="X",
        type=float,
        help=f"share of their variance that a prompt's samples have in common (default: {ALIKE})",
    )
    add(
        "--informative",
        metavar="X",
        type=float,
        default=1.0,
        help="share of groups with signal, where dynamic sampling replaces the others (default: 1)",
    )
    add("--prompt-tokens", metavar="N", type=count, help=f"of a prompt (default: {PROMPT_TOKENS})")
    add("--parameters", metavar="P", type=float, help="size of a model whose shape is not known here, like 7e9")
    add("--hardware", metavar="YAML", type=Path, help="a GPU's figures (default: H100; see rl/simulation/hardware.py)")
    add("--calibrate", metavar="RUN", type=Path, nargs="+", help="take speeds and lengths from these run folders")
    add("--steps", metavar="N", type=count, default=10, help="measured steps (default: 10)")
    add("--seed", metavar="N", type=int, default=0, help="of lengths and signal (default: 0)")
    add("--json", action="store_true", help="for machines")


def read_options(options: argparse.Namespace) -> SimulateRequest:
    """The request that a parsed command line makes."""
    return SimulateRequest(
        config=options.config,
        overrides=options.overrides,
        gpus=options.gpus,
        staleness=options.staleness,
        lengths=options.lengths,
        alike=options.alike,
        informative=options.informative,
        prompt_tokens=options.prompt_tokens,
        parameters=options.parameters,
        hardware=options.hardware,
        calibrate=options.calibrate or (),
        steps=options.steps,
        seed=options.seed,
        json=options.json,
    )


def _staleness(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no number of weight versions, 0 or more")
    return int(text)
