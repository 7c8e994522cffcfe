"""What the MFU benchmark divides by, and how it chooses a way to train.

1. Its formula counts what PyTorch counts on a real forward and backward pass, the head on response tokens alone.
2. Of the ways to train the first that fits is taken: all weights on one rank where they fit, sharded over several,
   adapters where even that is too much.
3. Where nothing fits, the error says how much is missing and names ways out.
4. A GPU without a published peak is an error that asks for --peak; --peak goes before the table.
"""

from __future__ import annotations

import argparse
import os
from unittest.mock import patch

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

with patch.dict(os.environ):  # benchmarks set variables for the processes that they start: not for other tests
    from tests.benchmarks.bench_learner import make_batch
    from tests.benchmarks.bench_mfu import GIB, SHAPES, choose_way, gpu_peak, model_flops

LONG = make_batch(samples=4, prompt=256, response=1792, vocabulary=1000)


@pytest.mark.parametrize("tied", [False, True])
def test_formula_counts_what_torch_counts(tied: bool) -> None:
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    model = LlamaForCausalLM(config)
    model.set_attn_implementation("eager")  # its products are matrix products that the counter sees
    batch = make_batch(samples=3, prompt=20, response=200, vocabulary=512)
    with FlopCounterMode(display=False) as counter:
        for sample in batch.samples:
            ids = torch.tensor([[*sample.prompt_ids, *sample.response_ids]], dtype=torch.long)
            hidden = model.base_model(ids, use_cache=False).last_hidden_state
            model.lm_head(hidden[:, len(sample.prompt_ids) - 1 : -1]).sum().backward()
    # 0.1% apart: the formula takes the norms for matrices, torch counts the rotary angles
    assert model_flops(config, batch, adapters=False) == pytest.approx(counter.get_total_flops(), rel=2e-3)


@pytest.mark.parametrize(
    ("shape", "ranks", "gib", "zero", "adapters"),
    [("0.5B", 1, 80, 0, False), ("7B", 1, 80, 1, True), ("7B", 4, 80, 2, False), ("7B", 8, 40, 3, False)],
)
def test_the_first_way_that_fits(shape: str, ranks: int, gib: int, zero: int, adapters: bool) -> None:
    way = choose_way(SHAPES[shape], LONG, ranks=ranks, budget=8192, room=gib * GIB)
    assert (way.zero_stage, way.lora is not None) == (zero, adapters)


def test_nothing_fits() -> None:
    with pytest.raises(SystemExit, match=r"28 layers of 3584 need \d+\.\d GiB .* has 8\.0\. Ways out: 1\. --budget"):
        choose_way(SHAPES["7B"], LONG, ranks=1, budget=8192, room=8 * GIB)


def test_unknown_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA X1")
    with pytest.raises(SystemExit, match=r"NVIDIA X1.*--peak"):
        gpu_peak(argparse.Namespace(peak=None))
    assert gpu_peak(argparse.Namespace(peak=2e12)) == 2e12
