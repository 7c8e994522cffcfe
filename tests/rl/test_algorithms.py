"""The mathematics of RL. Pinned here (float64 unless said otherwise):

1. PPO-clip with clip-higher and dual clip: token mean 0.3005890016, sample mean 0.3797482942.
2. Dual clip c=3 and c=10 on large negative-advantage ratios.
3. KL k1, k2, k3 token means.
4. Length-adaptive GAE at l=40, alpha 0.05, and returns of 1 with lambda_critic 1.
5. GAE equals the plain loop, also with one lambda per sequence, and carries across masked gaps.
6. lambda is clamped to [0, 1]; 0 up to 1 / alpha tokens.
7. Group advantage: unbiased std, a group of one keeps its reward, an all-equal group has 0.
8. Whitening: mean 0 and unbiased std 1 over the mask only.
9. The log-ratio is clamped to +-20.
10. Value clip takes the worse of the two squares, times 0.5.
11. Aggregation: shares of any split add up to the whole, by the given denominators.
12. Explained variance: 1 perfect, 0 the mean (or equal returns), negative worse.
13. What masked entries hold, NaN included, never matters.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rl.algorithms.advantages import explained_variance, gae, group_advantage, length_adaptive_lambda, whiten
from rl.algorithms.config import Dapo, Vapo
from rl.algorithms.losses import aggregate, kl, log_ratio, policy_loss, positive_nll, value_loss
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, TrainSample


def f64(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


OLD = f64([-1, -0.5, -2, -0.1], [-0.7, -1.2, -0.3, 0], [-0.9, -0.4, 0, 0])
NEW = f64([-0.6, -0.9, -1.9, -0.1], [-1.9, -1.1, -0.05, 0], [-0.2, -0.8, 0, 0])
REFERENCE = f64([-1.1, -0.6, -1.8, -0.2], [-0.8, -1, -0.4, 0], [-1, -0.5, 0, 0])
ADVANTAGES = f64([1, 1, -0.5, 0.3], [-1.2, -1.2, -1.2, 0], [0.8, -2, 0, 0])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()


def ppo(dual_clip: float | None = 10.0) -> Tensor:
    return policy_loss(NEW, OLD, ADVANTAGES, clip_low=0.2, clip_high=0.28, dual_clip=dual_clip).losses


def test_ppo_clip_reference_values() -> None:
    assert aggregate(ppo(), MASK, "token_mean", tokens=9, samples=3).item() == pytest.approx(0.3005890016, abs=1e-10)
    # the published value was computed with counts + 1e-8
    assert aggregate(ppo(), MASK, "sample_mean", tokens=9, samples=3).item() == pytest.approx(0.3797482942, abs=1e-8)


@pytest.mark.parametrize(("c", "expected"), [(3.0, 1.6666666667), (10.0, 5.4630186996)])
def test_dual_clip_reference_values(c: float, expected: float) -> None:
    old, new, advantages = f64([-3, -3, -1]), f64([-1, -0.5, -1]), f64([-1, -1, 1])
    losses = policy_loss(new, old, advantages, clip_low=0.2, clip_high=0.28, dual_clip=c).losses
    assert losses.mean().item() == pytest.approx(expected, abs=1e-10)


def test_clipped_tokens_are_told_apart_and_have_no_gradient() -> None:
    new = NEW.clone().requires_grad_()
    terms = policy_loss(new, OLD, ADVANTAGES, clip_low=0.2, clip_high=0.28, dual_clip=3.0)
    terms.losses[MASK].sum().backward()
    clipped = (terms.clipped_high | terms.clipped_low) & MASK
    assert new.grad is not None
    assert clipped.any()
    assert (new.grad[clipped] == 0).all()
    assert (new.grad[MASK & ~clipped] != 0).all()
    assert terms.clipped_high[0, 0]
    assert terms.clipped_low[1, 0]
    assert not terms.ratio.requires_grad


@pytest.mark.parametrize(("kind", "expected"), [("k1", -0.0166666667), ("k2", 0.1351388889), ("k3", 0.158845623)])
def test_kl_reference_values(kind: str, expected: float) -> None:
    value = aggregate(kl(NEW, REFERENCE, kind), MASK, "token_mean", tokens=9, samples=3)  # type: ignore[arg-type]
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


def test_group_advantage() -> None:
    rewards = f64([1, 0, 0, 1, 1, 0.3])[0]
    groups = torch.tensor([7, 7, 7, 2, 2, 5])
    std = np.std([1, 0, 0], ddof=1)
    expected = [(2 / 3) / (std + 1e-6), (-1 / 3) / (std + 1e-6), (-1 / 3) / (std + 1e-6), 0, 0, 0.3]
    assert group_advantage(rewards, groups, 1e-6).tolist() == pytest.approx(expected, rel=1e-12)


def test_whiten_uses_the_mask_only() -> None:
    x = torch.where(MASK, NEW, float("nan"))
    white = whiten(x, MASK)
    kept = white[MASK]
    assert kept.mean().item() == pytest.approx(0, abs=1e-12)
    assert kept.std().item() == pytest.approx(1, abs=1e-6)
    assert (white[~MASK] == 0).all()


def test_log_ratio_is_clamped() -> None:
    assert log_ratio(f64([0, -90]), f64([-90, 0])).tolist() == [[20, -20]]


def test_half_precision_is_computed_in_float32() -> None:
    assert log_ratio(NEW.bfloat16(), OLD.bfloat16()).dtype == torch.float32
    assert gae(NEW.half(), OLD.half(), MASK, 1.0, 1.0).dtype == torch.float32


def test_value_loss_takes_the_worse_square() -> None:
    values, old, returns = f64([1.0, 1.0, 0.0]), f64([0.0, 0.9, 0.5]), f64([1.0, 2.0, 0.0])
    assert value_loss(values, old, returns, None).tolist() == [[0, 0.5, 0]]
    assert value_loss(values, old, returns, 0.2)[0].tolist() == pytest.approx([0.5 * 0.8**2, 0.5, 0.5 * 0.3**2])


def test_positive_nll_counts_correct_samples_only() -> None:
    correct = torch.tensor([True, False, True])
    nll = aggregate(positive_nll(NEW, correct), MASK, "token_mean", tokens=6, samples=2)
    assert nll.item() == pytest.approx((0.6 + 0.9 + 1.9 + 0.1 + 0.2 + 0.8) / 6)


@pytest.mark.parametrize("how", ["token_mean", "sample_mean"])
def test_shares_of_any_split_add_up(how: str) -> None:
    def share(rows: slice) -> Tensor:
        return aggregate(ppo()[rows], MASK[rows], how, tokens=9, samples=3)  # type: ignore[arg-type]

    whole = share(slice(0, 3)).item()
    assert (share(slice(0, 1)) + share(slice(1, 3))).item() == pytest.approx(whole, rel=1e-12)


def test_a_sample_without_tokens_adds_nothing() -> None:
    mask = MASK & torch.tensor([[True], [False], [True]])
    assert aggregate(ppo(), mask, "sample_mean", tokens=6, samples=2).isfinite()
    assert aggregate(ppo(), torch.zeros_like(MASK), "token_mean", tokens=0, samples=0).item() == 0


def test_explained_variance() -> None:
    returns = f64([0, 1, 0, 1], [1, 0, 1, 9], [0, 1, 9, 9])
    assert explained_variance(returns, returns, MASK).item() == 1
    assert explained_variance(torch.zeros_like(returns), returns, MASK).item() == 0
    assert explained_variance(1 - returns, returns, MASK).item() == pytest.approx(-3)
    assert explained_variance(returns, torch.ones_like(returns), MASK).item() == 0


def test_masked_entries_do_not_matter() -> None:
    hole = torch.where(MASK, NEW, float("nan"))
    losses = policy_loss(hole, OLD, ADVANTAGES, clip_low=0.2, clip_high=0.28, dual_clip=10.0).losses
    for how in ("token_mean", "sample_mean"):
        expected = aggregate(ppo(), MASK, how, tokens=9, samples=3)
        assert aggregate(losses, MASK, how, tokens=9, samples=3).item() == expected.item()  # type: ignore[arg-type]
    assert gae(hole, hole, MASK, 1.0, 0.5).isfinite().all()
    assert explained_variance(hole, OLD, MASK).isfinite()


def sample(reward: float, mask: list[int], group: int = 0) -> TrainSample:
    size = len(mask)
    return TrainSample(
        prompt_ids=np.arange(3, dtype=np.int32),
        response_ids=np.arange(size, dtype=np.int32),
        rollout_logprobs=np.zeros(size, np.float32),
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


def test_targets_of_a_group() -> None:
    batch = Batch([sample(1.0, [1, 0]), sample(-1.0, [1]), sample(1.0, [1, 1], group=4)])
    targets = compute_targets(batch, estimates(batch, None), Dapo())
    assert targets.returns is None
    assert targets.advantages[0].tolist() == pytest.approx([2**-0.5, 0], abs=1e-5)
    assert targets.advantages[1].tolist() == pytest.approx([-(2**-0.5)], abs=1e-5)
    assert targets.advantages[2].tolist() == [1, 1]


def test_a_critic_is_needed_for_gae() -> None:
    batch = Batch([sample(1.0, [1])])
    with pytest.raises(ValueError, match="critic's values"):
        compute_targets(batch, estimates(batch, None), Vapo())
