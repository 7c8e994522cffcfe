"""What a micro-batch contributes to loss and metrics. Pinned here:

1. Metrics of two micro-batches, on one rank or on two, are those of one: sums add, of extremes the extreme counts.
2. Ratios: mean, largest and smallest over the tokens in the loss alone; a micro-batch without any has no extremes.
3. Importance weights: the mean is of pi_old / pi_rollout before it is bounded; shares of tokens capped and dropped;
   no such metrics with `off`.
4. The loss is policy + 0.1 NLL + weight x KL - weight x entropy, each term reported without its weight.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from rl.algorithms.base import Importance, ReferenceKl
from rl.algorithms.config import AlgorithmConfig, Dapo
from rl.learner.batching import Counts
from rl.learner.group import _merged
from rl.learner.messages import Shares
from rl.learner.objective import PolicyInputs, Share, policy_objective

COUNTS = Counts(tokens=9, samples=3, positive_tokens=6, group_tokens={0: 7, 1: 2})


def random(seed: int) -> Tensor:
    return torch.randn(3, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


MASK = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0]]).bool()
INPUTS = PolicyInputs(
    new=torch.where(MASK, -2 + 0.5 * random(0), 3.0),  # outside the loss, where it must not be seen
    entropy=random(1).abs(),
    old=torch.full((3, 4), -2.0, dtype=torch.float64),
    rollout=-2 + 0.8 * random(2),
    reference=-2 + 0.3 * random(3),
    advantages=random(5),
    correct=torch.tensor([True, False, True]),
    group_tokens=torch.tensor([7, 7, 2]),
    mask=MASK,
)
EVERYTHING = Dapo(
    importance=Importance(kind="tis", cap=1.2),
    kl=ReferenceKl(weight=0.3, kind="k2"),
    entropy_weight=0.2,
    positive_nll_weight=0.1,
)


def share_of(inputs: PolicyInputs = INPUTS, config: AlgorithmConfig = EVERYTHING) -> Share:
    return policy_objective(inputs, config=config, counts=COUNTS, max_response_tokens=4)


def part(rows: list[int]) -> PolicyInputs:
    chosen: dict[str, Any] = {f.name: getattr(INPUTS, f.name)[rows] for f in fields(INPUTS)}
    return PolicyInputs(**chosen)


def mean(values: Tensor) -> float:
    return values[MASK].double().mean().item()


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("aggregation", ["token_mean", "group_token_mean", "sample_mean", "fixed_length"])
def test_metrics_do_not_depend_on_the_split(ranks: int, aggregation: Any) -> None:
    config = EVERYTHING.model_copy(update={"aggregation": aggregation})
    whole = Shares()
    whole.include(share_of(config=config))
    split = [Shares() for _ in range(ranks)]
    for place, rows in enumerate([[1], [0, 2]]):
        split[place % ranks].include(share_of(part(rows), config))
    assert _merged(split) == pytest.approx(_merged([whole]), rel=1e-12)
    assert len(_merged([whole])) == 13


def test_ratios_are_of_the_tokens_in_the_loss() -> None:
    ratios = (INPUTS.new - INPUTS.old).exp()
    share = share_of()
    assert share.sums["policy/ratio_mean"].item() == pytest.approx(mean(ratios))
    assert share.largest == {"policy/ratio_max": pytest.approx(ratios[MASK].max().item())}
    assert share.smallest == {"policy/ratio_min": pytest.approx(ratios[MASK].min().item())}
    high = (ratios > 1.28) & (INPUTS.advantages > 0)
    low = (ratios < 0.8) & (INPUTS.advantages < 0)
    assert high[MASK].any() and low[MASK].any()
    assert share.sums["policy/clip_fraction_high"].item() == pytest.approx(mean(high))
    assert share.sums["policy/clip_fraction_low"].item() == pytest.approx(mean(low))
    far = INPUTS.new - INPUTS.old
    assert share.sums["policy/approx_kl"].item() == pytest.approx(mean(far.exp() - far - 1))


def test_nothing_in_the_loss_has_no_extremes() -> None:
    share = share_of(replace(INPUTS, mask=torch.zeros_like(MASK)))
    assert share.loss.item() == 0
    assert not share.largest
    assert not share.smallest


def test_importance_weights_are_reported() -> None:
    raw = (INPUTS.old - INPUTS.rollout).exp()
    tis = share_of().sums
    assert tis["policy/importance_mean"].item() == pytest.approx(mean(raw))
    assert tis["policy/importance_capped"].item() == pytest.approx(mean(raw > 1.2))
    assert tis["policy/importance_dropped"].item() == 0
    icepop = share_of(config=Dapo(importance=Importance(kind="icepop", low=0.7, high=1.5))).sums
    assert icepop["policy/importance_dropped"].item() == pytest.approx(mean((raw < 0.7) | (raw > 1.5)))
    assert 0 < icepop["policy/importance_dropped"].item() < 1
    assert not any("importance" in name for name in share_of(config=Dapo()).sums)


def test_the_loss_is_the_sum_of_its_terms() -> None:
    whole = share_of()
    policy = share_of(config=Dapo(importance=EVERYTHING.importance)).loss.item()
    sums = {name: value.item() for name, value in whole.sums.items()}
    assert sums["policy/positive_nll"] == pytest.approx(-INPUTS.new[[0, 2]][MASK[[0, 2]]].mean().item())
    assert INPUTS.reference is not None
    assert INPUTS.entropy is not None
    assert sums["policy/kl_loss"] == pytest.approx(mean((INPUTS.new - INPUTS.reference) ** 2 / 2))
    assert sums["policy/entropy_bonus"] == pytest.approx(mean(INPUTS.entropy))
    assert whole.loss.item() == pytest.approx(
        policy + 0.1 * sums["policy/positive_nll"] + 0.3 * sums["policy/kl_loss"] - 0.2 * sums["policy/entropy_bonus"]
    )
    assert sums["policy/loss"] == whole.loss.item()
