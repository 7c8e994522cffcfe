"""The rollout fleet: all rollout workers behind one door.

Which worker gets what is the scheduler's to say (`rollout/scheduling.py`). New weights are swapped into all workers at
once, each between two of its own decode steps, while samples are being generated.

Workers may die. A worker that is lost (its process, its engine or its node) is started again with the present weights;
what it had not finished goes to the others, and goes on from the tokens that it had reported. Nothing that was finished
is lost, and no sample arrives twice.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import ray
from ray.exceptions import RayError, RayTaskError

from rollout.config import RolloutConfig, SamplingConfig, StreamingConfig
from rollout.engine import transport
from rollout.errors import EngineLost, RolloutError, StartFailed
from rollout.flight import Call, Flight, works
from rollout.gpu_weights import EngineWeights
from rollout.machine import Device
from rollout.scheduling import ExpectedLengths, Scheduler
from rollout.starting import make_actor, worker_settings
from rollout.types import Sample, SampleRequest, Tokens
from rollout.weights import SharedMemoryWeights, WeightManifest, WeightPublisher
from rollout.worker import Order, Report, SwapTimes, WorkerSettings

SHUTDOWN_SECONDS = 20.0
"""An engine that has not ended by then is killed."""
SILENT_SECONDS = 60.0
"""A worker reports every second. One that says nothing for so long is taken for dead."""
MOST_LOSSES = 5
"""A worker that is lost so often without finishing a sample in between, or a sample that was with so many workers when
they were lost and got no further, ends the run: starting again does not help."""


class RolloutFleet:
    """All rollout workers. Make one with `start`."""

    def __init__(
        self,
        config: RolloutConfig,
        streaming: StreamingConfig,
        settings: Sequence[WorkerSettings],
        notify: Callable[[str], None],
    ) -> None:
        """See `start`."""
        self._config = config
        self._settings = list(settings)
        # A run without streaming is the same run whatever dies: its samples begin anew from their seeds.
        self._keeps_tokens = streaming.max_staleness > 0 and streaming.partial_rollout == "continue"
        self._notify = notify
        self._actors: dict[int, Any] = {}
        self._processes: dict[int, psutil.Process] = {}
        """The actors' processes, of those on this machine."""
        self._up: set[int] = set()
        """Workers that take part."""
        self._lives: list[asyncio.Task[None]] = []
        self._heard = dict.fromkeys(range(len(settings)), 0.0)
        """When each worker last generated something, or began to start (seconds of the event loop's clock)."""
        self._losses = dict.fromkeys(range(len(settings)), 0)
        """Since the worker last finished a sample."""
        self._scheduler = Scheduler()
        self._lengths = ExpectedLengths(config.max_response_tokens)
        self._flights: dict[int, Flight] = {}
        self._named: dict[str, int] = {}
        """Sample id -> ticket of what is under way."""
        self._tickets = itertools.count()
        self._starting = False
        self._failure: RolloutError | None = None
        self._swap = asyncio.Lock()
        self._manifest: WeightManifest | None = None
        """Weights that a worker which starts again is given; None: those of the model's folder."""
        self._resting = False
        self.version = 0
        """Weight version that new tokens are sampled with."""
        self.workers_lost = 0
        """So far."""
        self.samples_moved = 0
        """Unfinished samples of lost workers, so far."""

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
        streaming: StreamingConfig | None = None,
        notify: Callable[[str], None] = print,
    ) -> RolloutFleet:
        """Start all workers; `ray.init` was called before. The weights of `model_path` are version 0.

        Args:
            config: workers, sizes, engine arguments.
            model_path: Hugging Face folder or name.
            context_tokens: longest prompt and response together.
            device: one core's share of Ray, or `tensor_parallel` GPUs, for each worker.
            log_folder: `rollout-<worker>.log` appear here.
            stop_token_ids: tokens that end a response, besides those that the model's generation config names.
            streaming: what becomes of unfinished samples at a swap and when a worker is lost; default: no streaming.
            notify: takes a line about every worker that is lost.

        Raises:
            RolloutError: a worker did not start; names its log file. Nothing is left running.
        """
        streaming = streaming or StreamingConfig()
        settings = worker_settings(
            config,
            streaming,
            model_path=model_path,
            context_tokens=context_tokens,
            device=device,
            log_folder=log_folder,
            stop_token_ids=stop_token_ids,
        )
        fleet = cls(config, streaming, settings, notify)
        try:
            await asyncio.gather(*(fleet._begin(index) for index in range(len(settings))))
        except BaseException:
            await fleet.shutdown()
            raise
        fleet._lives = [asyncio.create_task(fleet._live(index)) for index in range(len(settings))]
        for life in fleet._lives:
            life.add_done_callback(fleet._ended)
        return fleet

    def publisher(self) -> WeightPublisher:
        """What the learner writes new weights to, by `rollout.weight_transfer`; close it at the end."""
        how = transport(self._config, self._settings[0].device)
        if how == "shared_memory":
            return SharedMemoryWeights()
        actors = [self._actors[index] for index in range(len(self._settings))]
        return EngineWeights(how, actors, tensor_parallel=self._config.tensor_parallel)

    async def generate(
        self, requests: Sequence[SampleRequest], *, sampling: SamplingConfig | None = None, due: int = 0
    ) -> AsyncIterator[Sample]:
        """Answer all requests; yields each sample as it finishes, in any order.

        Leaving the iteration early ends what is unfinished.

        Args:
            requests: what is wanted, and what there is of it already.
            sampling: default: `rollout.sampling`.
            due: weight version by which they are wanted: the earliest go first.

        Raises:
            RolloutError: a prompt does not fit, or workers failed in a way that starting again does not mend.
        """
        self._require_fit(requests)
        call = Call(sampling or self._config.sampling, due)
        flights = [Flight(next(self._tickets), request, call) for request in requests]
        call.left.update(flight.ticket for flight in flights)
        self._flights.update((flight.ticket, flight) for flight in flights)
        self._named.update((flight.request.sample_id, flight.ticket) for flight in flights)
        self._enqueue(flights)
        try:
            for _ in flights:
                if self._failure is not None:
                    raise self._failure
                item = await call.arrived.get()
                if isinstance(item, RolloutError):
                    raise item
                yield item
        finally:
            self._cancel(call)

    def progress(self, sample_ids: Sequence[str]) -> dict[str, Tokens]:
        """What there is of unfinished samples, as of their workers' last reports."""
        found = {name: self._flights[self._named[name]] for name in sample_ids if name in self._named}
        return {name: flight.tokens for name, flight in found.items() if flight.count}

    async def publish(self, manifest: WeightManifest) -> Mapping[str, float]:
        """Bring new weights into all workers. Safe while `generate` runs: unfinished samples go on under them.

        A worker that is lost meanwhile gets them when it is there again.

        Returns:
            `rollout/swap_seconds` (wall time for all workers), `rollout/pause_seconds` (longest of one worker, without
            the time that it rested before), `rollout/workers_lost` and `rollout/samples_moved` (so far).

        Raises:
            RolloutError: an older version than the present one, or a worker refused them.
        """
        if manifest.version < self.version:
            raise RolloutError(f"weight version {manifest.version} published after version {self.version}")
        async with self._swap:
            start = asyncio.get_running_loop().time()
            self._manifest = manifest
            times: list[SwapTimes] = await (self._of_all("swap", manifest) if manifest.path else self._of_all("times"))
            self.version = manifest.version
            self._resting = False
            self._heard = dict.fromkeys(self._heard, asyncio.get_running_loop().time())
            seconds = asyncio.get_running_loop().time() - start
        pause = max((time.swap for time in times), default=0.0)
        return {
            "rollout/swap_seconds": seconds if manifest.path else pause,
            "rollout/pause_seconds": pause,
            "rollout/workers_lost": self.workers_lost,
            "rollout/samples_moved": self.samples_moved,
        }

    async def rest(self) -> None:
        """Generate nothing until `publish`; unfinished samples go on then."""
        async with self._swap:
            self._resting = True
            await self._of_all("rest")

    async def parameter_report(self) -> list[str]:
        """Parameters to look at when the learner's logprobs and the engine's disagree."""
        reports: list[list[str]] = await self._of_all("report")
        return sorted({name for report in reports for name in report})

    def stalls(self, seconds: float) -> list[str]:
        """For people: workers that have been starting for longer than this, or have generated nothing."""
        now, lines = asyncio.get_running_loop().time(), []
        for settings in self._settings:
            index, log = settings.index, settings.log
            flights = [self._flights[ticket] for ticket in self._scheduler.running(index)]
            silence = now - max([self._heard[index], *(flight.given for flight in flights)])
            if silence < seconds:
                continue
            if index not in self._up:
                lines.append(f"rollout worker {index} has been starting for {silence:.0f} s (log: {log})")
            elif flights and not self._resting:
                lines.append(
                    f"rollout worker {index} has generated nothing for {silence:.0f} s. It has {len(flights)} samples, "
                    f"among them {', '.join(flight.told() for flight in flights[:3])} (log: {log})"
                )
        return lines

    async def shutdown(self) -> None:
        """End all workers and their engines; fine to call twice."""
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        actors, self._actors = self._actors, {}
        family: list[psutil.Process] = []
        for one in self._processes.values():
            with suppress(psutil.NoSuchProcess):  # any of them may end by itself at any moment
                family += [one, *one.children(True)]
        able = [actor for index, actor in actors.items() if index in self._up]
        if able:
            ends = [asyncio.ensure_future(actor.shutdown.remote()) for actor in able]
            await asyncio.wait(ends, timeout=SHUTDOWN_SECONDS)
            for end in ends:
                end.cancel() if not end.done() else end.exception()
        for actor in actors.values():
            ray.kill(actor)
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, 2 if able else 0)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.to_thread(psutil.wait_procs, alive, 5)

    async def _begin(self, index: int) -> None:
        """Start a worker for the first time: one that cannot start is an error, one that dies may try again."""
        while True:
            try:
                return await self._bring_up(index)
            except EngineLost as error:
                self._count_loss(index, error)

    async def _bring_up(self, index: int) -> None:
        """Start a worker with the present weights and let it take part.

        Raises:
            EngineLost: it died meanwhile.
            RolloutError: it could not start, or the weights cannot reach it.
        """
        self._heard[index] = asyncio.get_running_loop().time()
        actor = self._actors[index] = make_actor(self._settings[index])
        node, process = await self._result(index, actor.whereabouts.remote())
        if node == ray.get_runtime_context().get_node_id():
            with suppress(psutil.NoSuchProcess):
                self._processes[index] = psutil.Process(process)
        capacity = await self._result(index, actor.start.remote())
        async with self._swap:
            if self._manifest is not None:
                if self._manifest.path is None:
                    raise RolloutError(
                        f"rollout worker {index} was lost, and weights that go over {self._manifest.transport} cannot "
                        "reach a new one. The same command goes on from the last checkpoint."
                    )
                await self._result(index, actor.swap.remote(self._manifest))
            if self._resting:
                await self._result(index, actor.rest.remote())
            self._scheduler.join(index, capacity)
            self._up.add(index)
        self._start_soon()

    async def _live(self, index: int) -> None:
        """One worker: listen to it, and start it again whenever it is lost.

        Raises:
            RolloutError: it cannot do what it is asked for, and a new one could not either.
        """
        while True:
            try:
                if index not in self._up:
                    await self._bring_up(index)
                await self._listen(index)
            except (EngineLost, StartFailed) as error:
                self._count_loss(index, error)

    async def _listen(self, index: int) -> None:
        """Hear a worker out; ends by what it is lost by."""
        stream = self._actors[index].listen.options(num_returns="streaming").remote()
        try:
            while True:
                reference = await asyncio.wait_for(anext(stream), SILENT_SECONDS)
                self._hear(index, await reference)
        except TimeoutError:
            log = self._settings[index].log
            raise EngineLost(
                f"rollout worker {index} has said nothing for {SILENT_SECONDS:.0f} s (log: {log})"
            ) from None
        except RayError as error:
            raise self._explain(index, error) from error

    def _ended(self, life: asyncio.Task[None]) -> None:
        """End all that is under way and all that will be asked for: nobody must wait for what cannot come."""
        if life.cancelled() or (error := life.exception()) is None:
            return
        self._failure = error if isinstance(error, RolloutError) else RolloutError(f"the fleet failed: {error!r}")
        for call in {id(flight.call): flight.call for flight in self._flights.values()}.values():
            call.arrived.put_nowait(self._failure)

    def _count_loss(self, index: int, error: RolloutError) -> None:
        """A worker is lost, and may be started again.

        Raises:
            RolloutError: it was lost too often.
        """
        self._lose(index)
        self._losses[index] += 1
        if self._losses[index] == MOST_LOSSES:
            raise RolloutError(f"{error}\nIt was lost {MOST_LOSSES} times without finishing a sample.") from error
        self._notify(f"{error}; it is being started again")

    def _lose(self, index: int) -> None:
        """A worker is gone: what it had not finished is for others."""
        self._up.discard(index)
        self.workers_lost += 1
        ray.kill(self._actors[index])
        moved = [self._flights[ticket] for ticket in self._scheduler.leave(index)]
        self.samples_moved += len(moved)
        for flight in moved:
            flight.worker, flight.losses = None, flight.losses + 1
            if not self._keeps_tokens:
                flight.forget()
            if flight.losses >= MOST_LOSSES:
                flight.call.arrived.put_nowait(
                    RolloutError(
                        f"{flight.request.sample_id} was with {flight.losses} rollout workers when they were lost "
                        f"(last: worker {index}, log: {self._settings[index].log})"
                    )
                )
        self._enqueue(moved, again=True)

    def _hear(self, index: int, report: Report) -> None:
        now = asyncio.get_running_loop().time()
        for news in report.news:
            flight = self._flights.get(news.ticket)
            if flight is None or flight.worker != index:
                continue  # it was cancelled
            flight.hear(news)
            self._heard[index] = now
            if news.stop_reason is not None:
                self._losses[index] = 0
                self._scheduler.finished(news.ticket)
                self._lengths.note(flight.request.prompt.prompt_id, flight.count)
                self._land(flight, flight.sample(news.stop_reason))
        self._start_soon()

    def _land(self, flight: Flight, sample: Sample) -> None:
        self._forget(flight.ticket)
        flight.call.left.discard(flight.ticket)
        flight.call.arrived.put_nowait(sample)

    def _forget(self, ticket: int) -> None:
        self._named.pop(self._flights.pop(ticket).request.sample_id, None)

    def _cancel(self, call: Call) -> None:
        """End what is left of a call."""
        running = self._scheduler.cancel(sorted(call.left)) if call.left else {}
        for ticket in call.left:
            self._forget(ticket)
        for worker, tickets in running.items():
            self._actors[worker].abort.remote(tickets)
        if running:
            self._start_soon()

    def _enqueue(self, flights: Sequence[Flight], *, again: bool = False) -> None:
        """Hand flights to the scheduler, but for those that are at their end already."""
        config, settings = self._config, self._settings[0]
        open_: list[Flight] = []
        for flight in flights:
            reason = flight.ended(
                most=config.max_response_tokens, context=settings.context_tokens, stops=settings.stop_token_ids
            )
            if reason is None:
                open_.append(flight)
            else:
                self._land(flight, flight.sample(reason))
        for work in works(open_, self._lengths, again=again):
            self._scheduler.add(work)
        self._start_soon()

    def _start_soon(self) -> None:
        """Hand out work once all that happens at this moment has happened: the scheduler should see all of it."""
        if not self._starting:
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._starting = False
        orders: dict[int, list[Order]] = {}
        for worker, work in self._scheduler.start():
            flights = [self._flights[ticket] for ticket in work.tickets]
            for flight in flights:
                flight.worker, flight.given = worker, asyncio.get_running_loop().time()
            asks = tuple(flight.ask() for flight in flights)
            orders.setdefault(worker, []).append(
                Order(flights[0].request.prompt.token_ids, asks, flights[0].call.sampling)
            )
        for worker, mine in orders.items():
            self._actors[worker].answer.remote(mine)  # should it be lost, `_live` hears of it

    def _require_fit(self, requests: Sequence[SampleRequest]) -> None:
        limit = self._settings[0].context_tokens
        for request in requests:
            prompt = request.prompt
            if len(prompt.token_ids) >= limit:
                raise RolloutError(
                    f"prompt {prompt.prompt_id} has {len(prompt.token_ids)} tokens and leaves no room for a response "
                    f"in model.context_tokens={limit}"
                )

    async def _of_all(self, method: str, *arguments: Any) -> list[Any]:
        """Results of a method of all workers that take part; one that is lost meanwhile has none."""
        if self._failure is not None:
            raise self._failure
        calls = {index: getattr(self._actors[index], method).remote(*arguments) for index in self._up}
        results = await asyncio.gather(*(self._unless_lost(index, reference) for index, reference in calls.items()))
        return [result for result in results if result is not None]

    async def _unless_lost(self, index: int, reference: Any) -> Any:
        """The result, or None when the worker is lost: `_live` hears of that too."""
        try:
            return await self._result(index, reference)
        except EngineLost:
            return None

    async def _result(self, index: int, reference: Any) -> Any:
        try:
            return await reference
        except RayError as error:
            raise self._explain(index, error) from error

    def _explain(self, index: int, error: RayError) -> RolloutError:
        cause = error.cause if isinstance(error, RayTaskError) else None
        if isinstance(cause, RolloutError):
            return cause
        log = self._settings[index].log
        if cause is None:
            return EngineLost(f"rollout worker {index} died (log: {log})")
        return RolloutError(f"rollout worker {index} failed: {cause!r} (log: {log})")
