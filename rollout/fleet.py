"""The rollout fleet: all rollout workers behind one door.

The responses of one prompt stay on one worker, where they share the prompt's KV cache; groups go to the worker with
the least to do. New weights are swapped in all workers at once, while samples are being generated.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import ray
from ray.exceptions import RayError, RayTaskError

from rollout.config import RolloutConfig, SamplingConfig
from rollout.engine import check_engine_installed, engine_arguments, transport
from rollout.errors import RolloutError
from rollout.gpu_weights import EngineWeights
from rollout.machine import Device, worker_place
from rollout.types import Sample, SampleRequest
from rollout.weights import SharedMemoryWeights, WeightManifest, WeightPublisher
from rollout.worker import Finished, Order, RolloutWorker, SwapTimes, WorkerSettings

SHUTDOWN_SECONDS = 20.0
"""An engine that has not ended by then is killed."""


class RolloutFleet:
    """All rollout workers. Make one with `start`."""

    def __init__(self, config: RolloutConfig, settings: Sequence[WorkerSettings], actors: Sequence[Any]) -> None:
        """See `start`."""
        self._config = config
        self._settings = list(settings)
        self._actors = list(actors)
        self._processes: list[psutil.Process] = []
        """The actors' processes on this machine."""
        self._started = False
        self._unfinished = [0] * len(actors)
        self._calls = itertools.count()
        self._swap = asyncio.Lock()
        self.version = 0
        """Weight version that new tokens are sampled with."""

    @classmethod
    async def start(
        cls,
        config: RolloutConfig,
        *,
        model_path: str,
        context_tokens: int,
        device: Device,
        log_folder: Path,
        stop_token_ids: Sequence[int],
    ) -> RolloutFleet:
        """Start all workers; `ray.init` was called before. The weights of `model_path` are version 0.

        Args:
            config: workers, sizes, engine arguments.
            model_path: Hugging Face folder or name.
            context_tokens: longest prompt and response together.
            device: one core's share of Ray, or `tensor_parallel` GPUs, for each worker.
            log_folder: `rollout-<worker>.log` appear here.
            stop_token_ids: tokens that end a response, besides those that the model's generation config names.

        Raises:
            RolloutError: a worker did not start; names its log file. Nothing is left running.
        """
        check_engine_installed()
        transport(config, device)
        engine_arguments(config, model_path=model_path, context_tokens=context_tokens, device=device)
        _require_room(config, device)
        log_folder.mkdir(parents=True, exist_ok=True)
        settings = [
            WorkerSettings(
                index=index,
                config=config,
                model_path=model_path,
                context_tokens=context_tokens,
                device=device,
                stop_token_ids=tuple(stop_token_ids),
                place=worker_place(config, device, index, model_path=model_path),
                log=log_folder.resolve() / f"rollout-{index}.log",
            )
            for index in range(config.workers)
        ]
        fleet = cls(config, settings, [_actor(one) for one in settings])
        try:
            here = ray.get_runtime_context().get_node_id()
            places: list[tuple[str, int]] = await fleet._all("whereabouts")
            fleet._processes = [psutil.Process(pid) for node, pid in places if node == here]
            await fleet._all("start")
        except BaseException:
            await fleet.shutdown()
            raise
        fleet._started = True
        return fleet

    def publisher(self) -> WeightPublisher:
        """What the learner writes new weights to, by `rollout.weight_transfer`; close it at the end."""
        how = transport(self._config, self._settings[0].device)
        if how == "shared_memory":
            return SharedMemoryWeights()
        return EngineWeights(how, self._actors, tensor_parallel=self._config.tensor_parallel)

    async def generate(
        self, requests: Sequence[SampleRequest], *, sampling: SamplingConfig | None = None
    ) -> AsyncIterator[Sample]:
        """Answer all requests; yields each sample as it finishes, in any order.

        Leaving the iteration early ends what is unfinished.

        Raises:
            RolloutError: a prompt does not fit, or a worker failed.
        """
        call = str(next(self._calls))
        finished: asyncio.Queue[tuple[int, list[Finished]] | RolloutError] = asyncio.Queue()
        orders = self._assign(requests)
        tasks = [
            asyncio.create_task(self._drain(worker, call, mine, sampling, finished)) for worker, mine in orders.items()
        ]
        left = [sum(len(order.tickets) for order in orders.get(w, ())) for w in range(len(self._actors))]
        try:
            while any(left):
                item = await finished.get()
                if isinstance(item, RolloutError):
                    raise item
                worker, batch = item
                left[worker] -= len(batch)
                self._unfinished[worker] -= len(batch)
                for one in batch:
                    yield _sample(one, requests[one.index], worker)
        finally:
            for task in tasks:
                task.cancel()
            for worker, count in enumerate(left):
                if count:
                    self._unfinished[worker] -= count
                    self._actors[worker].abort.remote(call)

    async def publish(self, manifest: WeightManifest) -> Mapping[str, float]:
        """Bring new weights into all workers. Safe while `generate` runs: unfinished samples go on under them.

        Returns:
            `rollout/swap_seconds` (wall time for all workers) and `rollout/pause_seconds` (longest of one worker).

        Raises:
            RolloutError: an older version than the present one, or a worker failed.
        """
        if manifest.version < self.version:
            raise RolloutError(f"weight version {manifest.version} published after version {self.version}")
        async with self._swap:
            start = asyncio.get_running_loop().time()
            times: list[SwapTimes] = await (self._all("swap", manifest) if manifest.path else self._all("times"))
            self.version = manifest.version
            seconds = asyncio.get_running_loop().time() - start
        pause = max(time.swap for time in times)
        return {"rollout/swap_seconds": seconds if manifest.path else pause, "rollout/pause_seconds": pause}

    async def parameter_report(self) -> list[str]:
        """Parameters to look at when the learner's logprobs and the engine's disagree."""
        reports: list[list[str]] = await self._all("report")
        return sorted({name for report in reports for name in report})

    async def shutdown(self) -> None:
        """End all workers and their engines; fine to call twice."""
        actors, self._actors = self._actors, []
        family: list[psutil.Process] = []
        for one in self._processes:
            with suppress(psutil.NoSuchProcess):  # any of them may end by itself at any moment
                family += [one, *one.children(True)]
        if self._started and actors:
            ends = [asyncio.ensure_future(actor.shutdown.remote()) for actor in actors]
            await asyncio.wait(ends, timeout=SHUTDOWN_SECONDS)
            for end in ends:
                end.cancel() if not end.done() else end.exception()
        for actor in actors:
            ray.kill(actor)
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, 2 if self._started else 0)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.to_thread(psutil.wait_procs, alive, 5)

    def _assign(self, requests: Sequence[SampleRequest]) -> dict[int, list[Order]]:
        """Groups to workers: each to the one with the fewest unfinished samples."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(request.prompt.token_ids, []).append(index)
        orders: dict[int, list[Order]] = {}
        for indices in groups.values():
            prompt = requests[indices[0]].prompt
            limit = self._settings[0].context_tokens
            if len(prompt.token_ids) >= limit:
                raise RolloutError(
                    f"prompt {prompt.prompt_id} has {len(prompt.token_ids)} tokens and leaves no room for a response "
                    f"in model.context_tokens={limit}"
                )
            worker = min(range(len(self._actors)), key=self._unfinished.__getitem__)
            self._unfinished[worker] += len(indices)
            tickets = tuple((index, requests[index].seed) for index in indices)
            orders.setdefault(worker, []).append(Order(prompt.token_ids, tickets))
        return orders

    async def _drain(
        self,
        worker: int,
        call: str,
        orders: list[Order],
        sampling: SamplingConfig | None,
        finished: asyncio.Queue[tuple[int, list[Finished]] | RolloutError],
    ) -> None:
        """Move a worker's stream into the queue."""
        stream = self._actors[worker].generate.options(num_returns="streaming").remote(call, orders, sampling)
        try:
            async for reference in stream:
                finished.put_nowait((worker, await reference))
        except RayError as error:
            finished.put_nowait(self._explain(worker, error))

    async def _all(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of all workers at once."""
        return await asyncio.gather(
            *(self._call(index, getattr(actor, method).remote(*arguments)) for index, actor in enumerate(self._actors))
        )

    async def _call(self, worker: int, reference: Any) -> Any:
        try:
            return await reference
        except RayError as error:
            raise self._explain(worker, error) from None

    def _explain(self, worker: int, error: RayError) -> RolloutError:
        cause = error.cause if isinstance(error, RayTaskError) else None
        if isinstance(cause, RolloutError):
            return cause
        what = f"failed: {cause!r}" if cause is not None else "died"
        return RolloutError(f"rollout worker {worker} {what} (log: {self._settings[worker].log})")


def _actor(settings: WorkerSettings) -> Any:
    gpus = settings.config.tensor_parallel if settings.device == "gpu" else 0
    return (
        ray.remote(RolloutWorker)
        .options(num_cpus=1, num_gpus=gpus, runtime_env={"env_vars": settings.place.environment})
        .remote(settings)
    )


def _require_room(config: RolloutConfig, device: Device) -> None:
    """Refuse workers that Ray could never place: they would wait for ever."""
    unit, needed = ("GPU", config.workers * config.tensor_parallel) if device == "gpu" else ("CPU", config.workers)
    there = int(ray.cluster_resources().get(unit, 0))  # type: ignore[no-untyped-call]
    if needed > there:
        raise RolloutError(
            f"{config.workers} rollout workers need {needed} {unit}s and Ray has {there}. "
            "Ways out: (1) fewer rollout.workers, (2) smaller rollout.tensor_parallel, (3) a larger Ray cluster."
        )


def _sample(finished: Finished, request: SampleRequest, worker: int) -> Sample:
    return Sample(
        sample_id=request.sample_id,
        prompt=request.prompt,
        response_ids=finished.response_ids,
        logprobs=finished.logprobs,
        versions=finished.versions,
        loss_mask=np.ones(len(finished.response_ids), dtype=np.bool_),
        stop_reason=finished.stop_reason,
        worker=worker,
    )
