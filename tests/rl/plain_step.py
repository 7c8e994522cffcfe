"""A run's first step once more, in plain torch and from its saved samples: GRPO's advantages, the token mean, AdamW.

    python -m tests.rl.plain_step RUN MODEL

RUN has a checkpoint of step 1 and made one optimizer step a batch of unfiltered groups, with advantages `grpo`, no KL
and the full learning rate from the start; MODEL is the folder that it started from. No old policy appears: in the first
step the ratio is 1, and the gradient of the clipped surrogate that of advantage times log-probability.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from rl.config import RunConfig
from rl.load_config import load_config
from rl.run.tracking import read_metrics


@dataclass(frozen=True)
class Comparison:
    """A run's step beside the plain one."""

    gradient_norms: tuple[float, float]
    """The run's, the plain one's; before clipping."""
    update_norms: tuple[float, float]
    """Of new weights minus old ones, all as one vector."""
    cosine: float
    """Between the two updates."""


def compare_first_step(run: Path, model: Path) -> Comparison:
    """Compute the first step of `run` from the weights in `model`, and look how far the run's own is from it."""
    config = load_config(run / "config.yaml", ()).config
    before, after = load_weights(model), load_weights(run / "checkpoints" / "step-000001" / "policy")
    norm, plain = plain_step(model, run / "samples" / "step-000001.jsonl", config)
    ours = torch.cat([(after[name] - before[name]).flatten() for name in before]).double()
    theirs = torch.cat([(plain[name] - before[name]).flatten() for name in before]).double()
    logged = next(line["policy/gradient_norm"] for line in read_metrics(run / "metrics.jsonl") if line["step"] == 1)
    return Comparison(
        (logged, norm),
        (ours.norm().item(), theirs.norm().item()),
        torch.nn.functional.cosine_similarity(ours, theirs, dim=0).item(),
    )


def plain_step(model: Path, samples: Path, config: RunConfig) -> tuple[float, dict[str, Tensor]]:
    """The gradient's norm and the weights after one step."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    policy = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    groups = defaultdict(list)
    for row in map(json.loads, samples.read_text().splitlines()):
        groups[row["sample_id"].rsplit("/", 1)[0]].append(row)
    tokens = sum(len(row["response_ids"]) for group in groups.values() for row in group)
    for group in groups.values():
        rewards = torch.tensor([row["reward"] for row in group])
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
        for row, advantage in zip(group, advantages.tolist(), strict=True):
            turns = tokenizer.apply_chat_template(row["messages"], tokenize=False, add_generation_prompt=True)
            prompt = tokenizer.encode(turns, add_special_tokens=False)
            ids = torch.tensor(prompt + row["response_ids"])
            logits = policy(ids[None]).logits[0, len(prompt) - 1 : -1]
            logprobs = logits.log_softmax(-1).gather(1, ids[len(prompt) :, None])
            (-advantage * logprobs.sum() / tokens).backward()
    chosen = config.learner.policy
    norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), chosen.gradient_clip)
    torch.optim.AdamW(
        policy.parameters(), lr=chosen.learning_rate, betas=chosen.betas, weight_decay=chosen.weight_decay
    ).step()
    return norm.item(), {name: weight.detach() for name, weight in policy.named_parameters()}


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Each weight once, tied ones too."""
    policy = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return {name: weight.detach() for name, weight in policy.named_parameters()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    options = parser.parse_args()
    found = compare_first_step(options.run, options.model)
    print("gradient norm {:.6f}, plain {:.6f}".format(*found.gradient_norms))
    print("norm of the update {:.6f}, plain {:.6f}".format(*found.update_norms))
    print(f"cosine of the two updates {found.cosine:.8f}")


if __name__ == "__main__":
    main()
