"""One learner rank: a Ray actor with a DeepSpeed engine for the policy and, where one is trained, for the critic.

Everything it prints goes to its log file. Ranks talk to each other by `torch.distributed` (NCCL on GPU, gloo on CPU);
the driver (`rl/learner/group.py`) calls the same method on all of them.
"""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import ray.util
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed import TCPStore  # type: ignore[attr-defined]
from transformers.integrations.deepspeed import HfDeepSpeedConfig

from rl.algorithms.losses import kl
from rl.algorithms.tensors import masked_sum
from rl.allocator import keep_freed_memory
from rl.batch import Batch, Estimates, Targets
from rl.durable import flush_tree
from rl.learner.batching import OptimizerStep, Schedule
from rl.learner.config import LearnerConfig
from rl.learner.engine import Engine, FrozenEngine, deepspeed_config, parameter_dtype
from rl.learner.export import read_value_head, reward_model_config, reward_model_weights, write_model
from rl.learner.kernels import Device, choose_attention
from rl.learner.layout import choose_layout
from rl.learner.messages import Job, RankEstimates, Ready, Shares
from rl.learner.micro import MicroBatch, MicroTensors, rows_grid, tensors
from rl.learner.model import adapters_off, full_weights, load_critic, load_policy, saved_names
from rl.learner.objective import policy_inputs, policy_objective, value_objective
from rl.learner.reshape import write_universal
from rl.learner.sequence_parallel import Ulysses
from rl.learner.split import Whole
from rollout.weights import WeightManifest, WeightPublisher
from rollout.worker import redirect_output

LONGEST_WAIT = timedelta(minutes=30)
"""How long a rank waits for the others before it fails; loading a large model takes minutes."""


class LearnerWorker:
    """One rank. Methods are called on all ranks at once, in the same order."""

    def __init__(self, rank: int, job: Job) -> None:
        """Redirect output; nothing is loaded yet."""
        job.log_folder.mkdir(parents=True, exist_ok=True)
        redirect_output(log_path(job.log_folder, rank))
        self.rank, self.job = rank, job

    def call(self, method: str, *arguments: Any) -> Any:
        """Run a method; an error's traceback goes to the log as well as to the driver."""
        try:
            return getattr(self, method)(*arguments)
        except Exception:
            traceback.print_exc()
            raise

    def open_rendezvous(self) -> tuple[str, int]:
        """Rank 0 only: the address at which all ranks meet (the port is free, and stays ours)."""
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._store = TCPStore(
            host, 0, self.job.config.ranks, is_master=True, wait_for_workers=False, timeout=LONGEST_WAIT
        )
        return host, self._store.port

    def setup(self, host: str, port: int) -> Ready:
        """Join the other ranks and load the networks."""
        started = time.perf_counter()
        job, config = self.job, self.job.config
        self._join(host, port)
        torch.manual_seed(job.seed)  # the same on all ranks: fresh adapters must be equal
        self.dtype = compute_dtype(config, job.device)
        kernel = choose_attention(job.attention, job.device)
        shared = config.sequence_parallel
        loading: dict[str, Any] = {
            "attention": kernel,
            "split": Whole() if shared == 1 else Ulysses(shared, job.model_path, kernel),
            "dtype": parameter_dtype(config, self.dtype),
            "lora": config.lora,
            "checkpointing": config.activation_checkpointing,
        }
        if config.zero_stage == 3:  # while this object lives, transformers shards parameters as it loads them
            sharding = deepspeed_config(config, config.policy, self.dtype)
            self._loads_sharded = HfDeepSpeedConfig(sharding)  # type: ignore[no-untyped-call]
        policy = load_policy(job.model_path, chunk_tokens=config.logprob_chunk_tokens, **loading)
        self.model = policy.model
        self.policy = Engine(policy, config.policy, config, self.dtype)
        self.critic: Engine | None = None
        if job.algorithm.uses_critic:
            head = None if job.critic_path is None else read_value_head(Path(job.critic_path))
            critic = load_critic(job.critic_path or job.model_path, head=head, **loading)
            self.critic_network = critic
            self.critic = Engine(critic, config.critic, config, self.dtype)
        self.reference: FrozenEngine | None = None
        if job.algorithm.uses_reference and config.lora is None:  # with adapters it is the policy without them
            frozen = {**loading, "checkpointing": False}
            self.reference = FrozenEngine(
                load_policy(job.model_path, chunk_tokens=config.logprob_chunk_tokens, **frozen), config, self.dtype
            )
        torch.manual_seed(job.seed * 1_000_003 + self.rank)
        hidden_size: int = self.model.config.get_text_config().hidden_size
        networks = [self.model] if self.critic is None else [self.model, self.critic_network.backbone]
        layout = choose_layout(networks, config, kernel, job.device)
        return Ready(time.perf_counter() - started, hidden_size, layout)

    def _join(self, host: str, port: int) -> None:
        config = self.job.config
        on_gpu = self.job.device == "gpu"
        if not on_gpu:
            torch.set_num_threads(config.cpu_threads or max(1, (os.cpu_count() or 1) // config.ranks))
            os.environ["DS_ACCELERATOR"] = "cpu"
            keep_freed_memory()
        self.device = torch.device("cuda", 0) if on_gpu else torch.device("cpu")  # Ray shows each actor its own GPU
        place = {"RANK": self.rank, "WORLD_SIZE": config.ranks, "LOCAL_RANK": 0, "LOCAL_SIZE": config.ranks}
        os.environ |= {name: str(value) for name, value in place.items()}
        os.environ |= {"MASTER_ADDR": host, "MASTER_PORT": str(port)}
        if self.rank > 0:
            self._store = TCPStore(host, port, config.ranks, timeout=LONGEST_WAIT)
        torch.distributed.init_process_group(
            "nccl" if on_gpu else "gloo",
            store=self._store,
            rank=self.rank,
            world_size=config.ranks,
            timeout=LONGEST_WAIT,
        )
        import deepspeed  # type: ignore[import-untyped]  # takes seconds; reads the environment

        if not on_gpu:
            # DeepSpeed would compile a shared-memory all-reduce for inference here, which takes a minute and is
            # never called in training: tell it that no such extension fits this machine.
            deepspeed.ops.__compatible_ops__ = {}
        deepspeed.init_distributed(dist_init_required=False)

    def _own(self, step: OptimizerStep) -> tuple[MicroBatch, ...]:
        """Micro-batches of this rank's sequence-parallel group."""
        return step.ranks[self.rank // self.job.config.sequence_parallel]

    def estimate(self, batch: Batch, schedule: Schedule) -> RankEstimates:
        """Forward passes over this rank's samples; the schedule has one step."""
        step, algorithm = schedule.steps[0], self.job.algorithm
        tokens, newest_tokens = max(step.counts.tokens, 1), batch.newest_tokens
        shares = Shares()
        indices: list[int] = []
        logprobs: list[Tensor] = []
        values: list[Tensor] = []
        references: list[Tensor] = []
        for micro in self._own(step):
            inputs = tensors(batch, micro, self.device, layout=step.layout)
            new = entropy = None
            if algorithm.old_logprobs == "learner":
                new, entropy = self.policy.infer(*inputs.predictors, inputs.targets, self.job.temperature, True)
            value = None if self.critic is None else self.critic.infer(*inputs.predictors)
            reference = self._reference_logprobs(inputs) if algorithm.uses_reference else None
            if not micro:
                continue
            indices += micro
            if new is not None and entropy is not None:
                logprobs.append(new.cpu())
                _compare(batch, micro, inputs, new, entropy, tokens, newest_tokens, shares)
            if value is not None:
                values.append(value.cpu())
            if reference is not None:
                references.append(reference.cpu())
                old = _rollout_logprobs(batch, micro, inputs) if new is None else inputs.grid(new)
                distance = kl(old, inputs.grid(reference), "k3")
                shares.add({"policy/reference_kl": masked_sum(distance, inputs.mask) / tokens})
        return RankEstimates(
            indices,
            _flat(logprobs) if algorithm.old_logprobs == "learner" else None,
            None if self.critic is None else _flat(values),
            _flat(references) if algorithm.uses_reference else None,
            shares,
        )

    def _reference_logprobs(self, inputs: MicroTensors) -> Tensor:
        """[N] log-probabilities of the policy that training started from."""
        arguments = (*inputs.predictors, inputs.targets, self.job.temperature, False)
        if self.reference is not None:
            logprobs = self.reference.infer(*arguments)[0]
        else:
            with adapters_off(self.model):
                logprobs = self.policy.infer(*arguments)[0]
        assert isinstance(logprobs, Tensor)
        return logprobs

    def update(
        self, batch: Batch, estimates: Estimates, targets: Targets, schedule: Schedule, train_policy: bool
    ) -> Shares:
        """All optimizer steps on a batch; the metrics are means over them.

        Where no `estimate` did it, the first one also compares the policy, which is still that of the engine, with what
        the engine said of its samples.
        """
        shares, compared = Shares(), Shares()
        if train_policy:
            self.policy.begin_batch()
            for number, step in enumerate(schedule.steps):
                first = number == 0 and self.job.algorithm.old_logprobs == "rollout"
                self._policy_step(batch, estimates, targets, step, shares, compared if first else None)
            shares.largest["policy/learning_rate"] = self.policy.learning_rate
        if self.critic is not None:
            self.critic.begin_batch()
            for step in schedule.steps:
                self._critic_step(self.critic, batch, estimates, targets, step, shares)
            shares.largest["critic/learning_rate"] = self.critic.learning_rate
        shares.sums = {name: value / len(schedule.steps) for name, value in shares.sums.items()} | compared.sums
        shares.largest |= compared.largest
        return shares

    def _policy_step(
        self,
        batch: Batch,
        estimates: Estimates,
        targets: Targets,
        step: OptimizerStep,
        shares: Shares,
        compared: Shares | None = None,
    ) -> None:
        job, micros = self.job, self._own(step)
        with_entropy = job.algorithm.entropy_weight > 0 or compared is not None
        newest_tokens = 0 if compared is None else _part(batch, step).newest_tokens
        for position, micro in enumerate(micros):
            inputs = tensors(batch, micro, self.device, layout=step.layout)
            self.policy.at_boundary(position == len(micros) - 1)
            new, entropy = self.policy.forward(*inputs.predictors, inputs.targets, job.temperature, with_entropy)
            if compared is not None and micro:
                tokens = max(step.counts.tokens, 1)
                _compare(batch, micro, inputs, new.detach(), entropy.detach(), tokens, newest_tokens, compared)
            share = policy_objective(
                policy_inputs(batch, micro, inputs, step.counts, estimates, targets, new, entropy),
                config=job.algorithm,
                counts=step.counts,
                max_response_tokens=job.max_response_tokens,
            )
            self.policy.backward(share.loss)
            shares.include(share)
        shares.add({"policy/gradient_norm": self.policy.step() / job.config.data_parallel})

    def _critic_step(
        self,
        critic: Engine,
        batch: Batch,
        estimates: Estimates,
        targets: Targets,
        step: OptimizerStep,
        shares: Shares,
    ) -> None:
        assert estimates.values is not None
        assert targets.returns is not None
        micros = self._own(step)
        for position, micro in enumerate(micros):
            inputs = tensors(batch, micro, self.device, layout=step.layout)
            critic.at_boundary(position == len(micros) - 1)
            values = critic.forward(*inputs.predictors)
            share = value_objective(
                inputs.grid(values),
                rows_grid(estimates.values, micro, inputs),
                rows_grid(targets.returns, micro, inputs),
                inputs.mask,
                config=self.job.algorithm,
                counts=step.counts,
            )
            critic.backward(share.loss)
            shares.include(share)
        shares.add({"critic/gradient_norm": critic.step() / self.job.config.data_parallel})

    def write_weights(self, publisher: WeightPublisher, version: int) -> WeightManifest | None:
        """Publish the policy's weights; only rank 0 writes and returns a manifest."""
        weights = full_weights(self.model, self.dtype)
        manifest = publisher.write(version, saved_names(self.model, weights)) if self.rank == 0 else None
        deque(weights, maxlen=0)  # the other ranks only take part in gathering
        return manifest

    def save(self, folder: Path) -> None:
        """Weights, optimizers, counters and random state below `folder`."""
        self.policy.save(folder / "policy")
        if self.critic is not None:
            self.critic.save(folder / "critic")
        torch.save(self._random_state(), folder / f"random-{self.rank}.pt")

    def convert(self, folder: Path, out: Path) -> None:
        """Rank 0 only: write what `save` wrote as universal checkpoints into `out`, whole or not at all."""
        part = out.with_name(f"{out.name}-part")
        shutil.rmtree(part, ignore_errors=True)
        write_universal(folder / "policy", part / "policy")
        if self.critic is not None:
            write_universal(folder / "critic", part / "critic")
        flush_tree(part)
        part.rename(out)

    def load(self, folder: Path, converted: Path | None, updates: int, same_ranks: bool) -> None:
        """Restore what `save` wrote.

        Args:
            folder: where `save` wrote.
            converted: where `convert` wrote, if the group has another shape now.
            updates: how many the group had done; without the random state of as many ranks it is drawn anew from it.
            same_ranks: every rank finds its own random state in `folder`.
        """
        for name, engine in (("policy", self.policy), ("critic", self.critic)):
            if engine is not None and converted is None:
                engine.load(folder / name)
            elif engine is not None and converted is not None:
                engine.load_universal(converted / name)
        if not same_ranks:
            torch.manual_seed((self.job.seed * 1_000_003 + updates) * 1_000_003 + self.rank)
            return
        state = torch.load(folder / f"random-{self.rank}.pt", weights_only=True)
        torch.set_rng_state(state["cpu"])
        if "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"])

    def _random_state(self) -> dict[str, Tensor]:
        state = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state()
        return state

    def export(self, folder: Path) -> None:
        """Write the policy as a Hugging Face folder (rank 0), adapters merged in, without a tokenizer."""
        weights = full_weights(self.model, self.dtype)
        if self.rank == 0:
            write_model(saved_names(self.model, weights), self.model.config, self.dtype, folder)
            if self.model.generation_config is not None:
                self.model.generation_config.save_pretrained(folder)
        deque(weights, maxlen=0)

    def export_critic(self, folder: Path) -> None:
        """Write the critic as a reward model (rank 0): a sequence classifier with one label, without a tokenizer."""
        network = self.critic_network
        weights = reward_model_weights(network, self.dtype)
        if self.rank == 0:
            write_model(weights, reward_model_config(network.backbone.config), self.dtype, folder)
        deque(weights, maxlen=0)


def log_path(folder: Path, rank: int) -> Path:
    """Where a rank's output goes."""
    return folder / f"learner-{rank}.log"


def compute_dtype(config: LearnerConfig, device: Device) -> torch.dtype:
    """The type that `learner.dtype` stands for."""
    if config.dtype == "auto":
        return torch.bfloat16 if device == "gpu" else torch.float32
    return torch.bfloat16 if config.dtype == "bfloat16" else torch.float32


def _part(batch: Batch, step: OptimizerStep) -> Batch:
    """The samples of one optimizer step, on all ranks."""
    return Batch([batch.samples[i] for rank in step.ranks for micro in rank for i in micro], batch.version)


def _compare(
    batch: Batch,
    micro: MicroBatch,
    inputs: MicroTensors,
    new: Tensor,
    entropy: Tensor,
    tokens: int,
    newest_tokens: int,
    shares: Shares,
) -> None:
    """Entropy, and how far the policy's log-probabilities are from the engine's, of a micro-batch.

    Args:
        new: [N] log-probabilities under the weights that the engine has.
        entropy: [N]
        tokens: in the loss, of all that is compared.
        newest_tokens: those of them that the batch's weight version sampled; an older one's log-probabilities differ
            rightly.
    """
    shares.add({"policy/entropy": masked_sum(inputs.grid(entropy), inputs.mask) / tokens})
    if newest_tokens == 0:
        return
    versions = rows_grid([sample.versions.astype(np.float32) for sample in batch.samples], micro, inputs)
    comparable = inputs.mask & (versions == batch.version)
    gap = torch.where(comparable, (inputs.grid(new) - _rollout_logprobs(batch, micro, inputs)).abs(), 0.0)
    shares.add({"policy/logprob_gap": gap.sum() / newest_tokens})
    shares.raise_to("policy/logprob_gap_max", float(gap.max()))


def _rollout_logprobs(batch: Batch, micro: MicroBatch, inputs: MicroTensors) -> Tensor:
    """[B, T]"""
    return rows_grid([sample.rollout_logprobs for sample in batch.samples], micro, inputs)


def _flat(rows: list[Tensor]) -> NDArray[np.float32]:
    joined: NDArray[np.float32] = torch.cat(rows).float().numpy() if rows else np.zeros(0, np.float32)
    return joined
