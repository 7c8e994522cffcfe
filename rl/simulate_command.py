"""`ponder simulate`: what a run would take on a cluster, and how to split the cluster, before it exists."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import rich.console
from rich.table import Table

from rl.config import RunConfig
from rl.errors import ConfigError, PonderError
from rl.load_config import load_config
from rl.memory import rollout_memory
from rl.models.known import ModelShape
from rl.models.resolve import model_shape
from rl.plan import prompt_count
from rl.simulation.calibrate import Measured, calibrated, likeness, read_run
from rl.simulation.figures import Figures
from rl.simulation.hardware import GIB, engine_figures, figures_of, read_hardware, shape_of_parameters
from rl.simulation.lengths import Lengths, parse_lengths, quantile_of
from rl.simulation.options import ALIKE, PROMPT_TOKENS, SimulateRequest
from rl.simulation.run import Workload, filling, simulate
from rl.simulation.search import Candidate, best_splits, with_staleness


def simulate_command(request: SimulateRequest) -> int:
    """Print the predictions; returns the exit code.

    Raises:
        ConfigError: what is asked for cannot be, with the ways out.
    """
    config = load_config(request.config, request.overrides).config
    plan = _Plan(request, config)
    found = list(plan.candidates())
    if request.json:
        print(json.dumps([_plain(one) for one in found], indent=2))
        return 0
    screen = rich.console.Console(highlight=False)
    if not screen.is_terminal:
        screen.width = 150
    screen.print(_table(found))
    for line in plan.assumptions():
        print(line)
    return 0


class _Plan:
    """The request, made whole."""

    def __init__(self, request: SimulateRequest, config: RunConfig) -> None:
        self._request, self._config = request, config
        if not 0 < request.informative <= 1:
            raise ConfigError(f"--informative {request.informative:g}: a share of the groups, above 0 and at most 1")
        self._runs = [read_run(folder) for folder in request.calibrate]
        self._hardware = read_hardware(request.hardware)
        self._shape = _shape(config, request.parameters)
        if config.device == "cpu" and not self._runs:
            raise ConfigError(
                "device: cpu, and no data sheet says how fast a CPU is. Ways out: (1) --calibrate RUN, with the folder "
                "of a synchronous run of this configuration (runs/<name>), (2) device=gpu."
            )
        room = config.model.context_tokens - config.rollout.max_response_tokens
        self._prompt_tokens = request.prompt_tokens or max(min(PROMPT_TOKENS, room), 1)
        self._lengths = _lengths(request, config, self._runs)

    def candidates(self) -> Iterator[Candidate]:
        """Every way to run that is asked for."""
        config, request = self._config, self._request
        if request.gpus is not None:
            if config.device == "cpu":
                raise ConfigError("--gpus and device: cpu. Leave one of them out.")
            yield from best_splits(config, self._figures, self._work(), request.gpus, request.staleness or (0, 1, 2))
            return
        for staleness in request.staleness or (config.streaming.max_staleness,):
            one = with_staleness(config, staleness)
            yield Candidate(one, simulate(one, self._figures(one), self._work()))

    def assumptions(self) -> Iterator[str]:
        """What the figures rest on."""
        work, config, sheet = self._work(), self._config, self._hardware
        yield (
            f"{config.prompts_per_step} prompts x {config.group_size} a step; response tokens {self._lengths.text}, at "
            f"most {self._lengths.most:,}, alike {self._lengths.alike:.2g} within a prompt; prompts of "
            f"{work.prompt_tokens:,} tokens; {work.informative:.0%} of the groups with signal"
        )
        if self._runs:
            figures = self._figures(config)
            yield (
                f"measured in {', '.join(str(run.folder) for run in self._runs)}: decode step "
                f"{figures.engine.fixed * 1e3:.3g} ms + {figures.engine.sample * 1e3:.3g} ms a sample; learner "
                f"{figures.learner.batch:.3g} s + {figures.learner.token * 1e6:.3g} us a token; weights "
                f"{figures.publish:.3g} s; both at once {figures.contention:.3g} times slower"
            )
            return
        yield (
            f"{self._shape.parameters / 1e9:.3g}B parameters; a GPU: {sheet.tflops:g} TFLOP/s (decoding reaches "
            f"{sheet.decode_compute:.0%}, prompts {sheet.prefill_compute:.0%}, learning {sheet.learner_compute:.0%}), "
            f"{sheet.bandwidth_tb_s:g} TB/s (decoding {sheet.decode_bandwidth:.0%}), {sheet.gpu_memory_gib:g} GiB"
        )
        yield (
            f"means of {work.steps} steps after {filling(config)} or more, seed {work.seed}; without evaluation, "
            "checkpoints and faults"
        )

    def _figures(self, config: RunConfig) -> Figures:
        if not self._runs:
            return figures_of(config, self._shape, self._hardware)
        if config.device == "gpu":
            kv_tokens = engine_figures(config, self._shape, self._hardware).kv_tokens
        else:
            memory = rollout_memory(
                self._shape, config.rollout, compute_bytes=4, context_tokens=config.model.context_tokens
            )
            kv_tokens = config.rollout.cpu_kv_cache_gib * GIB / memory.kv_token
        return calibrated(self._runs, config, prompt_tokens=self._prompt_tokens, kv_tokens=kv_tokens)

    def _work(self) -> Workload:
        request, config = self._request, self._config
        steps = request.steps + filling(with_staleness(config, max(request.staleness or (2,)))) + 4
        counts = [prompt_count(source) for source in config.data.train]
        known = sum(count for count in counts if count is not None) if None not in counts else 0
        # where the data is not here to be counted, every prompt is new
        new = math.ceil(2 * steps * config.prompts_per_step / request.informative)
        return Workload(
            self._lengths,
            prompt_tokens=self._prompt_tokens,
            informative=request.informative if config.algorithm.dynamic_sampling.enabled else 1.0,
            prompts=known or new,
            steps=request.steps,
            seed=request.seed,
        )


def _shape(config: RunConfig, parameters: float | None) -> ModelShape:
    if parameters is not None:
        if not parameters >= 1e6:
            raise ConfigError(f"--parameters {parameters:g}: a model's size, like 7e9")
        return shape_of_parameters(parameters, config.model.context_tokens)
    try:
        return model_shape(config.model.name)
    except PonderError as error:
        raise ConfigError(f"{error}\nOr give its size: --parameters 7e9.") from None


def _lengths(request: SimulateRequest, config: RunConfig, runs: Sequence[Measured]) -> Lengths:
    most = config.rollout.max_response_tokens
    if request.lengths is None and runs:
        observed = [length for run in runs for step in run.steps for group in step.groups for length in group]
        alike = likeness(runs) if request.alike is None else request.alike
        return Lengths("as in the runs", quantile_of(observed), most, alike)
    alike = ALIKE if request.alike is None else request.alike
    text = request.lengths or f"lognormal(median={most // 4 or 1}, sigma=0.8)"
    return parse_lengths(text, most=most, alike=alike)


_COLUMNS = (
    "staleness", "workers", "ranks", "step s", "speedup", "learner waits", "learns", "weights",
    "workers idle", "stalled", "running", "tokens/s", "age", "oldest",
)  # fmt: skip


def _table(found: Iterable[Candidate]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    first: float | None = None
    for one in found:
        said, rollout, learner = one.prediction, one.config.rollout, one.config.learner
        first = said.step if first is None else first
        table.add_row(
            str(one.config.streaming.max_staleness),
            f"{rollout.workers:,}" + (f" x {rollout.tensor_parallel}" if rollout.tensor_parallel > 1 else ""),
            f"{learner.ranks:,}",
            f"{said.step:,.4g}" if said.step < 1000 else f"{said.step:,.0f}",
            f"{first / said.step:.2f}",
            f"{said.waiting:.0%}",
            f"{said.learning:.0%}",
            f"{said.publishing:.1%}",
            f"{said.idle:.0%}",
            f"{said.stalled:.0%}",
            f"{said.running:.0f}",
            f"{said.tokens_per_second:,.0f}",
            f"{said.staleness:.2f}",
            str(said.staleness_max),
        )
    return table


def _plain(one: Candidate) -> dict[str, Any]:
    """For machines: the split, and the prediction by its fields' names."""
    config = one.config
    return {
        "max_staleness": config.streaming.max_staleness,
        "partial_rollout": config.streaming.partial_rollout,
        "workers": config.rollout.workers,
        "tensor_parallel": config.rollout.tensor_parallel,
        "ranks": config.learner.ranks,
        "prompts_per_step": config.prompts_per_step,
        **asdict(one.prediction),
    }
