"""Token losses of the policy and how they become one number. Pinned here (float64):

1. PPO-clip with clip-higher and dual clip: token mean 0.3005890016, sample mean 0.3797482942.
2. Dual clip c=3 and c=10 on large negative-advantage ratios.
3. Clipped tokens have no gradient (PPO-clip, GSPO), and are told apart by side.
4. GSPO: sample mean 0.3985695786 at clip 0.2/0.28. Its gradient is that of the sequence's ratio, through each token.
5. CISPO: token mean -0.4407486649 at two-sided clip 0.2/0.28. No token loses its gradient, also beyond the clip;
   clip_low 1 leaves the ratio free to fall.
6. Decoupled PPO is PPO-clip to the proximal policy times pi_prox / pi_behav, without a gradient through the weight.
7. Importance weights: `tis` min(w, cap), `icepop` w inside [low, high] (ends included) else 0, `off` 1, `full` w.
8. The log-ratio is clamped to +-20.
9. Divisors: token_mean N; group_token_mean tokens of the group x groups; sample_mean own tokens x samples;
   fixed_length longest x samples. Shares of any split add up to the whole.
10. One group of samples that are all as long as allowed makes all four aggregations one.
11. What masked entries hold, NaN included, never matters; half precision is computed in float32.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from rl.algorithms.aggregation import aggregate, divisors
from rl.algorithms.kinds import Aggregation, ImportanceKind, PolicyLossKind
from rl.algorithms.policy_losses import PolicyLoss, policy_loss
from rl.algorithms.ratios import ImportanceWeights, importance_weights, log_ratio, sequence_log_ratio


def f64(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


OLD = f64([-1, -0.5, -2, -0.1], [-0.7, -1.2, -0.3, 0], [-0.9, -0.4, 0, 0])
NEW = f64([-0.6, -0.9, -1.9, -0.1], [-1.9, -1.1, -0.05, 0], [-0.2, -0.8, 0, 0])
ADVANTAGES = f64([1, 1, -0.5, 0.3], [-1.2, -1.2, -1.2, 0], [0.8, -2, 0, 0])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()
GROUP_TOKENS = torch.tensor([7, 7, 2])
"""The first two samples answer one prompt, the third another."""


def loss_of(kind: PolicyLossKind, new: Tensor = NEW, old: Tensor = OLD, **settings: Any) -> PolicyLoss:
    chosen = {"clip_low": 0.2, "clip_high": 0.28, "dual_clip": 10.0, **settings}
    return policy_loss(new, old, ADVANTAGES, MASK, kind=kind, **chosen)


def step_divisors(how: Aggregation, rows: slice = slice(0, 3)) -> Tensor:
    return divisors(how, MASK[rows], GROUP_TOKENS[rows], tokens=9, samples=3, groups=2, longest=4)


def total(losses: Tensor, how: Aggregation = "token_mean") -> Tensor:
    return aggregate(losses, MASK, step_divisors(how))


# --- PPO-clip -----------------------------------------------------------------------------------------------------


def test_ppo_clip_reference_values() -> None:
    assert total(loss_of("ppo_clip").losses).item() == pytest.approx(0.3005890016, abs=1e-10)
    # the published value was computed with counts + 1e-8
    assert total(loss_of("ppo_clip").losses, "sample_mean").item() == pytest.approx(0.3797482942, abs=1e-8)


@pytest.mark.parametrize(("c", "expected"), [(3.0, 1.6666666667), (10.0, 5.4630186996)])
def test_dual_clip_reference_values(c: float, expected: float) -> None:
    old, new, advantages = f64([-3, -3, -1]), f64([-1, -0.5, -1]), f64([-1, -1, 1])
    mask = torch.ones(1, 3, dtype=torch.bool)
    terms = policy_loss(new, old, advantages, mask, kind="ppo_clip", clip_low=0.2, clip_high=0.28, dual_clip=c)
    assert terms.losses.mean().item() == pytest.approx(expected, abs=1e-10)


def test_the_dual_clip_counts_as_low_and_takes_the_gradient() -> None:
    new = f64([-1, -1]).requires_grad_()
    mask = torch.ones(1, 2, dtype=torch.bool)
    terms = policy_loss(
        new, f64([-3, -1]), f64([-1, -1]), mask, kind="ppo_clip", clip_low=0.2, clip_high=0.28, dual_clip=3.0
    )
    terms.losses.sum().backward()
    assert terms.clipped_low.tolist() == [[True, False]]
    assert not terms.clipped_high.any()
    assert new.grad is not None
    assert new.grad.tolist() == [[0, 1]]


@pytest.mark.parametrize("kind", ["ppo_clip", "gspo"])
def test_clipped_tokens_are_told_apart_and_have_no_gradient(kind: PolicyLossKind) -> None:
    new = NEW.clone().requires_grad_()
    terms = loss_of(kind, new, clip_low=0.05, clip_high=0.05, dual_clip=3.0)
    terms.losses[MASK].sum().backward()
    clipped = (terms.clipped_high | terms.clipped_low) & MASK
    assert new.grad is not None
    assert (terms.clipped_high & MASK).any()
    assert (terms.clipped_low & MASK).any()
    assert (new.grad[clipped] == 0).all()
    assert (new.grad[MASK & ~clipped] != 0).all()
    assert not terms.ratio.requires_grad


# --- GSPO ---------------------------------------------------------------------------------------------------------


def test_gspo_reference_value() -> None:
    assert total(loss_of("gspo").losses, "sample_mean").item() == pytest.approx(0.3985695786, abs=1e-8)


def test_gspo_has_one_ratio_a_sequence() -> None:
    ratio = loss_of("gspo").ratio
    for row, length in enumerate(MASK.sum(1).tolist()):
        expected = (NEW - OLD)[row, :length].mean().exp().item()
        assert ratio[row, :length].tolist() == pytest.approx([expected] * length, rel=1e-12)


def test_gspos_gradient_is_that_of_the_sequences_ratio() -> None:
    """With one advantage a sample, and through each token: d loss / d new_t = -A s / l."""
    new, advantages = NEW.clone().requires_grad_(), f64([1] * 4, [-0.7] * 4, [0.4] * 4)
    settings: dict[str, Any] = {"clip_low": 0.9, "clip_high": 9.0, "dual_clip": None}
    losses = policy_loss(new, OLD, advantages, MASK, kind="gspo", **settings).losses
    (got,) = torch.autograd.grad(total(losses, "sample_mean"), new)
    lengths = MASK.sum(1)
    sequence = (torch.where(MASK, new - OLD, 0.0).sum(1) / lengths).exp()
    (expected,) = torch.autograd.grad(-(sequence * advantages[:, 0]).sum() / 3, new)
    torch.testing.assert_close(got, expected)
    assert (got[MASK] != 0).all()


# --- CISPO --------------------------------------------------------------------------------------------------------


def test_cispo_reference_value() -> None:
    assert total(loss_of("cispo").losses).item() == pytest.approx(-0.4407486649, abs=1e-10)


def test_cispo_bounds_weights_and_keeps_every_gradient() -> None:
    new = NEW.clone().requires_grad_()
    terms = loss_of("cispo", new)
    terms.losses[MASK].sum().backward()
    bounded = (NEW - OLD).exp().clamp(0.8, 1.28)
    torch.testing.assert_close(new.grad, (-bounded * ADVANTAGES).where(MASK, 0.0))
    assert terms.clipped_high[0, 0]  # ratio e^0.4, whatever the sign of its advantage
    assert terms.clipped_low[1, 0]  # ratio e^-1.2
    assert not (terms.clipped_high & terms.clipped_low).any()


def test_cispo_without_a_lower_bound() -> None:
    new = NEW.clone().requires_grad_()
    terms = loss_of("cispo", new, clip_low=1.0, clip_high=4.0)
    terms.losses[MASK].sum().backward()
    assert new.grad is not None
    assert new.grad[1, 0].item() == pytest.approx(1.2 * torch.tensor(-1.2, dtype=torch.float64).exp().item())
    assert not (terms.clipped_low | terms.clipped_high)[MASK].any()


# --- importance weights, decoupled PPO ----------------------------------------------------------------------------

ROLLOUT = OLD - f64([0, 1, -1, 2], [0.5, -0.8, 0.1, 0], [1.7, -0.1, 0, 0])
"""pi_old / pi_rollout = exp of the added rows."""


def weights_of(kind: ImportanceKind, cap: float = 2.0, low: float = 0.5, high: float = 5.0) -> ImportanceWeights:
    return importance_weights(OLD, ROLLOUT, kind, cap=cap, low=low, high=high)


def test_importance_weights() -> None:
    raw = (OLD - ROLLOUT).exp()
    assert torch.equal(weights_of("off").weights, torch.ones_like(raw))
    assert torch.equal(weights_of("full").weights, raw)
    tis, icepop = weights_of("tis"), weights_of("icepop")
    assert torch.equal(tis.weights, raw.clamp(max=2.0))
    assert tis.capped[MASK].tolist() == (raw > 2.0)[MASK].tolist()
    outside = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]]).bool()
    assert torch.equal(icepop.weights, raw.masked_fill(outside, 0.0))
    assert torch.equal(icepop.dropped, outside)
    assert not tis.dropped.any()
    assert not icepop.capped.any()


def test_the_ends_of_the_band_are_inside() -> None:
    ends = importance_weights(f64([0.0, 0.0]), f64([0.0, 0.0]), "icepop", cap=2, low=1.0, high=1.0)
    assert ends.weights.tolist() == [[1, 1]]


def test_decoupled_ppo_by_composition() -> None:
    """AReaL: (pi_prox / pi_behav) min(u A, clip(u) A), u = pi_new / pi_prox."""
    new = NEW.clone().requires_grad_()
    behaviour, proximal = ROLLOUT, OLD.clone().requires_grad_()
    weights = importance_weights(proximal, behaviour, "full", cap=2, low=0.5, high=5).weights
    assert not weights.requires_grad
    losses = loss_of("ppo_clip", new, proximal.detach(), dual_clip=None, weights=weights).losses
    u = (NEW - OLD).exp()
    expected = -(OLD - behaviour).exp() * torch.minimum(u * ADVANTAGES, u.clamp(0.8, 1.28) * ADVANTAGES)
    torch.testing.assert_close(losses.detach(), expected)
    losses[MASK].sum().backward()
    assert new.grad is not None
    # d/d new of w u A is w u A itself where the clip did not bind (sample 0, token 3: u = 1)
    assert new.grad[0, 3].item() == pytest.approx(-(torch.tensor(2.0).double().exp() * 0.3).item())


@pytest.mark.parametrize("kind", get_args(PolicyLossKind))
def test_every_loss_takes_weights(kind: PolicyLossKind) -> None:
    weights = weights_of("icepop").weights
    torch.testing.assert_close(loss_of(kind, weights=weights).losses, loss_of(kind).losses * weights)
    assert (loss_of(kind, weights=weights).losses[weights_of("icepop").dropped] == 0).all()


def test_log_ratio_is_clamped() -> None:
    assert log_ratio(f64([0, -90]), f64([-90, 0])).tolist() == [[20, -20]]
    one = torch.ones(1, 2, dtype=torch.bool)
    assert sequence_log_ratio(f64([0, 0]), f64([-90, -90]), one).tolist() == [[20, 20]]


# --- aggregation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("token_mean", lambda x: x[MASK].sum() / 9),
        ("sample_mean", lambda x: (x[0].mean() + x[1, :3].mean() + x[2, :2].mean()) / 3),
        # DAPO eq. 8 as printed: the tokens of a group, then the mean over groups
        ("group_token_mean", lambda x: ((x[0].sum() + x[1, :3].sum()) / 7 + x[2, :2].sum() / 2) / 2),
        ("fixed_length", lambda x: x[MASK].sum() / (4 * 3)),
    ],
)
def test_aggregations_are_their_formulas(how: Aggregation, expected: Any) -> None:
    losses = loss_of("ppo_clip").losses
    torch.testing.assert_close(total(losses, how), expected(losses), rtol=1e-12, atol=0)


@pytest.mark.parametrize("how", get_args(Aggregation))
def test_shares_of_any_split_add_up(how: Aggregation) -> None:
    losses = loss_of("ppo_clip").losses

    def share(rows: slice) -> float:
        return aggregate(losses[rows], MASK[rows], step_divisors(how, rows)).item()

    whole = share(slice(0, 3))
    assert share(slice(0, 1)) + share(slice(1, 3)) == pytest.approx(whole, rel=1e-12)
    assert share(slice(0, 2)) + share(slice(2, 3)) == pytest.approx(whole, rel=1e-12)


def test_equal_lengths_in_one_group_make_all_aggregations_one() -> None:
    mask = torch.ones(3, 4, dtype=torch.bool)
    losses = loss_of("ppo_clip").losses
    all_ways = [
        aggregate(
            losses,
            mask,
            divisors(how, mask, torch.full((3,), 12), tokens=12, samples=3, groups=1, longest=4),
        ).item()
        for how in get_args(Aggregation)
    ]
    assert all_ways == pytest.approx([losses.mean().item()] * 4, rel=1e-12)


@pytest.mark.parametrize("how", get_args(Aggregation))
def test_a_sample_without_tokens_adds_nothing(how: Aggregation) -> None:
    losses = loss_of("ppo_clip").losses
    mask = MASK & torch.tensor([[True], [False], [True]])
    divisor = divisors(how, mask, torch.tensor([4, 4, 2]), tokens=6, samples=2, groups=2, longest=4)
    only = divisors(how, mask[[0, 2]], torch.tensor([4, 2]), tokens=6, samples=2, groups=2, longest=4)
    assert aggregate(losses, mask, divisor).item() == aggregate(losses[[0, 2]], mask[[0, 2]], only).item()
    nothing = torch.zeros_like(MASK)
    divisor = divisors(how, nothing, torch.zeros(3, dtype=torch.long), tokens=0, samples=0, groups=0, longest=4)
    assert aggregate(losses, nothing, divisor).item() == 0


@pytest.mark.parametrize("how", get_args(Aggregation))
@pytest.mark.parametrize("kind", get_args(PolicyLossKind))
def test_masked_entries_do_not_matter(kind: PolicyLossKind, how: Aggregation) -> None:
    hole = torch.where(MASK, NEW, float("nan")).requires_grad_()
    loss = total(loss_of(kind, hole).losses, how)
    assert loss.item() == total(loss_of(kind).losses, how).item()


@pytest.mark.parametrize("kind", get_args(PolicyLossKind))
def test_half_precision_is_computed_in_float32(kind: PolicyLossKind) -> None:
    terms = policy_loss(
        NEW.bfloat16(), OLD.bfloat16(), ADVANTAGES.half(), MASK, kind=kind, clip_low=0.2, clip_high=0.3, dual_clip=None
    )
    assert terms.losses.dtype == terms.ratio.dtype == torch.float32
