"""Global denominators on real DeepSpeed. Pinned here:

1. Every term (policy loss of each kind, positive-example NLL, KL, entropy, value) under every aggregation has the
   gradient of the plain formula over the whole optimizer step, whatever the micro-batches, ranks and ZeRO stage.
2. Counts are of the optimizer step: a group that is split over two steps counts in each with the tokens it has there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pytest
import ray
import torch
from torch import Tensor, nn

from rl.algorithms.base import Importance, ReferenceKl
from rl.algorithms.config import AlgorithmConfig, Cispo, Dapo, Gspo, Vapo
from rl.algorithms.kinds import Aggregation
from rl.batch import Batch, Estimates, Targets
from rl.learner.batching import Schedule, schedule
from rl.learner.config import LearnerConfig
from rl.learner.engine import Engine
from rl.learner.messages import Job, Shares
from rl.learner.micro import tensors
from rl.learner.model import load_critic, load_policy
from rl.learner.worker import LearnerWorker
from tests.rl.learner_parts import make_batch

BATCH = make_batch()
LONGEST = 30
MAX_DIFFERENCE = 1e-5
"""Of a gradient, relative to its largest entry; float32 sums in another order stay below it."""


def rows(mean: float, spread: float, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(mean, spread, len(s.response_ids)).astype(np.float32) for s in BATCH.samples]


# An untrained model says about -log(53) = -3.97 of every token: both clips have work to do.
ESTIMATES = Estimates(rows(-4, 0.4, 1), rows(0, 1, 2), {}, reference=rows(-4, 0.4, 3))
BATCH = Batch([replace(s, rollout_logprobs=r) for s, r in zip(BATCH.samples, rows(-4, 0.8, 4), strict=True)])
ADVANTAGES, NO_ADVANTAGES = rows(0, 1, 5), rows(0, 0, 6)
RETURNS = rows(0.5, 1, 7)

Formula = Callable[[Tensor, Tensor, int], Tensor]
"""(new [R], entropy [R], sample) -> losses [R], written down once more, without the code under test."""


def row(values: Any, i: int) -> Tensor:
    return torch.from_numpy(values[i])


def clipped(ratio: Tensor, i: int, low: float, high: float, bound: float | None) -> Tensor:
    advantage = row(ADVANTAGES, i)
    losses = -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
    return losses if bound is None else torch.where(advantage < 0, losses.clamp(max=-bound * advantage), losses)


def ppo(new: Tensor, _: Tensor, i: int) -> Tensor:
    weight = (row(ESTIMATES.logprobs, i) - torch.from_numpy(BATCH.samples[i].rollout_logprobs)).exp().clamp(max=1.3)
    return clipped((new - row(ESTIMATES.logprobs, i)).exp(), i, 0.2, 0.28, 2.0) * weight


def gspo(new: Tensor, _: Tensor, i: int) -> Tensor:
    own = torch.from_numpy(BATCH.samples[i].loss_mask)
    mean = (new - row(ESTIMATES.logprobs, i))[own].mean().detach()
    return clipped((mean + new - new.detach()).exp(), i, 0.05, 0.05, None)


def cispo(new: Tensor, _: Tensor, i: int) -> Tensor:
    weight = (new - row(ESTIMATES.logprobs, i)).exp().clamp(max=1.5).detach()
    return -weight * row(ADVANTAGES, i) * new


def kl_k3(new: Tensor, _: Tensor, i: int) -> Tensor:
    far = row(ESTIMATES.reference, i) - new
    return far.exp() - far - 1


@dataclass(frozen=True)
class Case:
    """One term alone: how it is configured, and its formula."""

    algorithm: AlgorithmConfig
    formula: Formula
    advantages: list[np.ndarray]
    aggregation: Aggregation | None
    """None: a mean over the tokens of correct samples."""


CASES = {
    **{
        f"{name}-{how}": Case(algorithm.model_copy(update={"aggregation": how}), formula, advantages, how)
        for how in get_args(Aggregation)
        for name, algorithm, formula, advantages in (
            ("ppo", Dapo(dual_clip=2.0, importance=Importance(kind="tis", cap=1.3)), ppo, ADVANTAGES),
            ("gspo", Gspo(clip_low=0.05, clip_high=0.05), gspo, ADVANTAGES),
            ("cispo", Cispo(clip_high=0.5), cispo, ADVANTAGES),
            ("kl", Dapo(kl=ReferenceKl(weight=1.0)), kl_k3, NO_ADVANTAGES),
            ("entropy", Dapo(entropy_weight=1.0), lambda _, entropy, i: -entropy, NO_ADVANTAGES),
        )
    },
    "nll": Case(Dapo(positive_nll_weight=1.0), lambda new, _, i: -new, NO_ADVANTAGES, None),
}


def plan(budget: int, ranks: int) -> Schedule:
    return schedule(BATCH, steps=2, ranks=ranks, tokens_per_micro_batch=budget, hidden_size=16, seed=0)


WHOLE = plan(10_000, 1).steps[0].ranks[0]
SAMPLES = sorted(WHOLE[0])
"""What is in the first optimizer step; groups are split over the two."""


def test_groups_are_split_over_the_steps() -> None:
    assert len(WHOLE) == 1
    in_step = {BATCH.samples[i].group for i in SAMPLES}
    left = {BATCH.samples[i].group for i in range(len(BATCH)) if i not in SAMPLES}
    assert in_step & left


def plain_divisors(how: Aggregation | None) -> dict[int, float]:
    """What each sample's sum over tokens is divided by, from the definitions."""
    own = {i: int(BATCH.samples[i].loss_mask.sum()) for i in SAMPLES}
    group = {i: BATCH.samples[i].group for i in SAMPLES}
    groups = {group[i] for i in SAMPLES if own[i]}
    samples = sum(tokens > 0 for tokens in own.values())
    if how is None:
        right = sum(own[i] for i in SAMPLES if BATCH.samples[i].correct)
        return {i: right if BATCH.samples[i].correct else float("inf") for i in SAMPLES}
    return {
        i: {
            "token_mean": sum(own.values()),
            "group_token_mean": sum(own[j] for j in SAMPLES if group[j] == group[i]) * len(groups),
            "sample_mean": own[i] * samples,
            "fixed_length": LONGEST * samples,
        }[how]
        for i in SAMPLES
    }


Gradients = Mapping[str, Tensor]


def gradients_of(network: nn.Module, loss: Tensor) -> Gradients:
    names, parameters = zip(*network.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True))


def plain_gradients(model: str) -> dict[str, Gradients]:
    """Of every case by the formulas, one sample after the other, in one process without DeepSpeed."""
    loading: dict[str, Any] = {"attention": "sdpa", "dtype": torch.float32, "lora": None, "checkpointing": False}
    policy = load_policy(model, chunk_tokens=1000, **loading)
    outputs = {}
    for i in SAMPLES:
        inputs = tensors(BATCH, (i,), torch.device("cpu"))
        outputs[i] = policy(*inputs.predictors, inputs.targets, 1.0, True)
    result = {}
    for name, case in CASES.items():
        divisor = plain_divisors(case.aggregation)
        losses = [
            case.formula(*outputs[i], i)[torch.from_numpy(BATCH.samples[i].loss_mask)].sum() / divisor[i]
            for i in SAMPLES
        ]
        loss = torch.stack(losses).sum()
        result[name] = gradients_of(policy, loss)
    critic = load_critic(model, **loading)
    nn.init.normal_(critic.value_head.weight, generator=torch.Generator().manual_seed(3))
    losses = []
    for i in SAMPLES:
        inputs = tensors(BATCH, (i,), torch.device("cpu"))
        far = critic(*inputs.predictors) - row(RETURNS, i)
        losses.append(0.5 * (far**2)[torch.from_numpy(BATCH.samples[i].loss_mask)].sum())
    result["value"] = gradients_of(critic, torch.stack(losses).sum() / plain_divisors("token_mean")[SAMPLES[0]])
    return result


class Probe(LearnerWorker):
    """A learner rank that shows the gradients of a step in place of taking it."""

    def probe(self, case: Case | None, plan: Schedule) -> Gradients:
        """Gradients of the first optimizer step of a plan: of a case, or (None) of the value loss."""
        engine = self.policy if case is not None else self.critic
        assert engine is not None
        seen: dict[str, Tensor] = {}
        engine.step = lambda: self._show(engine, seen)  # type: ignore[method-assign]
        shares, step = Shares(), plan.steps[0]
        if case is not None:
            self.job = replace(self.job, algorithm=case.algorithm)
            self._policy_step(BATCH, ESTIMATES, Targets(case.advantages, None, {}), step, shares)
        else:
            assert self.critic is not None
            head = self.critic._engine.module.value_head.weight
            nn.init.normal_(head, generator=torch.Generator().manual_seed(3))
            self._critic_step(self.critic, BATCH, ESTIMATES, Targets([], RETURNS, {}), step, shares)
        return seen

    def _show(self, engine: Engine, seen: dict[str, Tensor]) -> float:
        from deepspeed.utils import safe_get_full_grad

        for name, parameter in engine._engine.module.named_parameters():
            seen[name] = safe_get_full_grad(parameter).detach().clone()
        for group in engine._engine.optimizer.param_groups:
            group["lr"] = 0.0  # the step that forgets the gradients moves nothing
        return Engine.step(engine)


@dataclass(frozen=True)
class Probes:
    """All ranks of one learner."""

    ranks: list[Any]

    def gradients(self, case: Case | None, budget: int) -> Gradients:
        work = plan(budget, len(self.ranks))
        found: list[Gradients] = ray.get([rank.call.remote("probe", case, work) for rank in self.ranks])
        return found[0]


@pytest.fixture(scope="module")
def expected(model: str) -> dict[str, Gradients]:
    return plain_gradients(model)


@pytest.fixture(scope="module", params=[(1, 0), (2, 0), (2, 2)], ids=lambda p: f"{p[0]}-ranks-zero-{p[1]}")
def probes(
    request: pytest.FixtureRequest, cluster: None, model: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Probes]:
    ranks, stage = request.param
    job = Job(
        config=LearnerConfig(ranks=ranks, zero_stage=stage, cpu_threads=1),
        algorithm=Vapo(),
        model_path=model,
        attention="auto",
        device="cpu",
        seed=0,
        temperature=1.0,
        max_response_tokens=LONGEST,
        log_folder=tmp_path_factory.mktemp("logs"),
    )
    actors = [ray.remote(Probe).options(num_cpus=1).remote(rank, job) for rank in range(ranks)]
    host, port = ray.get(actors[0].call.remote("open_rendezvous"))
    ray.get([actor.call.remote("setup", host, port) for actor in actors])
    yield Probes(actors)
    for actor in actors:
        ray.kill(actor)


def assert_same(got: Gradients, wanted: Gradients, what: str) -> None:
    assert got.keys() == wanted.keys()
    largest = max(float(gradient.abs().max()) for gradient in wanted.values())
    assert largest > 1e-4, f"{what}: there is nothing to compare"
    for name, gradient in wanted.items():
        difference = float((got[name] - gradient).abs().max()) / largest
        assert difference < MAX_DIFFERENCE, f"{what}: the gradient of {name} is off by {difference:.1e}"


@pytest.mark.slow
def test_every_term_has_the_gradient_of_its_formula(probes: Probes, expected: dict[str, Gradients]) -> None:
    for budget in (10_000, 60, 30):
        for name in (*CASES, "value"):
            got = probes.gradients(CASES.get(name), budget)
            assert_same(got, expected[name], f"{name}, {budget} tokens a micro-batch")
