"""Runs the reward functions of a run on its samples, in processes that may hang or die.

`RewardRunner` scores samples; it is the same object in training and offline. Functions on one sample or a group run in
the worker processes of a `KillablePool`; async ones share the event loop of a `LoopPool`. Rewards that another one
`requires` are called first, and what they did not find right is not called at all.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rewards.combine import combine, declared, gated
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import RewardConfigError, RewardFailed
from rewards.loader import IMPORT_TIMEOUT_S, LoadedReward, load_all, stages
from rewards.registry import WARM_UP
from rewards.types import Combined, Outcome, RewardInput, Score
from sandbox.loop_pool import LoopPool
from sandbox.pool import Call, CallOutcome, CallResult, KillablePool, PoolError

_OUTCOMES = {
    CallOutcome.TIMEOUT: Outcome.TIMEOUT,
    CallOutcome.CRASH: Outcome.CRASH,
    CallOutcome.ERROR: Outcome.ERROR,
}
_LARGEST_CHUNK = 32


@dataclass(frozen=True, slots=True)
class _Unit:
    """One call: a reward on a sample, or on the samples of a group."""

    reward: int
    """Its place in the list of rewards."""
    samples: tuple[int, ...]


class RewardRunner:
    """The rewards of one run. Any number of threads may score at a time."""

    def __init__(
        self,
        configs: Sequence[RewardConfig],
        runner: RewardRunnerConfig,
        correctness: str | Sequence[str],
        base: Path,
        *,
        output: Path | None = None,
    ) -> None:
        """Check all rewards and start the workers.

        Args:
            correctness: names of the rewards whose verdict is `Combined.correct`; the first that applies to a sample
                decides. With none nothing is judged right or wrong.
            base: folder that relative reward files are looked up in first.
            output: file that what reward functions print is appended to; None drops it.

        Raises:
            RewardConfigError: a reward or option is wrong (all problems at once).
        """
        self.correctness = (correctness,) if isinstance(correctness, str) else tuple(correctness)
        self.rewards = load_all(configs, self.correctness, base)
        self.failures: dict[str, str] = {}
        """First traceback of each kind: `<name>/<outcome>` -> text."""
        self._reported: set[str] = set()
        self._noting = threading.Lock()
        self.on_error = runner.on_error
        self._configs = list(configs)
        self._stages = stages(configs)
        self._judges = {*self.correctness, *(gate for config in configs for gate in config.gates)}
        self._workers = runner.workers
        self._slow = [reward.description.asynchronous for reward in self.rewards]
        self._pool = self._loop = None
        if not all(self._slow):
            self._pool = KillablePool(
                runner.workers, initializer=self._initializer(slow=False), memory_mb=runner.memory_mb, output=output
            )
        if any(self._slow):
            self._loop = LoopPool(
                concurrency=runner.concurrency,
                initializer=self._initializer(slow=True),
                memory_mb=runner.memory_mb,
                output=output,
            )
        # Threads that only wait: enough to keep all workers, and all places of the event loop, busy.
        waiting = runner.workers + 1 + (runner.concurrency if any(self._slow) else 0)
        self._threads = ThreadPoolExecutor(waiting, thread_name_prefix="rewards")

    def score(self, samples: Sequence[RewardInput]) -> list[Combined]:
        """Score samples, in order. Those of one group (`RewardInput.group`) must be together in one call.

        Raises:
            RewardFailed: a call failed and `on_error` is `fail`.
            RewardConfigError: the workers cannot load the rewards any more.
        """
        pickled = [pickle.dumps(sample, pickle.HIGHEST_PROTOCOL) for sample in samples]
        scores: list[dict[str, Score]] = [{reward.label: _PENDING for reward in self.rewards} for _ in samples]
        try:
            for stage in self._stages:
                units = [unit for place in stage for unit in self._units(place, samples, scores)]
                for unit, result in self._results(units, pickled):
                    reward = self.rewards[unit.reward]
                    for index, score in zip(unit.samples, _scores(result, len(unit.samples)), strict=True):
                        judges = reward.label in self._judges
                        scores[index][reward.label] = declared(score, reward.config, judges=judges)
                        self._note(reward.label, scores[index][reward.label], samples[index])
        except PoolError as error:
            raise RewardConfigError([f"rewards: {error}"]) from error
        mask = self.on_error == "mask"
        return [combine(of_sample, self._configs, self.correctness, mask=mask) for of_sample in scores]

    async def ascore(self, samples: Sequence[RewardInput]) -> list[Combined]:
        """`score` without blocking the event loop; waits while enough other samples are being scored."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.score, samples)

    def new_failures(self) -> list[str]:
        """One text for each kind of failure that came up for the first time since the last call of this."""
        with self._noting:
            new = [kind for kind in self.failures if kind not in self._reported]
            self._reported.update(new)
            return [f"reward {kind.replace('/', ': ')}: {self.failures[kind]}" for kind in new]

    def close(self) -> None:
        """End the workers."""
        for pool in (self._pool, self._loop):
            if pool is not None:
                pool.close()
        self._threads.shutdown()

    def __enter__(self) -> RewardRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _initializer(self, *, slow: bool) -> Call:
        """Loads the functions of one pool, and only those."""
        own = [reward if slow is reward.description.asynchronous else None for reward in self.rewards]
        functions = [
            None if one is None else (one.reference, one.config.style, one.config.options, one.description.group)
            for one in own
        ]
        warm_up = [WARM_UP[one.config.use] for one in own if one is not None and one.config.use in WARM_UP]
        return Call("rewards.worker:prepare", (functions, warm_up), IMPORT_TIMEOUT_S)

    def _note(self, label: str, score: Score, sample: RewardInput) -> None:
        """Keep the first failure of each kind, or stop at it."""
        if not score.outcome.is_failure:
            return
        with self._noting:
            self.failures.setdefault(f"{label}/{score.outcome}", score.message)
        if self.on_error == "fail":
            raise RewardFailed(
                f"reward `{label}`: {score.outcome} on the response {sample.response[:200]!r}\n{score.message}"
            )

    def _units(self, place: int, samples: Sequence[RewardInput], scores: Sequence[dict[str, Score]]) -> Iterator[_Unit]:
        """The calls of one reward; samples that it is not called on get their score here."""
        reward = self.rewards[place]
        called = []
        for index, sample in enumerate(samples):
            without = _uncalled(reward, sample, scores[index])
            if without is None:
                called.append(index)
            else:
                scores[index][reward.label] = without
                self._note(reward.label, without, sample)
        groups = _groups(samples, called) if reward.description.group else [(index,) for index in called]
        yield from (_Unit(place, group) for group in groups)

    def _results(self, units: Sequence[_Unit], pickled: Sequence[bytes]) -> Iterator[tuple[_Unit, CallResult]]:
        """Make calls: async ones are handed to their loop, as it has room, while the others run."""
        quick = [unit for unit in units if not self._slow[unit.reward]]
        slow = [unit for unit in units if self._slow[unit.reward]]
        handed: list[Future[CallResult]] = [Future() for _ in slow]
        wanted = threading.Event()
        wanted.set()
        if slow:
            threading.Thread(target=self._hand_over, args=(slow, pickled, handed, wanted), daemon=True).start()
        try:
            if self._pool is not None:
                chunk = max(1, min(_LARGEST_CHUNK, len(quick) // (4 * self._workers)))
                calls = (self._call(unit, pickled) for unit in quick)
                for number, result in self._pool.completed(calls, chunk=chunk):
                    yield quick[number], result
            for unit, future in zip(slow, handed, strict=True):
                yield unit, future.result()
        finally:
            wanted.clear()  # after an interrupt no further call is made: a judge may cost money

    def _hand_over(
        self,
        units: Sequence[_Unit],
        pickled: Sequence[bytes],
        handed: Sequence[Future[CallResult]],
        wanted: threading.Event,
    ) -> None:
        for unit, future in zip(units, handed, strict=True):
            assert self._loop is not None
            if not wanted.is_set():
                return
            try:
                self._loop.submit(self._call(unit, pickled)).add_done_callback(partial(_pass_on, to=future))
            except Exception as error:  # whoever waits must hear of it
                future.set_exception(error)

    def _call(self, unit: _Unit, pickled: Sequence[bytes]) -> Call:
        config = self.rewards[unit.reward].config
        blobs = [pickled[index] for index in unit.samples]
        if self._slow[unit.reward]:
            arguments = (unit.reward, blobs, config.retries, config.timeout_s)
            return Call("rewards.worker:acall_reward", arguments, config.timeout_s)
        return Call("rewards.worker:call_reward", (unit.reward, blobs), config.timeout_s)


_PENDING = Score(0.0, Outcome.ERROR, message="not called")


def _uncalled(reward: LoadedReward, sample: RewardInput, scores: Mapping[str, Score]) -> Score | None:
    """The score of a sample that a reward is not called on; None where it is."""
    try:
        if not reward.applies(sample):
            return Score(0.0, Outcome.SKIPPED)
    except Exception as error:  # columns hold what they hold
        why = f"`when: {reward.config.when}` on a sample: {type(error).__name__}: {error}"
        return Score(0.0, Outcome.ERROR, message=why)
    return gated(reward.config.gates, scores)


def _groups(samples: Sequence[RewardInput], called: Sequence[int]) -> list[tuple[int, ...]]:
    """Places of the samples of each group, of those that are called on."""
    found: dict[object, list[int]] = {}
    for index in called:
        key = samples[index].group_key
        found.setdefault(index if key is None else key, []).append(index)
    return [tuple(group) for group in found.values()]


def _scores(result: CallResult, size: int) -> list[Score]:
    share = result.seconds / size
    if result.outcome is not CallOutcome.OK:
        return [Score(0.0, _OUTCOMES[result.outcome], message=result.traceback, seconds=share)] * size
    scores: list[Score] = result.value
    return [replace(score, seconds=share) for score in scores]


def _pass_on(done: Future[CallResult], to: Future[CallResult]) -> None:
    error = done.exception()
    if error is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())
