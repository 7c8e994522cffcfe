"""What rollout workers are started with, and where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray

from rollout.config import RolloutConfig, StreamingConfig
from rollout.engine import check_engine_installed, engine_arguments, transport
from rollout.errors import RolloutError
from rollout.machine import Device, worker_place
from rollout.worker import RolloutWorker, WorkerSettings


def worker_settings(
    config: RolloutConfig,
    streaming: StreamingConfig,
    *,
    model_path: str,
    context_tokens: int,
    device: Device,
    log_folder: Path,
    stop_token_ids: Sequence[int],
) -> list[WorkerSettings]:
    """Of all workers, and the folder of their logs; see `RolloutFleet.start`.

    Raises:
        RolloutError: there is no engine here, it cannot do what it is asked for, or Ray has no room for the workers.
    """
    check_engine_installed()
    transport(config, device)
    engine_arguments(config, model_path=model_path, context_tokens=context_tokens, device=device)
    _require_room(config, device)
    log_folder.mkdir(parents=True, exist_ok=True)
    return [
        WorkerSettings(
            index=index,
            config=config,
            model_path=model_path,
            context_tokens=context_tokens,
            device=device,
            stop_token_ids=tuple(stop_token_ids),
            place=worker_place(config, device, index, model_path=model_path),
            log=log_folder.resolve() / f"rollout-{index}.log",
            max_versions=1 if streaming.partial_rollout == "restart" else streaming.max_versions_per_sample,
        )
        for index in range(config.workers)
    ]


def make_actor(settings: WorkerSettings) -> Any:
    """The Ray actor of a worker; nothing is loaded yet."""
    gpus = settings.config.tensor_parallel if settings.device == "gpu" else 0
    return (
        ray.remote(RolloutWorker)
        .options(num_cpus=1, num_gpus=gpus, runtime_env={"env_vars": settings.place.environment})
        .remote(settings)
    )


def _require_room(config: RolloutConfig, device: Device) -> None:
    """Refuse workers that Ray could never place: they would wait for ever.

    Raises:
        RolloutError: Ray has too few GPUs or CPUs.
    """
    unit, needed = ("GPU", config.workers * config.tensor_parallel) if device == "gpu" else ("CPU", config.workers)
    there = int(ray.cluster_resources().get(unit, 0))  # type: ignore[no-untyped-call]
    if needed > there:
        raise RolloutError(
            f"{config.workers} rollout workers need {needed} {unit}s and Ray has {there}. "
            "Ways out: (1) fewer rollout.workers, (2) smaller rollout.tensor_parallel, (3) a larger Ray cluster."
        )
