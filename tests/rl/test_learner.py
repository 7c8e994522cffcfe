"""The learner. Pinned here:

1. Log-probabilities, entropies and their gradients are those of the full softmax, in any chunking and temperature.
2. No tensor ever holds the vocabulary in float32 for more tokens than one chunk.
3. Padding on the right changes nothing.
4. On real DeepSpeed, neither the micro-batch split, nor the number of ranks, nor the ZeRO stage, nor offload changes
   the gradient of the policy loss with the positive-example NLL or of the value loss, or the weights after two updates.
5. A checkpoint goes on exactly: the next update gives bit for bit the same weights.
6. Published and exported weights carry Hugging Face names, tied weights once, adapters merged.
7. Value pretraining does not touch the policy; the learning rate warms up by batches.
8. Output goes to log files, and a failure or death names the file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from rl.algorithms.config import Dapo, Vapo
from rl.algorithms.targets import compute_targets
from rl.batch import Estimates, Metrics, Targets
from rl.errors import PonderError
from rl.learner.config import DecayConfig, LearnerConfig, LoraConfig, OffloadConfig, OptimizerConfig
from rl.learner.group import LearnerError, LearnerGroup
from rl.learner.kernels import choose_attention
from rl.learner.logprobs import LogprobHead
from rl.learner.micro import tensors
from rl.learner.model import PolicyNetwork, full_weights, load_critic, load_policy
from tests.rl.learner_parts import make_batch, make_model, published

CPU = torch.device("cpu")
BATCH = make_batch()


def policy(
    path: str, *, chunk: int = 1000, lora: LoraConfig | None = None, checkpointing: bool = False
) -> PolicyNetwork:
    return load_policy(
        path, attention="sdpa", dtype=torch.float32, chunk_tokens=chunk, lora=lora, checkpointing=checkpointing
    )


# --- log-probabilities ------------------------------------------------------------------------------------------


def plain_logprobs(hidden: Tensor, head: nn.Linear, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    logs = torch.log_softmax(head(hidden) / temperature, dim=-1)
    return logs.gather(1, targets[:, None]).squeeze(1), -(logs.exp() * logs).sum(-1)


@pytest.mark.parametrize("chunk", [1, 7, 20, 64])
@pytest.mark.parametrize("bias", [True, False])
def test_logprobs_are_those_of_the_full_softmax(chunk: int, bias: bool) -> None:
    torch.manual_seed(0)
    head = nn.Linear(8, 31, bias=bias)
    hidden = torch.randn(20, 8, requires_grad=True)
    targets, weights = torch.randint(31, (20,)), torch.randn(20)
    leaves = [hidden, *head.parameters()]
    expected, expected_entropy = plain_logprobs(hidden, head, targets, 0.7)
    got, entropy = LogprobHead(head, chunk)(hidden, targets, 0.7, True)
    torch.testing.assert_close(got, expected)
    torch.testing.assert_close(entropy, expected_entropy)
    for of_logprobs, of_entropy in ((1.0, 0.0), (0.0, 1.0), (1.0, -0.5)):
        wanted = torch.autograd.grad(
            (weights * (of_logprobs * expected + of_entropy * expected_entropy)).sum(), leaves, retain_graph=True
        )
        mixed = weights * of_logprobs * got if of_logprobs else torch.zeros(())
        mixed = mixed + weights * of_entropy * entropy if of_entropy else mixed
        gradients = torch.autograd.grad(mixed.sum(), leaves, retain_graph=True)
        for gradient, right in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(gradient, right)


class LargestLogits(TorchDispatchMode):
    """Most rows of any tensor that is as wide as the vocabulary."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary, self.rows = vocabulary, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, Tensor) and tensor.dim() == 2 and tensor.shape[1] == self.vocabulary:
                self.rows = max(self.rows, tensor.shape[0])
        return out


def test_the_vocabulary_never_exists_for_more_tokens_than_a_chunk() -> None:
    vocabulary, tokens, chunk = 5000, 300, 16
    head = nn.Linear(4, vocabulary, bias=False)
    hidden = torch.randn(tokens, 4, requires_grad=True)
    with LargestLogits(vocabulary) as seen:
        logprobs, _ = LogprobHead(head, chunk)(hidden, torch.zeros(tokens, dtype=torch.long), 1.0, True)
        logprobs.sum().backward()
    assert seen.rows == chunk
    assert hidden.grad is not None


# --- networks ---------------------------------------------------------------------------------------------------


def test_padding_on_the_right_changes_nothing(tmp_path: Path) -> None:
    path = make_model(tmp_path)
    network, plain = policy(path), AutoModelForCausalLM.from_pretrained(path)
    indices = tuple(range(6))
    inputs = tensors(BATCH, indices, CPU)
    with torch.no_grad():
        together, _ = network(*inputs.predictors, inputs.targets, 1.0, False)
        alone = []
        for i in indices:
            sample = BATCH.samples[i]
            ids = torch.from_numpy(np.concatenate([sample.prompt_ids, sample.response_ids])).long()
            logs = torch.log_softmax(plain(ids[None]).logits[0], -1)[len(sample.prompt_ids) - 1 : -1]
            alone.append(logs.gather(1, ids[len(sample.prompt_ids) :, None]).squeeze(1))
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_activation_checkpointing_gives_the_same_gradients(tmp_path: Path) -> None:
    path = make_model(tmp_path)
    inputs = tensors(BATCH, (0, 1, 2), CPU)
    gradients = []
    for checkpointing in (False, True):
        network = policy(path, chunk=8, checkpointing=checkpointing).train()
        network(*inputs.predictors, inputs.targets, 1.0, False)[0].sum().backward()
        gradients.append([p.grad for p in network.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_critic_starts_at_zero_on_the_policys_backbone(tmp_path: Path) -> None:
    path = make_model(tmp_path)
    critic = load_critic(path, attention="sdpa", dtype=torch.float32, lora=None, checkpointing=False)
    inputs = tensors(BATCH, (0, 1), CPU)
    assert critic(*inputs.predictors).tolist() == [0.0] * len(inputs.targets)
    torch.testing.assert_close(
        critic.backbone.get_input_embeddings().weight, policy(path).model.get_input_embeddings().weight
    )


@pytest.mark.parametrize("tied", [True, False])
def test_weights_carry_hugging_face_names_once(tmp_path: Path, tied: bool) -> None:
    path = make_model(tmp_path, tied=tied)
    weights = dict(full_weights(policy(path).model, torch.float32))
    saved = load_file(tmp_path / "model.safetensors")
    assert weights.keys() == saved.keys()
    assert ("lm_head.weight" in weights) is not tied
    assert all(torch.equal(weights[name], saved[name]) for name in saved)


def test_adapters_are_merged_into_the_base_names(tmp_path: Path) -> None:
    path = make_model(tmp_path / "base")
    network = policy(path, lora=LoraConfig(rank=4)).eval()
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert trained
    assert all(".lora_" in name for name in trained)
    torch.manual_seed(1)
    for parameter in trained.values():
        nn.init.normal_(parameter, std=0.1)
    weights = dict(full_weights(network.model, torch.float32))
    merged = LlamaForCausalLM(network.model.config).eval()
    merged.load_state_dict(weights)
    inputs = tensors(BATCH, (0,), CPU)
    expected, _ = network(*inputs.predictors, inputs.targets, 1.0, False)
    got, _ = PolicyNetwork(merged, 1000)(*inputs.predictors, inputs.targets, 1.0, False)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_a_model_that_changes_its_logits_is_refused(tmp_path: Path) -> None:
    path = make_model(tmp_path, final_logit_softcapping=30.0)
    with pytest.raises(PonderError, match="final_logit_softcapping"):
        policy(path)


def test_attention_is_chosen_by_device() -> None:
    assert choose_attention("auto", "cpu") == "sdpa"
    assert choose_attention("eager", "gpu") == "eager"


def test_offload_needs_its_zero_stage() -> None:
    with pytest.raises(ValueError, match=r"offload\.parameters.*zero_stage"):
        LearnerConfig.model_validate({"zero_stage": 2, "offload": {"parameters": True}})
    with pytest.raises(ValueError, match=r"offload\.optimizer.*zero_stage"):
        LearnerConfig.model_validate({"zero_stage": 0, "offload": {"optimizer": True}})


# --- real Ray and DeepSpeed -------------------------------------------------------------------------------------


CONFIG = LearnerConfig(
    cpu_threads=1,
    policy=OptimizerConfig(
        learning_rate=1e-3, warmup_steps=4, decay=DecayConfig(after=4, steps=2, floor=0.5), gradient_clip=1e9
    ),
    critic=OptimizerConfig(learning_rate=1e-3, warmup_steps=0, gradient_clip=1e9),
)
ALGORITHM = Vapo(value_clip=0.5, dual_clip=3.0)


def start(
    model: str, folder: Path, *, steps: int = 2, algorithm: Vapo | Dapo = ALGORITHM, **config: Any
) -> LearnerGroup:
    return LearnerGroup.start(
        CONFIG.model_copy(update=config),
        algorithm,
        model_path=model,
        attention="auto",
        device="cpu",
        optimizer_steps_per_batch=steps,
        seed=0,
        log_folder=folder / "logs",
        temperature=0.9,
        max_response_tokens=32,
    )


@dataclass(frozen=True)
class Learnt:
    """What came out of one update."""

    estimates: Estimates
    targets: Targets
    metrics: Metrics
    weights: dict[str, Tensor]


async def learn(group: LearnerGroup) -> Learnt:
    """One update on the batch; old log-probabilities and values are shifted so that every clip has work to do."""
    estimates = await group.estimate(BATCH)
    rng = np.random.default_rng(1)
    assert estimates.values is not None
    shifted = replace(
        estimates,
        logprobs=[row + rng.normal(0, 0.5, row.shape).astype(np.float32) for row in estimates.logprobs],
        values=[row + rng.normal(0, 0.5, row.shape).astype(np.float32) for row in estimates.values],
    )
    targets = compute_targets(BATCH, shifted, ALGORITHM)
    metrics = await group.update(BATCH, shifted, targets)
    return Learnt(estimates, targets, metrics, await published(group))


async def critic_weights(group: LearnerGroup, folder: Path) -> dict[str, Tensor]:
    folder.mkdir()
    await group.save(folder)
    state = torch.load(folder / "critic" / "state" / "mp_rank_00_model_states.pt", weights_only=False)
    module: dict[str, Tensor] = state["module"]
    return module


@dataclass(frozen=True)
class Run:
    """A group's first update, its checkpoint after it, and its second update."""

    config: dict[str, Any]
    first: Learnt
    checkpoint: Path
    second: Learnt
    exported: Path


async def run_group(model: str, folder: Path, **config: Any) -> Run:
    group = start(model, folder, **config)
    first = await learn(group)
    run = Run(config, first, folder / "checkpoint", first, folder / "export")
    await group.export(run.exported)
    run.checkpoint.mkdir()
    await group.save(run.checkpoint)
    run = replace(run, second=await learn(group))
    await group.shutdown()
    return run


@pytest.fixture(scope="module")
def reference(cluster: None, model: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One rank, ZeRO 0, everything in one micro-batch."""
    return asyncio.run(run_group(model, tmp_path_factory.mktemp("reference")))


SPLITS = [
    {"ranks": 1, "zero_stage": 0, "tokens_per_micro_batch": 30},
    {"ranks": 2, "zero_stage": 0, "tokens_per_micro_batch": 60},
    {"ranks": 2, "zero_stage": 1, "tokens_per_micro_batch": 10_000},
    {"ranks": 2, "zero_stage": 3, "tokens_per_micro_batch": 60},
    {"ranks": 2, "zero_stage": 2, "offload": OffloadConfig(optimizer=True), "tokens_per_micro_batch": 60},
    {"ranks": 2, "zero_stage": 3, "offload": OffloadConfig(optimizer=True, parameters=True)},
]


@pytest.fixture(scope="module", params=SPLITS, ids=str)
def split(request: pytest.FixtureRequest, cluster: None, model: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same learning, split in other ways."""
    return asyncio.run(run_group(model, tmp_path_factory.mktemp("split"), **request.param))


def without_padding(metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if not name.startswith("batch/")}


@pytest.mark.slow
def test_the_split_does_not_change_the_gradient(reference: Run, split: Run, model: str) -> None:
    base = load_file(Path(model) / "model.safetensors")
    for got, wanted in ((split.first, reference.first), (split.second, reference.second)):
        for row, expected in zip(
            [*got.estimates.logprobs, *got.targets.advantages],
            [*wanted.estimates.logprobs, *wanted.targets.advantages],
            strict=True,
        ):
            np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)
        assert got.estimates.metrics == pytest.approx(dict(wanted.estimates.metrics), rel=1e-4)
        assert without_padding(got.metrics) == pytest.approx(without_padding(wanted.metrics), rel=1e-3, abs=1e-7)
        for name, before in base.items():
            moved, expected_move = got.weights[name] - before, wanted.weights[name] - before
            # Adam divides by the gradient's own size: only where that is near 0 may rounding show.
            assert (moved - expected_move).abs().mean() < 1e-3 * expected_move.abs().mean(), name


@pytest.mark.slow
def test_published_and_exported_weights_are_the_same(split: Run, model: str) -> None:
    exported = load_file(split.exported / "model.safetensors")
    assert split.first.weights.keys() == exported.keys() == load_file(Path(model) / "model.safetensors").keys()
    assert all(torch.equal(weight, exported[name]) for name, weight in split.first.weights.items())
    AutoModelForCausalLM.from_pretrained(split.exported)


@pytest.mark.slow
def test_a_checkpoint_goes_on_exactly(split: Run, model: str, tmp_path: Path) -> None:
    if (split.config["ranks"], split.config["zero_stage"]) not in {(1, 0), (2, 2), (2, 3)}:
        pytest.skip("starting processes is slow; the others store no other way")

    async def resumed() -> Learnt:
        group = start(model, tmp_path, **split.config)
        await group.load(split.checkpoint)
        learnt = await learn(group)
        await group.shutdown()
        return learnt

    got = asyncio.run(resumed())
    assert got.metrics == split.second.metrics
    assert all(torch.equal(got.weights[name], weight) for name, weight in split.second.weights.items())


@pytest.mark.slow
async def test_value_pretraining_warm_up_logs_and_failures(cluster: None, model: str, tmp_path: Path) -> None:
    group = start(model, tmp_path, steps=1)
    estimates = await group.estimate(BATCH)
    targets = compute_targets(BATCH, estimates, ALGORITHM)
    critic_before = await critic_weights(group, tmp_path / "before")
    metrics = await group.update(BATCH, estimates, targets, train_policy=False)
    assert not any(name.startswith("policy/") for name in metrics)
    critic_after = await critic_weights(group, tmp_path / "after")
    assert not torch.equal(critic_before["value_head.weight"], critic_after["value_head.weight"])
    base = load_file(Path(model) / "model.safetensors")
    assert all(torch.equal(weight, base[name]) for name, weight in (await published(group)).items())

    rates = [(await group.update(BATCH, estimates, targets))["policy/learning_rate"] for _ in range(7)]
    assert rates == pytest.approx([2.5e-4, 5e-4, 7.5e-4, 1e-3, 7.5e-4, 5e-4, 5e-4])
    learnt = compute_targets(BATCH, await group.estimate(BATCH), ALGORITHM)
    assert learnt.metrics["critic/explained_variance"] > targets.metrics["critic/explained_variance"]

    with pytest.raises(PonderError, match="no learner checkpoint in"):
        await group.load(tmp_path)
    log = tmp_path / "logs" / "learner-0.log"
    assert log.stat().st_size > 0
    with pytest.raises(LearnerError, match=r"(?s)rank 0 failed: .*learner-0\.log"):
        await group.export(Path(model) / "config.json")
    assert "Traceback" in log.read_text()
    with pytest.raises(LearnerError, match=r"(?s)rank 0 died.*learner-0\.log"):
        await group.estimate(BATCH)


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "ranks"), [(Dapo(), 1), (Vapo(), 2)], ids=["dapo", "vapo"])
async def test_ratios_to_the_engines_logprobs_save_a_pass_and_no_metric(
    cluster: None, model: str, tmp_path: Path, algorithm: Dapo | Vapo, ranks: int
) -> None:
    recomputing = start(model, tmp_path / "a", algorithm=algorithm, steps=1, ranks=ranks)
    known = await recomputing.estimate(BATCH)
    by_hand = Estimates([sample.rollout_logprobs for sample in BATCH.samples], known.values, {})
    targets = compute_targets(BATCH, by_hand, algorithm)
    expected = await recomputing.update(BATCH, by_hand, targets)
    weights = await published(recomputing)
    await recomputing.shutdown()

    saving = start(
        model, tmp_path / "b", algorithm=algorithm.model_copy(update={"old_logprobs": "rollout"}), steps=1, ranks=ranks
    )
    estimates = await saving.estimate(BATCH)
    metrics = dict(await saving.update(BATCH, estimates, compute_targets(BATCH, estimates, algorithm)))
    assert not estimates.metrics
    for name in ("policy/entropy", "policy/logprob_gap", "policy/logprob_gap_max"):
        assert metrics.pop(name) == pytest.approx(known.metrics[name], rel=1e-5)
    assert metrics == expected
    assert all(torch.equal(weights[name], weight) for name, weight in (await published(saving)).items())
    await saving.shutdown()


@pytest.mark.slow
async def test_group_advantage_needs_no_critic_and_adapters_learn(cluster: None, model: str, tmp_path: Path) -> None:
    group = start(model, tmp_path, algorithm=Dapo(), ranks=2, zero_stage=3, lora=LoraConfig(rank=4), dtype="bfloat16")
    estimates = await group.estimate(BATCH)
    assert estimates.values is None
    metrics = await group.update(BATCH, estimates, compute_targets(BATCH, estimates, Dapo()))
    assert not any(name.startswith("critic/") for name in metrics)
    await group.export(tmp_path / "export")
    await group.shutdown()
    base, got = load_file(Path(model) / "model.safetensors"), load_file(tmp_path / "export" / "model.safetensors")
    assert got.keys() == base.keys()
    assert got["model.layers.0.mlp.up_proj.weight"].dtype == torch.bfloat16
    assert not torch.equal(
        got["model.layers.0.mlp.up_proj.weight"], base["model.layers.0.mlp.up_proj.weight"].bfloat16()
    )
    assert torch.equal(got["lm_head.weight"], base["lm_head.weight"].bfloat16())
