"""`ponder simulate` beside real runs: seconds a step that it predicts, and those that were measured.

    python -m tests.benchmarks.bench_simulator [--steps N] [--context TOKENS] [--ways WAY ...] [--runs FOLDER]

The runs are those of bench_streaming. The synchronous one and the one with staleness 1 on split cores give the figures
(decode step, learner, new weights, how much they slow each other down on the cores that they share) and the lengths;
the others are predicted from them without having been looked at, which is what counts. `--runs` keeps the run folders
and takes those that are there, such as `bench_streaming --keep` leaves.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from rl.load_config import load_config
from rl.memory import rollout_memory
from rl.models.resolve import model_shape
from rl.simulation.calibrate import Measured, calibrated, likeness, read_run
from rl.simulation.hardware import GIB
from rl.simulation.lengths import Lengths, quantile_of
from rl.simulation.run import Workload, simulate
from tests.benchmarks.bench_streaming import WAYS, measure

GIVEN = ("synchronous", "staleness 1, split")
"""What the figures are taken from."""
PROMPT_TOKENS = 60
"""Of letter_count's prompts, about."""


def measured(way: str, folder: Path, context: int, steps: int) -> Measured:
    """A real run, as it is there or made now."""
    place = folder / way.replace(", ", "-").replace(" ", "-")
    if not place.exists():
        measure(context, steps, WAYS[way], place)
    return read_run(place)


def compare(ways: Sequence[str], context: int, steps: int, folder: Path) -> None:
    """Print the table."""
    runs = {way: measured(way, folder, context, steps) for way in ways}
    given = [runs[way] for way in GIVEN if way in runs]
    observed = [n for run in given for step in run.steps for group in step.groups for n in group]
    first = load_config(given[0].folder / "config.yaml").config
    memory = rollout_memory(
        model_shape("tiny"), first.rollout, compute_bytes=4, context_tokens=first.model.context_tokens
    )
    lengths = Lengths("", quantile_of(observed), first.rollout.max_response_tokens, likeness(given))
    figures = calibrated(
        given,
        first,
        prompt_tokens=PROMPT_TOKENS,
        kv_tokens=first.rollout.cpu_kv_cache_gib * GIB / memory.kv_token,
    )
    print(figures)
    work = Workload(lengths, PROMPT_TOKENS, informative=1.0, prompts=5000, steps=200)
    print(
        "                                    s a step: measured  predicted   error   learner waits: measured  predicted"
    )
    for way, run in runs.items():
        said = simulate(run.config, figures, work)
        seconds = fmean(step.metrics["time/step"] for step in run.steps)
        waits = sum(step.seconds("generate") for step in run.steps) / seconds / len(run.steps)
        print(
            f"{way:<39} {seconds:>15.2f} {said.step:>10.2f} {said.step / seconds - 1:>+7.0%} {waits:>25.0%} "
            f"{said.waiting:>10.0%}  {'given' if way in GIVEN else 'predicted'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--context", type=int, default=2048, help="model.context_tokens")
    parser.add_argument(
        "--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="the synchronous one is needed"
    )
    parser.add_argument("--runs", type=Path, help="folder of the runs (default: a temporary one)")
    options = parser.parse_args()
    if options.runs is not None:
        compare(options.ways, options.context, options.steps, options.runs)
        return
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name:
        compare(options.ways, options.context, options.steps, Path(name))


if __name__ == "__main__":
    main()
