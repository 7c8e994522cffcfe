"""Advantages and the losses beside the policy's own. Pinned here (float64 unless said otherwise):

1. KL k1, k2, k3 token means.
2. Length-adaptive GAE at l=40, alpha 0.05, and returns of 1 with lambda_critic 1.
3. GAE equals the plain loop, also with one lambda per sequence, and carries across masked gaps.
4. lambda is clamped to [0, 1]; 0 up to 1 / alpha tokens.
5. Group advantages: `grpo` with the unbiased std and eps 1e-6, `dr_grpo` without, `rloo` R - mean of the others; of all
   of them a group of one keeps its reward, an all-equal group has 0.
6. Return to go: the sum of later rewards, discounted per own token, across gaps.
7. Whitening: mean 0 and unbiased std 1 over the mask only, eps 1e-8 inside the root.
8. Value clip takes the worse of the two squares, times 0.5.
9. Explained variance: 1 perfect, 0 the mean (or equal returns), negative worse.
10. Targets: the reward is paid on the last own token; returns are not whitened; REINFORCE++ whitens the return to go,
    its baseline subtracts the group mean first.
11. A KL penalty in the reward is taken off every own token, or (group advantages) off the sample's reward.
12. What masked entries hold, NaN included, never matters.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rl.algorithms.advantages import (
    explained_variance,
    gae,
    group_advantage,
    length_adaptive_lambda,
    return_to_go,
    whiten,
)
from rl.algorithms.aggregation import aggregate
from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import Dapo, DrGrpo, Grpo, ReinforcePp, Rloo, Vapo
from rl.algorithms.kinds import Advantage, GroupKind, KlKind
from rl.algorithms.losses import kl, positive_nll, value_loss
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, TrainSample


def f64(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


OLD = f64([-1, -0.5, -2, -0.1], [-0.7, -1.2, -0.3, 0], [-0.9, -0.4, 0, 0])
NEW = f64([-0.6, -0.9, -1.9, -0.1], [-1.9, -1.1, -0.05, 0], [-0.2, -0.8, 0, 0])
REFERENCE = f64([-1.1, -0.6, -1.8, -0.2], [-0.8, -1, -0.4, 0], [-1, -0.5, 0, 0])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()


@pytest.mark.parametrize(("kind", "expected"), [("k1", -0.0166666667), ("k2", 0.1351388889), ("k3", 0.158845623)])
def test_kl_reference_values(kind: KlKind, expected: float) -> None:
    value = aggregate(kl(NEW, REFERENCE, kind), MASK, 9)
    assert value.item() == pytest.approx(expected, abs=1e-9)


def test_length_adaptive_gae_reference_values() -> None:
    length = 40
    values = torch.linspace(0.1, 0.9, length, dtype=torch.float64)[None]
    mask = torch.ones(1, length, dtype=torch.bool)
    rewards = torch.zeros_like(values)
    rewards[0, -1] = 1
    lam = length_adaptive_lambda(torch.tensor([length], dtype=torch.float64), 0.05)
    advantages = gae(rewards, values, mask, 1.0, lam)[0]
    for at, expected in {0: 0.04102564, 20: 0.04102575, 38: 0.07051282, 39: 0.1}.items():
        assert advantages[at].item() == pytest.approx(expected, abs=1e-8)
    torch.testing.assert_close(gae(rewards, values, mask, 1.0, 1.0) + values, torch.ones_like(values))


def looped_gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: Tensor) -> Tensor:
    """The definition, one token after the other."""
    result = torch.zeros_like(values)
    for row in range(values.shape[0]):
        next_value, carried = 0.0, 0.0
        for t in reversed(range(values.shape[1])):
            if mask[row, t]:
                delta = rewards[row, t].item() + gamma * next_value - values[row, t].item()
                carried = delta + gamma * lam[row].item() * carried
                next_value = values[row, t].item()
                result[row, t] = carried
    return result


@settings(max_examples=50, deadline=None)
@given(b=st.integers(1, 4), t=st.integers(1, 33), seed=st.integers(0, 999), gamma=st.sampled_from([1.0, 0.97, 0.5]))
def test_gae_is_the_loop_with_gaps(b: int, t: int, seed: int, gamma: float) -> None:
    g = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(2, b, t, generator=g, dtype=torch.float64)
    mask = torch.rand(b, t, generator=g) < 0.7
    lam = torch.rand(b, generator=g, dtype=torch.float64)
    torch.testing.assert_close(
        gae(rewards, values, mask, gamma, lam), looped_gae(rewards, values, mask, gamma, lam), rtol=1e-9, atol=1e-12
    )


def test_gae_carries_across_a_masked_gap() -> None:
    mask = torch.tensor([[1, 0, 0, 1]]).bool()
    gapped = gae(f64([0, 9, 9, 1]), f64([0.2, 7, 7, 0.6]), mask, 0.9, 0.5)
    closed = gae(f64([0, 1]), f64([0.2, 0.6]), torch.ones(1, 2).bool(), 0.9, 0.5)
    assert gapped[0, [0, 3]].tolist() == closed[0].tolist()
    assert gapped[0, [1, 2]].tolist() == [0, 0]


def test_length_adaptive_lambda_is_clamped() -> None:
    lam = length_adaptive_lambda(torch.tensor([0, 1, 20, 40, 10**9]), 0.05)
    assert lam.tolist() == pytest.approx([0, 0, 0, 0.5, 1], abs=1e-7)
    assert lam.min() >= 0
    assert lam.max() <= 1


@pytest.mark.parametrize(
    ("kind", "of_seven"),
    [
        ("grpo", [(2 / 3) / (3**-0.5 + 1e-6), (-1 / 3) / (3**-0.5 + 1e-6), (-1 / 3) / (3**-0.5 + 1e-6)]),
        ("dr_grpo", [2 / 3, -1 / 3, -1 / 3]),
        ("rloo", [1 - (0 + 0) / 2, 0 - (1 + 0) / 2, 0 - (1 + 0) / 2]),
    ],
)
def test_group_advantages(kind: GroupKind, of_seven: list[float]) -> None:
    rewards = f64([1, 0, 0, 1, 1, 0.3])[0]
    groups = torch.tensor([7, 7, 7, 2, 2, 5])
    got = group_advantage(rewards, groups, kind, 1e-6).tolist()
    assert got == pytest.approx([*of_seven, 0, 0, 0.3], rel=1e-12)
    assert np.std([1, 0, 0], ddof=1) == pytest.approx(3**-0.5)


@pytest.mark.parametrize(("size", "reward"), [(8, 0.9), (16, 0.9), (16, 10.3), (64, 1 / 3)])
def test_equal_rewards_are_worth_nothing_in_float32_too(size: int, reward: float) -> None:
    """A mean of equal numbers differs from them in the last digit, and the spread is of that size as well."""
    got = group_advantage(torch.full((size,), reward), torch.zeros(size, dtype=torch.long), "grpo", 1e-6)
    assert got.dtype == torch.float32
    assert got.abs().max() < 1e-6


def test_a_group_need_not_stand_together() -> None:
    mixed = group_advantage(f64([1, 5, 0, 7])[0], torch.tensor([3, 1, 3, 1]), "dr_grpo", 1e-6)
    assert mixed.tolist() == [0.5, -1, -0.5, 1]


def test_leave_one_out_is_exact_in_float64() -> None:
    rewards = torch.linspace(-1, 2, 7, dtype=torch.float64)
    got = group_advantage(rewards, torch.zeros(7, dtype=torch.long), "rloo", 1e-6)
    others = (rewards.sum() - rewards) / 6
    torch.testing.assert_close(got, rewards - others, rtol=1e-14, atol=1e-14)


def test_return_to_go() -> None:
    mask = torch.tensor([[1, 0, 1, 1]]).bool()
    got = return_to_go(f64([1, 9, 2, 4]), mask, 0.5)
    assert got.tolist() == [[1 + 0.5 * (2 + 0.5 * 4), 0, 2 + 0.5 * 4, 4]]


def test_whiten_uses_the_mask_only() -> None:
    x = torch.where(MASK, NEW, float("nan"))
    white = whiten(x, MASK)
    kept = white[MASK]
    assert kept.mean().item() == pytest.approx(0, abs=1e-12)
    assert kept.std().item() == pytest.approx(1, abs=1e-6)
    assert (white[~MASK] == 0).all()


def test_value_loss_takes_the_worse_square() -> None:
    values, old, returns = f64([1.0, 1.0, 0.0]), f64([0.0, 0.9, 0.5]), f64([1.0, 2.0, 0.0])
    assert value_loss(values, old, returns, None).tolist() == [[0, 0.5, 0]]
    assert value_loss(values, old, returns, 0.2)[0].tolist() == pytest.approx([0.5 * 0.8**2, 0.5, 0.5 * 0.3**2])


def test_positive_nll_counts_correct_samples_only() -> None:
    correct = torch.tensor([True, False, True])
    nll = aggregate(positive_nll(NEW, correct), MASK, 6)
    assert nll.item() == pytest.approx((0.6 + 0.9 + 1.9 + 0.1 + 0.2 + 0.8) / 6)


def test_explained_variance() -> None:
    returns = f64([0, 1, 0, 1], [1, 0, 1, 9], [0, 1, 9, 9])
    assert explained_variance(returns, returns, MASK).item() == 1
    assert explained_variance(torch.zeros_like(returns), returns, MASK).item() == 0
    assert explained_variance(1 - returns, returns, MASK).item() == pytest.approx(-3)
    assert explained_variance(returns, torch.ones_like(returns), MASK).item() == 0


def test_masked_entries_do_not_matter() -> None:
    hole = torch.where(MASK, NEW, float("nan"))
    for losses, plain in (
        (value_loss(hole, OLD, REFERENCE, 0.2), value_loss(NEW, OLD, REFERENCE, 0.2)),
        (kl(hole, REFERENCE, "k3"), kl(NEW, REFERENCE, "k3")),
        (positive_nll(hole, torch.ones(3).bool()), positive_nll(NEW, torch.ones(3).bool())),
    ):
        assert aggregate(losses, MASK, 9).item() == aggregate(plain, MASK, 9).item()
    assert gae(hole, hole, MASK, 1.0, 0.5).isfinite().all()
    assert return_to_go(hole, MASK, 0.9).isfinite().all()
    assert explained_variance(hole, OLD, MASK).isfinite()


def test_half_precision_is_computed_in_float32() -> None:
    assert kl(NEW.bfloat16(), OLD.bfloat16(), "k3").dtype == torch.float32
    assert gae(NEW.half(), OLD.half(), MASK, 1.0, 1.0).dtype == torch.float32


def sample(reward: float, mask: list[int], group: int = 0) -> TrainSample:
    size = len(mask)
    return TrainSample(
        prompt_ids=np.arange(3, dtype=np.int32),
        response_ids=np.arange(size, dtype=np.int32),
        rollout_logprobs=np.zeros(size, np.float32),
        versions=np.zeros(size, dtype=np.int32),
        loss_mask=np.array(mask, dtype=np.bool_),
        reward=reward,
        correct=reward > 0,
        group=group,
    )


def estimates(batch: Batch, value: float | None) -> Estimates:
    rows = [np.zeros(len(s.response_ids), np.float32) for s in batch.samples]
    return Estimates(rows, None if value is None else [row + np.float32(value) for row in rows], {})


def test_targets_of_a_critic() -> None:
    """The reward is paid on the last token of the model's own, and reaches every token of the critic's targets."""
    batch = Batch([sample(1.0, [1, 1, 0, 1, 0]), sample(0.0, [1, 1]), sample(0.5, [0])])
    targets = compute_targets(batch, estimates(batch, 0.25), Vapo(whiten_advantages=False, lambda_policy=0.0))
    assert targets.returns is not None
    assert targets.returns[0][[0, 1, 3]].tolist() == [1, 1, 1]
    assert targets.returns[1].tolist() == [0, 0]
    assert targets.advantages[0].tolist() == [0, 0, 0, 0.75, 0]
    assert targets.advantages[1].tolist() == [0, -0.25]
    assert targets.advantages[2].tolist() == [0]
    assert targets.metrics["critic/explained_variance"] == 0
    assert targets.metrics["critic/return_mean"] == pytest.approx(0.6)


def test_targets_are_whitened_but_returns_are_not() -> None:
    batch = Batch([sample(1.0, [1, 1, 1]), sample(0.0, [1, 1])])
    targets = compute_targets(batch, estimates(batch, 0.0), Vapo(lambda_policy=1.0))
    flat = np.concatenate(targets.advantages)
    assert flat.mean() == pytest.approx(0, abs=1e-6)
    assert flat.std(ddof=1) == pytest.approx(1, abs=1e-4)
    assert targets.returns is not None
    assert targets.returns[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(("kind", "scale"), [("grpo", 2**-0.5), ("dr_grpo", 1.0), ("rloo", 2.0)])
def test_targets_of_a_group(kind: Advantage, scale: float) -> None:
    batch = Batch([sample(1.0, [1, 0]), sample(-1.0, [1]), sample(1.0, [1, 1], group=4)])
    targets = compute_targets(batch, estimates(batch, None), Dapo(advantage=kind))
    assert targets.returns is None
    assert targets.advantages[0].tolist() == pytest.approx([scale, 0], abs=1e-5)
    assert targets.advantages[1].tolist() == pytest.approx([-scale], abs=1e-5)
    assert targets.advantages[2].tolist() == [1, 1]


def whitened(x: list[float]) -> list[float]:
    return ((np.array(x) - np.mean(x)) / np.std(x, ddof=1)).tolist()


def test_targets_of_reinforce_pp() -> None:
    batch = Batch([sample(1.0, [1, 1, 0]), sample(-1.0, [1]), sample(0.5, [1], group=4), sample(0.0, [1], group=4)])
    plain = compute_targets(batch, estimates(batch, None), ReinforcePp(kl=None, gamma=0.5))
    flat = np.concatenate([plain.advantages[0][:2], *plain.advantages[1:]])
    assert flat.tolist() == pytest.approx(whitened([0.5, 1, -1, 0.5, 0]), abs=1e-6)
    assert plain.advantages[0][2] == 0
    centred = compute_targets(
        batch, estimates(batch, None), ReinforcePp(advantage="reinforce_pp_baseline", kl=None, gamma=0.5)
    )
    flat = np.concatenate([centred.advantages[0][:2], *centred.advantages[1:]])
    assert flat.tolist() == pytest.approx(whitened([0.5, 1, -1, 0.25, -0.25]), abs=1e-6)


def with_reference(batch: Batch, value: float | None, *, distance: float) -> Estimates:
    """Estimates whose policy is `distance` nats a token above the reference."""
    plain = estimates(batch, value)
    return replace(plain, reference=[row - np.float32(distance) for row in plain.logprobs])


KL = ReferenceKl(weight=0.1, kind="k1", where="reward")


def test_kl_in_the_reward_of_every_token() -> None:
    """Paid is -0.1 x 0.5 on each own token, and the reward on the last."""
    batch = Batch([sample(1.0, [1, 1, 0, 1]), sample(0.0, [1])])
    algorithm = Vapo(kl=KL, whiten_advantages=False, lambda_policy=1.0)
    targets = compute_targets(batch, with_reference(batch, 0.0, distance=0.5), algorithm)
    assert targets.returns is not None
    assert targets.returns[0][[0, 1, 3]].tolist() == pytest.approx([0.85, 0.9, 0.95])
    assert targets.returns[1].tolist() == pytest.approx([-0.05])
    assert targets.metrics["reward/kl_penalty"] == pytest.approx((0.15 + 0.05) / 2)


def test_kl_in_the_reward_of_a_sample() -> None:
    batch = Batch([sample(1.0, [1, 1, 0, 1]), sample(0.0, [1])])
    far = with_reference(batch, None, distance=0.5)
    targets = compute_targets(batch, far, Rloo(kl=KL))
    assert targets.advantages[0].tolist() == pytest.approx([0.9, 0.9, 0, 0.9])
    in_the_loss = compute_targets(batch, far, DrGrpo(kl=ReferenceKl(weight=0.1)))
    assert in_the_loss.advantages[0].tolist() == [0.5, 0.5, 0, 0.5]
    assert "reward/kl_penalty" not in in_the_loss.metrics


def test_a_reference_is_needed_for_kl_in_the_reward() -> None:
    batch = Batch([sample(1.0, [1]), sample(0.0, [1])])
    with pytest.raises(ValueError, match="reference's log-probabilities"):
        compute_targets(batch, estimates(batch, None), Rloo())
    compute_targets(batch, estimates(batch, None), Grpo())


def test_a_critic_is_needed_for_gae() -> None:
    batch = Batch([sample(1.0, [1])])
    with pytest.raises(ValueError, match="critic's values"):
        compute_targets(batch, estimates(batch, None), Vapo())
