"""Memory and time of log-probabilities over a large vocabulary: `LogprobHead` in chunks beside the plain way.

    python -m tests.benchmarks.bench_logprobs [--tokens N ...] [--chunks N ...] [--vocabulary N] [--hidden N]

One forward and backward pass from hidden states [N, D] to log-probabilities [N], with gradients of the hidden states
and of the head's weight: float32 on CPU, bfloat16 on a GPU. `by hand` is what most trainers write: linear, log-softmax
in float32, gather. Each case runs in a process of its own. Its peak is what memory grew by from just before the forward
pass (weight and hidden states are there already) to its highest point: resident memory on CPU, PyTorch's allocator on a
GPU. `formula` is what `ponder check` counts for it (`rl/memory.py`, `logit_bytes`). A case that needs more than
`--limit-gib` by its estimate (12 N V + 4 D V bytes by hand, the formula for the others) is named, not run.

Not covered: the rest of the model, ZeRO-3's gathering of the weight, entropies.
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn

from rl.learner.logprobs import LogprobHead
from rl.memory import logit_bytes
from rl.models.known import ModelShape

GIB = 2.0**30
WARM_UP_TOKENS = 16
"""So few that they add nothing to the peak; they start the threads and load the kernels."""


@dataclass(frozen=True)
class Case:
    """One way to compute N log-probabilities."""

    tokens: int
    vocabulary: int
    hidden: int
    chunk: int | None
    """Tokens whose logits exist at once; None: by hand."""
    threads: int

    @property
    def name(self) -> str:
        if self.chunk is None:
            return "by hand"
        return "head, one chunk" if self.chunk >= self.tokens else f"head, chunks of {self.chunk:,}"

    @property
    def formula(self) -> float:
        """Bytes that `ponder check` counts; it knows no way by hand, which is one chunk of everything."""
        shape = ModelShape(0, self.hidden, 1, 1, 1, self.vocabulary, self.tokens)
        return logit_bytes(shape, min(self.tokens, self.chunk or self.tokens))

    @property
    def estimate(self) -> float:
        """Bytes to expect."""
        if self.chunk is not None:
            return self.formula
        return 12.0 * self.tokens * self.vocabulary + 4.0 * self.hidden * self.vocabulary


@dataclass(frozen=True)
class Measured:
    """What one case took."""

    peak: float
    """Bytes."""
    seconds: float
    total: float
    """Sum of the log-probabilities: every case must find the same."""


def by_hand(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """[N] float32; the logits, their log-softmax and both gradients exist for all tokens at once."""
    logits = nn.functional.linear(hidden, weight).float()
    return torch.log_softmax(logits, dim=-1).gather(1, targets[:, None]).squeeze(1)


def run(case: Case) -> Measured:
    """In a fresh process."""
    torch.set_num_threads(case.threads)
    torch.manual_seed(0)
    on_gpu = torch.cuda.is_available()
    device, dtype = ("cuda", torch.bfloat16) if on_gpu else ("cpu", torch.float32)
    linear = nn.Linear(case.hidden, case.vocabulary, bias=False, dtype=dtype)
    nn.init.normal_(linear.weight, std=0.02)
    linear = linear.to(device)
    hidden = torch.randn(case.tokens, case.hidden, dtype=dtype).to(device).requires_grad_()
    targets = torch.randint(case.vocabulary, (case.tokens,)).to(device)
    head = LogprobHead(linear, case.chunk or 1)

    def passes(count: int) -> float:
        linear.weight.grad = hidden.grad = None
        some, wanted = hidden[:count], targets[:count]
        found = by_hand(some, linear.weight, wanted) if case.chunk is None else head(some, wanted, 1.0, False)[0]
        found.sum().backward()
        return float(found.detach().sum())  # waits for a GPU

    passes(WARM_UP_TOKENS)
    linear.weight.grad = hidden.grad = None
    before = start_peak(on_gpu)
    began = time.perf_counter()
    total = passes(case.tokens)
    seconds = time.perf_counter() - began
    return Measured(read_peak(on_gpu) - before, seconds, total)


def start_peak(on_gpu: bool) -> float:
    """Forget the highest memory so far; bytes in use now."""
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        return float(torch.cuda.memory_allocated())
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM to the present size (man 5 proc)
    return read_peak(on_gpu)


def read_peak(on_gpu: bool) -> float:
    """Bytes in use at most since `start_peak`."""
    if on_gpu:
        return float(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status").read_text()
    return 1024.0 * int(status.split("VmHWM:")[1].split()[0])


def measured(case: Case) -> Measured:
    """One case in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(run, case).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 4096])
    parser.add_argument("--chunks", type=int, nargs="+", default=[2048, 512])
    parser.add_argument("--vocabulary", type=int, default=150_000)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--limit-gib", type=float, default=10.0)
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as the learner's ranks have it; each case's process reads it
    place = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {options.threads} thread(s)"
    print(f"{options.vocabulary:,} words, hidden size {options.hidden:,}; {place}")
    print(" tokens  way                     peak GiB  formula GiB  seconds  peak to first  time to first")
    for tokens in options.tokens:
        first: Measured | None = None
        for chunk in (None, tokens, *(chunk for chunk in options.chunks if chunk < tokens)):
            case = Case(tokens, options.vocabulary, options.hidden, chunk, options.threads)
            line = f"{tokens:>7,}  {case.name:<22}"
            if case.estimate > options.limit_gib * GIB:
                print(f"{line}  not run: about {case.estimate / GIB:.1f} GiB, more than --limit-gib", flush=True)
                continue
            found = measured(case)
            first = first or found
            if abs(found.total - first.total) > 1e-3 * abs(first.total):
                raise SystemExit(f"{case.name}: log-probabilities sum to {found.total}, not {first.total}")
            formula = "" if chunk is None else f"{case.formula / GIB:.2f}"
            print(
                f"{line} {found.peak / GIB:>9.2f} {formula:>12} {found.seconds:>8.1f} "
                f"{found.peak / first.peak:>14.2f} {found.seconds / first.seconds:>14.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
