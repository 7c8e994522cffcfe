"""A rollout worker: a Ray actor around one vLLM engine.

What crosses Ray is plain arrays in batches of finished samples, so that Ray's cost per message is paid rarely. Choices
that were measured (3M-parameter model, 256 samples at once, CPU seconds per 16,000 tokens in this process):

- vLLM reports a sample once, when it is finished (`FINAL_ONLY`): 0.35 s, against 1.1 s token by token (`DELTA`). What
  there is of the unfinished ones is read once a second from vLLM's own lists.
- Logprobs as flat lists (`flat_logprobs`): 0.35 s, against 0.75 s as one dictionary per token.
- Every request has a seed of its own: 3% slower than none.

Token versions come from vLLM itself: it labels every engine step with the weight version that was set while the
engine was paused, so they are exact however the tokens travel.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rollout.config import RolloutConfig, SamplingConfig
from rollout.engine import build_engine_args, engine_arguments
from rollout.errors import EngineLost, RolloutError, StartFailed
from rollout.machine import Device, WorkerPlace
from rollout.scheduling import Capacity
from rollout.types import NO_TOKENS, StopReason, Tokens
from rollout.weights import WeightManifest

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.v1.engine.async_llm import AsyncLLM

T = TypeVar("T")

GATHER_SECONDS = 0.01
"""After a sample finishes, wait this long for others to travel in the same message."""
PROGRESS_SECONDS = 1.0
"""How often a worker reports, finished samples or not: what is not reported dies with it."""

REASONS = {"stop": StopReason.STOP, "length": StopReason.LENGTH}


@dataclass(frozen=True, slots=True)
class Ask:
    """One response that is wanted."""

    ticket: int
    """Its number; comes back with every report on it."""
    seed: int
    begun: Tokens
    """What there is of it already."""
    most: int | None = None
    """Tokens at which it ends early, those of `begun` too."""


@dataclass(frozen=True, slots=True)
class Order:
    """Responses to one prompt, for one worker."""

    prompt_ids: tuple[int, ...]
    asks: tuple[Ask, ...]
    sampling: SamplingConfig


@dataclass(frozen=True, slots=True)
class News:
    """What is new of one response."""

    ticket: int
    tokens: Tokens
    """Since the last report on it."""
    stop_reason: StopReason | None = None
    """None: it is not finished."""
    anew: bool = False
    """It was begun anew since the last report: what was there before, in this worker and before it, is void."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says, at least every `PROGRESS_SECONDS`."""

    news: tuple[News, ...]


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
    max_versions: int | None = None
    """Weight versions that a response's tokens may be of."""


@dataclass(frozen=True, slots=True)
class SwapTimes:
    """Seconds of one swap in one worker."""

    swap: float
    """From the wish to pause until generation goes on."""
    load: float
    """Of these, loading the weights."""


@dataclass(slots=True)
class _Request:
    """One response while it is being generated."""

    ask: Ask
    order: Order
    begun: Tokens
    """Tokens of `ask` that it goes on from; none once it was begun anew."""
    task: asyncio.Task[None] | None = None
    reported: int = 0
    """Of the tokens generated here."""
    anew: bool = False
    """Begun anew since the last report."""
    lives: int = 0
    """How often it was begun here."""

    @property
    def name(self) -> str:
        """Of the engine's request."""
        return f"{self.ask.ticket}.{self.lives}"


class RolloutWorker:
    """One engine. Runs as an async Ray actor; `start` before anything else."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Send all output of this process and its children to the log file; start nothing yet."""
        self._settings = settings
        self._engine: AsyncLLM
        self._version = 0
        self._requests: dict[int, _Request] = {}
        self._finished: list[News] = []
        self._news = asyncio.Event()
        self._failure: RolloutError | None = None
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

    async def start(self) -> Capacity:
        """Start the engine; returns what it can hold.

        Raises:
            StartFailed: the engine did not start; names the log file.
            RolloutError: it was asked for an engine that there cannot be.
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
            raise StartFailed(
                f"rollout worker {settings.index} could not start its engine: {reason} (log: {settings.log})"
            ) from None
        cache = self._engine.vllm_config.cache_config
        tokens = (cache.num_gpu_blocks or 0) * cache.block_size
        return Capacity(settings.config.max_concurrent_samples, float(tokens or math.inf))

    async def answer(self, orders: Sequence[Order]) -> None:
        """Begin to generate; `listen` says what becomes of it."""
        for order in orders:
            for ask in order.asks:
                request = self._requests[ask.ticket] = _Request(ask, order, ask.begun)
                self._begin(request)

    async def listen(self) -> AsyncIterator[Report]:
        """All that happens in this worker, without end.

        Raises:
            EngineLost: the engine died.
            RolloutError: it refused a request.
        """
        due = 0.0
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), PROGRESS_SECONDS)
                await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            progress: list[News] = []
            if time.monotonic() >= due:  # however often samples finish meanwhile
                progress = [news for request in self._requests.values() if (news := self._progress(request))]
                due = time.monotonic() + PROGRESS_SECONDS
            if self._failure is None and self._engine.errored:
                self._failure = self._explained(self._engine.dead_error)
            if self._failure is not None:
                raise self._failure
            finished, self._finished = self._finished, []
            yield Report((*progress, *finished))

    async def abort(self, tickets: Sequence[int]) -> None:
        """End these and forget them."""
        tasks = [request.task for ticket in tickets if (request := self._requests.pop(ticket, None)) and request.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, request: _Request) -> None:
        request.task = asyncio.create_task(self._generate(request))

    async def _generate(self, request: _Request) -> None:
        from vllm.inputs import tokens_input

        # With an old KV cache kept alive, prefixes of older weights must not serve new requests.
        salt = None if self._settings.config.recompute_kv_on_swap else f"version {self._version}"
        prompt = tokens_input([*request.order.prompt_ids, *request.begun.ids.tolist()], cache_salt=salt)
        try:
            async for output in self._engine.generate(prompt, self._parameters(request), request.name):
                completion = output.outputs[0]
                reason = REASONS.get(completion.finish_reason or "", StopReason.ABORTED)
                part = completion.token_ids, completion.logprobs, completion.weight_versions
                self._finished.append(_news(request, *part, reason))
                del self._requests[request.ask.ticket]
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._failure = self._failure or self._explained(error)
        self._news.set()

    def _progress(self, request: _Request) -> News | None:
        """What there is of an unfinished response since the last report; None where that is nothing.

        Read where vLLM's frontend gathers it: having it sent token by token costs three times as much.
        """
        state = self._state(request)
        if state is None:
            return None
        ids = state.detokenizer.output_token_ids
        if len(ids) == request.reported and not request.anew:
            return None
        return _news(request, ids, state.logprobs_processor.logprobs, state._weight_version_spans())

    def _state(self, request: _Request) -> Any:
        """vLLM's record of a request; None before the engine has it."""
        processor = self._engine.output_processor
        names = processor.external_req_ids.get(request.name)
        return processor.request_states.get(names[0]) if names else None

    def _explained(self, error: BaseException) -> RolloutError:
        log, number = self._settings.log, self._settings.index
        reason = first_error(log, self._log_start) or f"{type(error).__name__}: {error}"
        if self._engine.errored:
            if "EngineDeadError" in reason:  # what vLLM says when the process was simply gone
                reason = "its process ended (killed, or out of memory?)"
            return EngineLost(f"the engine of rollout worker {number} died: {reason} (log: {log})")
        return RolloutError(f"rollout worker {number} failed: {reason} (log: {log})")

    def _parameters(self, request: _Request) -> SamplingParams:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        sampling, done = request.order.sampling, len(request.begun)
        longest = self._settings.config.max_response_tokens
        most = longest if request.ask.most is None else min(longest, request.ask.most)
        # What goes on must not draw the random numbers of its beginning again.
        seed = (request.ask.seed + _SEED_STEP * done) % 2**31
        return SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=seed,
            max_tokens=most - done,
            stop_token_ids=list(self._settings.stop_token_ids),
            logprobs=0,
            flat_logprobs=True,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            skip_clone=True,
        )

    async def swap(self, manifest: WeightManifest) -> SwapTimes:
        """Load new weights between two decode steps; unfinished samples go on under them."""
        return await self._unless_dead(self._swap(manifest))

    async def _swap(self, manifest: WeightManifest) -> SwapTimes:
        await self._pause()
        await self._note(await self._engine.collective_rpc("ponder_load_weights", args=(manifest.path,)))
        await self._resume(manifest.version)
        return self._times

    async def rest(self) -> None:
        """Generate nothing until the next swap; unfinished samples go on then."""
        await self._unless_dead(self._engine.pause_generation(mode="keep", clear_cache=False))

    async def _unless_dead(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work on the engine. What is asked of one that has died may never be answered.

        Raises:
            EngineLost: it died before or meanwhile.
        """
        task = asyncio.create_task(work)
        while not task.done() and not self._engine.errored:
            await asyncio.wait({task}, timeout=PROGRESS_SECONDS)
        if not self._engine.errored:
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise self._explained(self._engine.dead_error)

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
        await self.abort(list(self._requests))
        await asyncio.to_thread(self._engine.shutdown)

    async def _pause(self) -> None:
        self._pause_start = time.perf_counter()
        await self._engine.pause_generation(mode="keep", clear_cache=self._settings.config.recompute_kv_on_swap)
        self._load_start = time.perf_counter()

    async def _resume(self, version: int) -> None:
        load = time.perf_counter() - self._load_start
        await self._engine.update_weight_version(str(version))
        self._version = version
        await self._begin_anew()
        await self._engine.resume_generation()
        self._times = SwapTimes(time.perf_counter() - self._pause_start, load)

    async def _begin_anew(self) -> None:
        """After a swap: begin responses again that would have tokens of too many weight versions."""
        most = self._settings.max_versions
        if most is None:
            return
        for request in list(self._requests.values()):
            there = set(request.begun.versions.tolist())
            if (state := self._state(request)) is not None:
                there |= {int(span.version) for span in state._weight_version_spans() or ()}
            if len(there) >= most and request.task is not None:
                request.task.cancel()
                await asyncio.gather(request.task, return_exceptions=True)
                if request.ask.ticket not in self._requests:  # it had just finished
                    continue
                request.begun, request.reported, request.anew = NO_TOKENS, 0, True
                request.lives += 1
                self._begin(request)

    async def _note(self, reports: list[Mapping[str, tuple[str, ...]]]) -> None:
        self._not_loaded = tuple(sorted({name for report in reports for name in report["not_loaded"]}))
        self._tied_heads = tuple(sorted({name for report in reports for name in report["tied_heads"]}))


_SEED_STEP = 1_000_003


def _news(
    request: _Request, ids: Sequence[int], logprobs: Any, spans: Sequence[Any] | None, reason: StopReason | None = None
) -> News:
    """What is new of a request since the last report, from vLLM's lists of the whole."""
    start, anew = request.reported, request.anew
    request.reported, request.anew = len(ids), False
    versions = np.empty(len(ids), dtype=np.int32)
    for span in spans or ():
        versions[span.start : span.end] = int(span.version)
    fresh = Tokens(
        np.asarray(ids[start:], dtype=np.int32),
        np.asarray(logprobs.logprobs[start : len(ids)], dtype=np.float32),
        versions[start:],
    )
    return News(request.ask.ticket, fresh, reason, anew)


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
