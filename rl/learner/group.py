"""The learner group: the driver's side of all ranks.

Every method hands the same call to all ranks and awaits them. When a rank fails, the others would wait for it in a
collective: they are ended, and the error names the log file of the rank that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

from rl.algorithms.config import AlgorithmConfig
from rl.batch import Batch, Estimates, FloatRow, Metrics, Targets
from rl.errors import PonderError
from rl.learner.batching import Schedule, schedule
from rl.learner.config import LearnerConfig
from rl.learner.kernels import Device
from rl.learner.messages import Job, RankEstimates, Ready, Shares, Update
from rl.learner.micro import Layout
from rl.learner.saved import Saved, read_saved, write_saved
from rl.learner.worker import LearnerWorker, compute_dtype, log_path
from rollout.weights import WeightManifest, WeightPublisher

LONGEST_DEATH_SECONDS = 10

CPU_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Read when torch is loaded. Threads that wait must not spin: on cores that something else needs too, they keep the
thread they wait for from running, and a step takes many times as long."""


CONVERTED = ".converted"
"""Folder in a learner checkpoint: the same for groups of another shape, made when the first of these loads it."""


class LearnerError(PonderError):
    """A learner rank failed or died."""


class RankDied(LearnerError):
    """A learner rank died: its process, or the node it was on."""


class LearnerGroup:
    """All learner ranks. Make one with `start`."""

    def __init__(self, actors: Sequence[Any], job: Job, optimizer_steps_per_batch: int) -> None:
        """See `start`."""
        self._actors = list(actors)
        self._job = job
        self._steps = optimizer_steps_per_batch
        self._updates = 0
        self._hidden_size = 1
        self._layout: Layout = "padded"
        self.logs = ", ".join(str(log_path(job.log_folder, rank)) for rank in range(len(actors)))
        """Files that the ranks write to."""
        self.start_seconds = 0.0
        """How long the slowest rank took to load and to meet the others."""

    @classmethod
    def start(
        cls,
        config: LearnerConfig,
        algorithm: AlgorithmConfig,
        *,
        model_path: str,
        attention: str,
        device: Device,
        optimizer_steps_per_batch: int,
        seed: int,
        log_folder: Path,
        temperature: float,
        max_response_tokens: int,
        critic_path: str | None = None,
    ) -> LearnerGroup:
        """Start the ranks and load policy and critic; `ray.init` was called before.

        Args:
            config: ranks, sharding, optimizers.
            algorithm: the losses, and whether there are a critic and a reference.
            model_path: Hugging Face folder or name of the starting policy.
            attention: attention kernel, or `auto`.
            device: one GPU, or a share of the CPU cores, for each rank.
            optimizer_steps_per_batch: into how many updates a batch is split.
            seed: of the split, of adapters and of dropout.
            log_folder: `learner-<rank>.log` appear here.
            temperature: of the rollout; log-probabilities are of softmax(logits / temperature).
            max_response_tokens: that a response may have (`aggregation: fixed_length`).
            critic_path: folder of a reward model that the critic starts from; None: from the policy.

        Raises:
            LearnerError: a rank did not come up.
        """
        job = Job(
            config,
            algorithm,
            model_path,
            attention,
            device,
            seed,
            temperature,
            max_response_tokens,
            log_folder.resolve(),
            critic_path,
        )
        actor = ray.remote(LearnerWorker).options(
            num_cpus=1,
            num_gpus=1 if device == "gpu" else 0,
            runtime_env={"env_vars": {} if device == "gpu" else CPU_ENVIRONMENT},
        )
        actors: list[Any] = [actor.remote(rank, job) for rank in range(config.ranks)]
        group = cls(actors, job, optimizer_steps_per_batch)
        host, port = group._wait([group._actors[0].call.remote("open_rendezvous")])[0]
        ready: list[Ready] = group._wait([a.call.remote("setup", host, port) for a in group._actors])
        group.start_seconds = max(rank.seconds for rank in ready)
        group._hidden_size, group._layout = ready[0].hidden_size, ready[0].layout
        return group

    async def estimate(self, batch: Batch) -> Estimates:
        """Log-probabilities and values of a batch under the current weights, and the reference's log-probabilities.

        Returns:
            Rows in the order of the batch; metrics `policy/entropy`, `policy/logprob_gap` (mean over the tokens in
            the loss that the learner's own weight version sampled of |learner's - rollout's log-probability|, nats) and
            `policy/logprob_gap_max` where there are such tokens, `policy/reference_kl`. With `old_logprobs: rollout`
            the log-probabilities are the engine's, and the first three are metrics of `update`.
        """
        algorithm = self._job.algorithm
        own = [sample.rollout_logprobs for sample in batch.samples] if algorithm.old_logprobs == "rollout" else None
        if own is not None and not algorithm.uses_critic and not algorithm.uses_reference:
            return Estimates(own, None, {})
        plan = self._schedule(batch, steps=1)
        ranks: list[RankEstimates] = self._leaders(await self._all("estimate", ray.put(batch), plan))
        return Estimates(
            logprobs=own or _in_order(batch, [(rank.indices, rank.logprobs) for rank in ranks]),
            values=_in_order(batch, [(rank.indices, rank.values) for rank in ranks]) if algorithm.uses_critic else None,
            metrics=_merged([rank.shares for rank in ranks]),
            reference=_in_order(batch, [(rank.indices, rank.reference) for rank in ranks])
            if algorithm.uses_reference
            else None,
        )

    async def update(
        self, batch: Batch, estimates: Estimates, targets: Targets, *, train_policy: bool = True
    ) -> Metrics:
        """Learn from a batch.

        Args:
            batch: at least one sample.
            estimates: of this batch by `estimate`, before any update on it.
            targets: advantages and returns.
            train_policy: False trains the critic alone (value pretraining).

        Returns:
            `policy/...` and `critic/...` as means over the optimizer steps (ratio extremes over all), `batch/padding`,
            `batch/spared` and `batch/imbalance` (see `Schedule`).
        """
        return await self.learn(Update.put(batch, estimates, targets, train_policy=train_policy))

    async def learn(self, update: Update) -> Metrics:
        """`update` with what was put away."""
        batch = await asyncio.to_thread(ray.get, update.batch)
        plan = self._schedule(batch, steps=self._steps)
        self._updates += 1
        data = (update.batch, update.estimates, update.targets)
        ranks: list[Shares] = self._leaders(await self._all("update", *data, plan, update.train_policy))
        split = {"batch/padding": plan.padding, "batch/spared": plan.spared, "batch/imbalance": plan.imbalance}
        return {**_merged(ranks), **split}

    async def write_weights(self, weights: WeightPublisher, version: int) -> WeightManifest:
        """Publish the policy's weights under a version; rank 0 writes them."""
        manifests: list[WeightManifest | None] = await self._all("write_weights", weights, version)
        assert manifests[0] is not None
        return manifests[0]

    async def save(self, folder: Path) -> None:
        """Everything that training goes on from, below an existing folder."""
        folder = folder.resolve()
        await self._all("save", folder)
        write_saved(folder, self._saved())

    async def load(self, folder: Path, *, note: Callable[[str], None] = print) -> None:
        """Go on exactly where `save` was called; up to rounding if the group has another shape now.

        A checkpoint of a group with other ranks, ZeRO stage or type is converted once, beside what it was made from.

        Args:
            folder: what `save` was given.
            note: takes what the user should know.

        Raises:
            PonderError: nothing was saved there, or something that this group cannot go on from.
        """
        folder = folder.resolve()
        saved, now = read_saved(folder), self._saved()
        saved.require_same_networks(now, folder)
        converted = None
        if not saved.loads_into(now):
            converted = folder / CONVERTED
            if not converted.exists():
                note(f"the checkpoint is of {saved.shape}, the learner has {now.shape} now: converting it, once")
                await asyncio.to_thread(self._wait, [self._actors[0].call.remote("convert", folder, converted)])
        if saved.ranks != now.ranks:
            note(f"{saved.ranks} learner ranks became {now.ranks}: their random states are drawn anew from the seed")
        await self._all("load", folder, converted, saved.updates, saved.ranks == now.ranks)
        self._updates = saved.updates

    def _saved(self) -> Saved:
        job, config = self._job, self._job.config
        return Saved(
            updates=self._updates,
            ranks=config.ranks,
            zero_stage=config.zero_stage,
            dtype=str(compute_dtype(config, job.device)).removeprefix("torch."),
            offloads_optimizer=config.offload.optimizer,
            critic=job.algorithm.uses_critic,
            lora=None if config.lora is None else config.lora.model_dump(mode="json"),
        )

    async def export(self, folder: Path) -> None:
        """Write the policy as a Hugging Face folder, adapters merged in; the tokenizer is the caller's to copy."""
        await self._all("export", folder.resolve())

    async def export_critic(self, folder: Path) -> None:
        """Write the critic as a reward model, adapters merged in; the tokenizer is the caller's to copy."""
        await self._all("export_critic", folder.resolve())

    async def shutdown(self) -> None:
        """End all ranks; the group cannot be used afterwards."""
        self._kill()

    def _schedule(self, batch: Batch, steps: int) -> Schedule:
        config, seed = self._job.config, self._job.seed * 1_000_003 + self._updates
        return schedule(
            batch,
            steps=steps,
            ranks=config.data_parallel,
            tokens_per_micro_batch=config.tokens_per_micro_batch,
            hidden_size=self._hidden_size,
            seed=seed,
            layout=self._layout,
            columns=config.sequence_parallel,
        )

    def _leaders(self, results: list[Any]) -> list[Any]:
        """One rank's result of each sequence-parallel group, whose ranks all say the same."""
        return results[:: self._job.config.sequence_parallel]

    async def _all(self, method: str, *arguments: Any) -> list[Any]:
        refs = [actor.call.remote(method, *arguments) for actor in self._actors]
        return await asyncio.to_thread(self._wait, refs)

    def _wait(self, refs: Sequence[ray.ObjectRef[Any]]) -> list[Any]:
        """Results in order; the first failure ends all ranks."""
        waiting = list(refs)
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            try:
                ray.get(done)
            except RayError as error:
                rank = list(refs).index(done[0])
                rank, error = self._cause(refs, rank, error)
                self._kill()
                for other in waiting:  # their errors follow from this one: Ray would print them as unhandled
                    with suppress(RayError):
                        ray.get(other, timeout=LONGEST_DEATH_SECONDS)
                raise self._explained(rank, error) from error
        return ray.get(list(refs))

    def _cause(self, refs: Sequence[ray.ObjectRef[Any]], rank: int, error: RayError) -> tuple[int, RayError]:
        """The rank that failed first: when one dies, the others fail in a collective, and may be heard of earlier."""
        others = [ref for place, ref in enumerate(refs) if place != rank]
        if not isinstance(error, RayTaskError) or not others:
            return rank, error
        ended, _ = ray.wait(others, num_returns=len(others), timeout=LONGEST_DEATH_SECONDS)
        for ref in ended:
            try:
                ray.get(ref)
            except RayTaskError:
                continue
            except RayError as death:
                return list(refs).index(ref), death
        return rank, error

    def _explained(self, rank: int, error: RayError) -> LearnerError:
        log = f"\nIts log: {log_path(self._job.log_folder, rank)}"
        cause = error.cause if isinstance(error, RayTaskError) else None
        if cause is None:
            return RankDied(f"learner rank {rank} died{log}")
        return LearnerError(f"learner rank {rank} failed: {type(cause).__name__}: {cause}{log}")

    def _kill(self) -> None:
        for actor in self._actors:
            ray.kill(actor)


def _in_order(batch: Batch, parts: Sequence[tuple[list[int], NDArray[np.float32] | None]]) -> list[FloatRow]:
    """Rows in the order of the batch, from the flat results of the ranks."""
    rows: list[FloatRow] = [np.zeros(0, np.float32)] * len(batch)
    for indices, flat in parts:
        assert flat is not None
        start = 0
        for index in indices:
            size = len(batch.samples[index].response_ids)
            rows[index] = flat[start : start + size]
            start += size
    return rows


def _merged(ranks: Sequence[Shares]) -> dict[str, float]:
    metrics: dict[str, float] = {}
    for rank in ranks:
        for name, value in rank.sums.items():
            metrics[name] = metrics.get(name, 0.0) + value
        for name, value in rank.largest.items():
            metrics[name] = max(metrics.get(name, value), value)
        for name, value in rank.smallest.items():
            metrics[name] = min(metrics.get(name, value), value)
    return metrics
