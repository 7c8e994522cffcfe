"""Starts and ends what a run consists of: Ray, rollout workers, learners, reward workers.

Whatever happens inside the block, every process that was started here is gone when it ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import psutil  # type: ignore[import-untyped]
import ray
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rewards.runner import RewardRunner
from rl.budget.keeping import kept_to_budgets, thinking_tokens
from rl.budget.rewards import with_tokenizer
from rl.collect import Collector
from rl.config import RunConfig
from rl.errors import PonderError
from rl.learner.group import LearnerGroup
from rl.learner.lasting import LastingLearners
from rollout.engine import transport
from rollout.fleet import RolloutFleet
from rollout.weights import WeightPublisher
from verifiers.thinking.format import FORMATS

Device = Literal["cpu", "gpu"]

RAY_FOLDER = "ponder-ray-"
"""Prefix of the temporary folder that a run's Ray works in."""


@dataclass(frozen=True)
class System:
    """The running parts."""

    fleet: RolloutFleet
    learners: LastingLearners | None
    """None when only measuring."""
    rewards: RewardRunner
    collector: Collector
    tokenizer: PreTrainedTokenizerBase
    weights: WeightPublisher
    """Where the learners write what the fleet reads."""

    @property
    def trained(self) -> LastingLearners:
        """The learners of a system that was started with them."""
        assert self.learners is not None
        return self.learners


def choose_device(config: RunConfig) -> Device:
    """The device that the run uses.

    Raises:
        PonderError: `device: gpu` on a machine without one.
    """
    available = torch.cuda.is_available()
    if config.device == "gpu" and not available:
        raise PonderError("device: gpu, but torch finds no GPU here. Set device=cpu, or run on a machine with a GPU.")
    return "gpu" if available and config.device != "cpu" else "cpu"


def share_cores(config: RunConfig, device: Device) -> RunConfig:
    """The configuration with the CPU cores divided between workers and learner where both compute at the same time.

    Threads of both on the same cores would keep each other from running. What the configuration says stays.
    """
    streaming, threads = config.streaming, (config.rollout.cpu_threads, config.learner.cpu_threads)
    if device == "gpu" or streaming.max_staleness == 0 or streaming.placement == "shared" or any(threads):
        return config
    cores = len(os.sched_getaffinity(0))
    learning = max(1, cores // 2)
    rollout = {"cpu_threads": max(1, (cores - learning) // config.rollout.workers)}
    learner = {"cpu_threads": max(1, learning // config.learner.ranks)}
    return config.model_copy(
        update={
            "rollout": config.rollout.model_copy(update=rollout),
            "learner": config.learner.model_copy(update=learner),
        }
    )


@asynccontextmanager
async def running_system(
    config: RunConfig,
    model_path: Path,
    *,
    base: Path,
    logs: Path,
    learning: bool = True,
    critic_path: Path | None = None,
    notify: Callable[[str], None] = print,
) -> AsyncIterator[System]:
    """Everything started from the weights in `model_path`.

    Args:
        base: folder that relative reward files are looked up in.
        logs: folder for what the parts print.
        learning: start learners too.
        critic_path: a reward model that the critic starts from; None: from the policy.
        notify: takes a line about every part that dies and is started again.
    """
    device = choose_device(config)
    config = share_cores(config, device)
    tokenizer = AutoTokenizer.from_pretrained(model_path, trust_remote_code=config.model.trust_remote_code)
    async with AsyncExitStack() as stack:
        thinking = thinking_tokens(config, tokenizer)
        rewards = stack.enter_context(
            RewardRunner(
                with_tokenizer(config.rewards, model_path, None if thinking is None else thinking.format),
                config.reward_runner,
                config.correctness,
                base,
                output=logs / "rewards.log",
            )
        )
        stack.enter_context(_ray(config, device, logs, learning=learning))
        starting_fleet = asyncio.create_task(
            RolloutFleet.start(
                config.rollout,
                model_path=str(model_path),
                context_tokens=config.model.context_tokens,
                device=device,
                log_folder=logs,
                stop_token_ids=[tokenizer.eos_token_id],
                streaming=config.streaming,
                notify=notify,
            )
        )
        stack.push_async_callback(_end, starting_fleet)
        learners: LastingLearners | None = None
        if learning:
            begin = partial(
                LearnerGroup.start,
                config.learner,
                config.algorithm,
                model_path=str(model_path),
                attention=config.model.attention,
                device=device,
                optimizer_steps_per_batch=config.optimizer_steps_per_batch,
                seed=config.seed,
                log_folder=logs,
                temperature=config.rollout.sampling.temperature,
                max_response_tokens=config.rollout.max_response_tokens,
                critic_path=None if critic_path is None else str(critic_path),
            )
            # A new rank 0 could not join the group that sends weights from GPU to GPU.
            mends = transport(config.rollout, device) == "shared_memory"
            starting_learners = asyncio.create_task(LastingLearners.start(begin, notify, mends=mends))
            stack.push_async_callback(_end, starting_learners)
            await asyncio.gather(starting_fleet, starting_learners)
            learners = starting_learners.result()
        fleet = await starting_fleet
        weights = stack.enter_context(closing(fleet.publisher()))
        yield System(
            fleet=fleet,
            learners=learners,
            rewards=rewards,
            collector=Collector(
                kept_to_budgets(fleet, config, thinking),
                rewards,
                tokenizer,
                seed=config.seed,
                thinking=FORMATS["seed"] if thinking is None else thinking.format,
            ),
            tokenizer=tokenizer,
            weights=weights,
        )


async def _end(starting: asyncio.Task[RolloutFleet] | asyncio.Task[LastingLearners]) -> None:
    """Shut down a part that started, or wait until its failed start has cleaned up."""
    try:
        part = await starting
    except Exception:  # reported where it was awaited first
        return
    await part.shutdown()


@contextmanager
def _ray(config: RunConfig, device: Device, logs: Path, *, learning: bool) -> Iterator[None]:
    """A Ray of our own on this machine, or the cluster that RAY_ADDRESS names."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns about a coming default
    if "RAY_ADDRESS" in os.environ:
        _init_ray()
        _require(config, device, learning=learning)
        try:
            yield
        finally:
            ray.shutdown()
        return
    # A short path: Ray puts unix sockets below it, whose names may have 107 bytes at most.
    _remove_orphans(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{RAY_FOLDER}{os.getpid()}-"))
    try:
        _init_ray(address="local", include_dashboard=False, _temp_dir=str(folder))
        try:
            _require(config, device, learning=learning)
            yield
        finally:
            ray.shutdown()
    finally:
        with suppress(OSError):  # a full disk has already been told of, and must be heard of again
            for session in folder.glob("session_2*/logs"):
                shutil.copytree(session, logs / "ray", dirs_exist_ok=True, ignore_dangling_symlinks=True)
        shutil.rmtree(folder, ignore_errors=True)


def _init_ray(**options: Any) -> None:
    """Connect, or start a Ray.

    Ray takes SIGTERM for a crash of its driver: three seconds later it aborts, whatever another handler (ours saves the
    run) is still doing. So the handler that was there is put back over Ray's.
    """
    handler = signal.getsignal(signal.SIGTERM)
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    signal.signal(signal.SIGTERM, handler)


def _remove_orphans(root: Path) -> None:
    """Remove Ray's folders of runs that were killed; the name holds the process id of the run."""
    for folder in root.glob(f"{RAY_FOLDER}*"):
        owner = folder.name.removeprefix(RAY_FOLDER).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _require(config: RunConfig, device: Device, *, learning: bool) -> None:
    """Refuse a run that Ray could never place (it would wait for ever)."""
    ranks = config.learner.ranks if learning else 0
    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    if device == "gpu":
        needed = config.rollout.workers * config.rollout.tensor_parallel + ranks
        found, unit = int(there.get("GPU", 0)), "GPUs"
    else:
        needed = config.rollout.workers + ranks
        found, unit = int(there.get("CPU", 0)), "CPU cores"
    if needed > found:
        raise PonderError(
            f"the run needs {needed} {unit} (rollout.workers={config.rollout.workers}, "
            f"rollout.tensor_parallel={config.rollout.tensor_parallel}{f', learner.ranks={ranks}' * learning}) "
            f"but Ray has {found}. Ways out: (1) fewer rollout.workers{' or learner.ranks' * learning}, "
            "(2) join more machines to a Ray cluster and set RAY_ADDRESS."
        )
