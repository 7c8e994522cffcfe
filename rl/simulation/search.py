"""Which split of N GPUs between generation and learning is fastest, for each staleness.

Step time falls on either side towards the best split, so the search climbs from a guess by arithmetic, in sixteenths
of the GPUs and then in half of that. Large clusters are searched in a smaller one of the same proportions (prompts,
workers and ranks divided by the same number); what it finds is then simulated in full.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rl.config import RunConfig
from rl.errors import ConfigError
from rl.simulation.figures import Figures
from rl.simulation.run import Prediction, Workload, simulate

FiguresOf = Callable[[RunConfig], Figures]
"""Raises ConfigError where the model does not fit."""

WHOLE = 128
"""GPUs up to which the search takes the cluster as it is."""
PARTS = 16
_FEWEST_PROMPTS = 8
"""Of a step in the smaller cluster."""


@dataclass(frozen=True)
class Candidate:
    """A way to run, and what is predicted of it."""

    config: RunConfig
    prediction: Prediction

    @property
    def gpus(self) -> int:
        """Of the whole cluster."""
        return self.config.rollout.workers * self.config.rollout.tensor_parallel + self.config.learner.ranks


def with_staleness(config: RunConfig, staleness: int) -> RunConfig:
    """The same run with another `streaming.max_staleness`."""
    return config.model_copy(update={"streaming": config.streaming.model_copy(update={"max_staleness": staleness})})


def with_split(config: RunConfig, gpus: int, share: float) -> RunConfig | None:
    """The same run on so many GPUs, of which about a share learns; None where a side would have none."""
    unit, split = config.learner.sequence_parallel, config.rollout.tensor_parallel
    workers = (gpus - max(round(gpus * share / unit), 1) * unit) // split
    ranks = (gpus - workers * split) // unit * unit
    if workers < 1:
        return None
    return config.model_copy(
        update={
            "rollout": config.rollout.model_copy(update={"workers": workers}),
            "learner": config.learner.model_copy(update={"ranks": ranks}),
        }
    )


def best_splits(
    config: RunConfig, figures_of: FiguresOf, work: Workload, gpus: int, stalenesses: Iterable[int]
) -> Iterator[Candidate]:
    """The best split found for each staleness.

    Raises:
        ConfigError: no split of so many GPUs holds the model.
    """
    factor = 1
    if gpus > WHOLE:
        factor = max(min(gpus // WHOLE, config.prompts_per_step // _FEWEST_PROMPTS), 1)
    small = config.model_copy(update={"prompts_per_step": round(config.prompts_per_step / factor)})
    guess: float | None = None
    for staleness in stalenesses:
        climb = _Climb(with_staleness(small, staleness), figures_of, work, gpus // factor)
        guess = climb.best(guess)
        if guess is None:
            raise ConfigError(
                f"no split of {gpus} GPUs holds the model: {climb.refusal or 'there must be one on either side'}"
            )
        chosen = with_split(with_staleness(config, staleness), gpus, guess)
        assert chosen is not None, "the share was simulated before"
        yield Candidate(chosen, climb.found[guess] if factor == 1 else simulate(chosen, figures_of(chosen), work))


class _Climb:
    """The search for one staleness."""

    def __init__(self, config: RunConfig, figures_of: FiguresOf, work: Workload, gpus: int) -> None:
        self._config, self._figures_of, self._work, self._gpus = config, figures_of, work, gpus
        self.found: dict[float, Prediction] = {}
        """Share of the GPUs that learns -> what is predicted."""
        self.refusal = ""

    def best(self, start: float | None) -> float | None:
        """The share that learns; None where nothing fits."""
        shares = [place / PARTS for place in range(1, PARTS)]
        guessed = {share: seconds for share in shares if (seconds := self._guess(share)) is not None}
        if not guessed:
            return None
        here = start if start in guessed else min(guessed, key=lambda share: guessed[share])
        for step, reach in ((1 / PARTS, 2), (0.5 / PARTS, 1)):  # farther than a step: lengths are random
            while True:
                shares = [here + step * place for place in range(-reach, reach + 1)]
                near = [share for share in shares if self._seconds(share) is not None]
                next_ = min(near, key=lambda share: self.found[share].step)
                if next_ == here:
                    break
                here = next_
        return here

    def _fitting(self, share: float) -> tuple[RunConfig, Figures] | None:
        if not 0 < share < 1 or (config := with_split(self._config, self._gpus, share)) is None:
            return None
        samples = config.samples_per_step // config.optimizer_steps_per_batch
        if samples < config.learner.data_parallel:
            self.refusal = (
                f"{config.learner.data_parallel} groups of ranks would share the {samples} samples of an optimizer "
                "step. Ways out: (1) more prompts_per_step, (2) fewer optimizer_steps_per_batch, "
                "(3) larger learner.sequence_parallel"
            )
            return None
        try:
            return config, self._figures_of(config)
        except ConfigError as error:
            self.refusal = str(error)
            return None

    def _seconds(self, share: float) -> float | None:
        if share not in self.found:
            fitting = self._fitting(share)
            if fitting is None:
                return None
            self.found[share] = simulate(*fitting, self._work)
        return self.found[share].step

    def _guess(self, share: float) -> float | None:
        """Seconds of a step by arithmetic: everything even, and nothing waits for anything else."""
        fitting = self._fitting(share)
        if fitting is None:
            return None
        config, figures = fitting
        rng, work = random.Random(0), self._work
        lengths = [
            tokens for _ in range(config.prompts_per_step) for tokens in work.lengths.draw(rng, config.group_size)
        ]
        learning = figures.learner.seconds([work.prompt_tokens + tokens for tokens in lengths])
        engine, workers = figures.engine, config.rollout.workers
        context = work.prompt_tokens + sum(lengths) / len(lengths) / 2
        asked = len(lengths) / work.informative * max(config.streaming.max_staleness, 1) / workers
        running = max(min(engine.slots, engine.kv_tokens / context, asked), 1.0)
        step = engine.step(running, running * context)
        generating = max(sum(lengths) / work.informative / workers / running * step, max(lengths) * engine.step(1, 0))
        if config.streaming.max_staleness:
            return max(generating, learning) + figures.publish
        return generating + learning + figures.publish
