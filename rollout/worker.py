"""A rollout worker: a Ray actor around one vLLM engine.

What crosses Ray is plain arrays in batches of finished samples, so that Ray's cost per message is paid rarely. Choices
that were measured (3M-parameter model, 256 samples at once, CPU seconds per 16,000 tokens in this process):

- vLLM reports a sample once, when it is finished (`FINAL_ONLY`): 0.35 s, against 1.1 s token by token (`DELTA`).
- Logprobs as flat lists (`flat_logprobs`): 0.35 s, against 0.75 s as one dictionary per token.
- Every request has a seed of its own: 3% slower than none.

Token versions come from vLLM itself: it labels every engine step with the weight version that was set while the
engine was paused, so they are exact however the tokens travel.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rollout.config import RolloutConfig, SamplingConfig
from rollout.engine import build_engine_args, engine_arguments
from rollout.errors import RolloutError
from rollout.machine import Device, WorkerPlace
from rollout.types import StopReason
from rollout.weights import WeightManifest

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import CompletionOutput
    from vllm.v1.engine.async_llm import AsyncLLM

GATHER_SECONDS = 0.01
"""After a sample finishes, wait this long for others to travel in the same message."""

REASONS = {"stop": StopReason.STOP, "length": StopReason.LENGTH}


@dataclass(frozen=True, slots=True)
class Order:
    """Responses to one prompt, for one worker."""

    prompt_ids: tuple[int, ...]
    tickets: tuple[tuple[int, int], ...]
    """(index, seed) of every response; the index comes back with it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished response; arrays are [R]."""

    index: int
    response_ids: NDArray[np.int32]
    logprobs: NDArray[np.float32]
    versions: NDArray[np.int32]
    stop_reason: StopReason


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is started with."""

    index: int
    config: RolloutConfig
    model_path: str
    context_tokens: int
    device: Device
    stop_token_ids: tuple[int, ...]
    place: WorkerPlace
    log: Path


@dataclass(frozen=True, slots=True)
class SwapTimes:
    """Seconds of one swap in one worker."""

    swap: float
    """From the wish to pause until generation goes on."""
    load: float
    """Of these, loading the weights."""


class RolloutWorker:
    """One engine. Runs as an async Ray actor; `start` before anything else."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Send all output of this process and its children to the log file; start nothing yet."""
        self._settings = settings
        self._engine: AsyncLLM
        self._version = 0
        self._calls: dict[str, list[asyncio.Task[None]]] = {}
        self._pause_start = self._load_start = 0.0
        self._times = SwapTimes(0.0, 0.0)
        self._not_loaded: tuple[str, ...] = ()
        self._tied_heads: tuple[str, ...] = ()
        redirect_output(settings.log)
        self._log_start = settings.log.stat().st_size
        if settings.place.cores is not None:
            os.sched_setaffinity(0, settings.place.cores)

    async def whereabouts(self) -> tuple[str, int]:
        """Ray node and process id of this actor."""
        import ray

        return ray.get_runtime_context().get_node_id(), os.getpid()

    async def start(self) -> None:
        """Start the engine.

        Raises:
            RolloutError: the engine did not start; names the log file.
        """
        settings = self._settings
        try:
            arguments = engine_arguments(
                settings.config,
                model_path=settings.model_path,
                context_tokens=settings.context_tokens,
                device=settings.device,
            )
            engine_args = build_engine_args(arguments)
            from vllm.v1.engine.async_llm import AsyncLLM

            self._engine = AsyncLLM.from_engine_args(engine_args)
            await self._engine.update_weight_version(str(self._version))
            self._log_start = settings.log.stat().st_size
        except RolloutError:
            raise
        except Exception as error:
            reason = first_error(settings.log, self._log_start) or f"{type(error).__name__}: {error}"
            raise RolloutError(
                f"rollout worker {settings.index} could not start its engine: {reason} (log: {settings.log})"
            ) from None

    async def generate(
        self, call: str, orders: Sequence[Order], sampling: SamplingConfig | None
    ) -> AsyncIterator[list[Finished]]:
        """Answer all orders; yields batches of responses as they finish.

        Args:
            call: name of this call, for `abort`.
            orders: prompts and how many responses each.
            sampling: default: `rollout.sampling`.
        """
        done: asyncio.Queue[Finished | BaseException] = asyncio.Queue()
        sampling = sampling or self._settings.config.sampling
        tasks = [
            asyncio.create_task(self._answer(f"{call}/{index}", index, seed, order.prompt_ids, sampling, done))
            for order in orders
            for index, seed in order.tickets
        ]
        self._calls[call] = tasks
        left = len(tasks)
        try:
            while left:
                batch = [await done.get()]
                await asyncio.sleep(GATHER_SECONDS)
                while not done.empty():
                    batch.append(done.get_nowait())
                left -= len(batch)
                finished = []
                for item in batch:
                    if isinstance(item, BaseException):
                        raise item
                    finished.append(item)
                yield finished
        finally:
            await self.abort(call)

    async def abort(self, call: str) -> None:
        """End what is still being generated for a call."""
        tasks = [task for task in self._calls.pop(call, []) if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(
        self,
        request: str,
        index: int,
        seed: int,
        prompt_ids: Sequence[int],
        sampling: SamplingConfig,
        done: asyncio.Queue[Finished | BaseException],
    ) -> None:
        from vllm.inputs import tokens_input

        # With an old KV cache kept alive, prefixes of older weights must not serve new requests.
        salt = None if self._settings.config.recompute_kv_on_swap else f"version {self._version}"
        prompt = tokens_input(list(prompt_ids), cache_salt=salt)
        try:
            async for output in self._engine.generate(prompt, self._parameters(sampling, seed), request):
                done.put_nowait(_finished(index, output.outputs[0]))
        except asyncio.CancelledError:
            done.put_nowait(RolloutError(f"request {request} was aborted"))
            raise
        except Exception as error:
            log = self._settings.log
            reason = first_error(log, self._log_start) or f"{type(error).__name__}: {error}"
            done.put_nowait(RolloutError(f"rollout worker {self._settings.index} failed: {reason} (log: {log})"))

    def _parameters(self, sampling: SamplingConfig, seed: int) -> SamplingParams:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=seed,
            max_tokens=self._settings.config.max_response_tokens,
            stop_token_ids=list(self._settings.stop_token_ids),
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            skip_clone=True,
        )

    async def swap(self, manifest: WeightManifest) -> SwapTimes:
        """Load new weights between two decode steps; unfinished samples go on under them."""
        await self._pause()
        await self._note(await self._engine.collective_rpc("ponder_load_weights", args=(manifest.path,)))
        await self._resume(manifest.version)
        return self._times

    async def begin_update(self) -> None:
        """Pause for weights that arrive by vLLM's own transfer engines."""
        await self._pause()
        await self._engine.start_weight_update()

    async def init_weight_transfer(self, info: dict[str, Any]) -> None:
        """Meet the sender."""
        from vllm.distributed.weight_transfer.base import WeightTransferInitRequest

        await self._engine.init_weight_transfer_engine(WeightTransferInitRequest(init_info=info))

    async def update_weights(self, info: dict[str, Any]) -> None:
        """Receive some of the weights."""
        from vllm.distributed.weight_transfer.base import WeightTransferUpdateRequest

        await self._engine.update_weights(WeightTransferUpdateRequest(update_info=info))

    async def end_update(self, version: int) -> None:
        """All weights have arrived: go on under a new version."""
        await self._engine.finish_weight_update()
        await self._note(await self._engine.collective_rpc("ponder_refresh_tied_heads"))
        await self._resume(version)

    async def times(self) -> SwapTimes:
        """Of the last swap."""
        return self._times

    async def report(self) -> list[str]:
        """Parameters to look at when learner and engine disagree."""
        return [f"{name} (not in the last swap)" for name in self._not_loaded] + [
            f"{name} (shares the embedding's weights)" for name in self._tied_heads
        ]

    async def shutdown(self) -> None:
        """End the engine's processes."""
        for call in list(self._calls):
            await self.abort(call)
        await asyncio.to_thread(self._engine.shutdown)

    async def _pause(self) -> None:
        self._pause_start = time.perf_counter()
        await self._engine.pause_generation(mode="keep", clear_cache=self._settings.config.recompute_kv_on_swap)
        self._load_start = time.perf_counter()

    async def _resume(self, version: int) -> None:
        load = time.perf_counter() - self._load_start
        await self._engine.update_weight_version(str(version))
        self._version = version
        await self._engine.resume_generation()
        self._times = SwapTimes(time.perf_counter() - self._pause_start, load)

    async def _note(self, reports: list[Mapping[str, tuple[str, ...]]]) -> None:
        self._not_loaded = tuple(sorted({name for report in reports for name in report["not_loaded"]}))
        self._tied_heads = tuple(sorted({name for report in reports for name in report["tied_heads"]}))


def _finished(index: int, completion: CompletionOutput) -> Finished:
    ids = np.asarray(completion.token_ids, dtype=np.int32)
    versions = np.empty(len(ids), dtype=np.int32)
    for span in completion.weight_versions or ():
        versions[span.start : span.end] = int(span.version)
    flat: Any = completion.logprobs
    return Finished(
        index,
        ids,
        np.asarray(flat.logprobs, dtype=np.float32),
        versions,
        REASONS.get(completion.finish_reason or "", StopReason.ABORTED),
    )


def redirect_output(log: Path) -> None:
    """Send stdout and stderr of this process, and of children yet to come, to the end of a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)


def first_error(log: Path, start: int) -> str | None:
    """The first `SomethingError: message` in a log from byte `start` on; None where there is none.

    When an engine fails, the traceback of the root cause comes first, and errors that follow from it after it.
    """
    with log.open("rb") as file:
        file.seek(start)
        text = file.read().decode(errors="replace")
    found = re.search(r"\b([\w.]*(?:Error|Exception)): (.+)", text)
    return f"{found[1]}: {found[2]}" if found else None
