"""Worked examples with budgets. Pinned here:

1. A lesson keeps to its budget in every part that the reward looks at, at every level; its answer is the example's.
2. A flawed lesson breaks a part, whatever the level.
3. A lesson depends on the seed, the example and its place alone; an example with a budget stands as it is.
4. `ponder warmup --make-data`: from correct traces to budgeted ones, token ids and all; wrong ones and those without
   thinking are left out and counted; the file is read back as it was written, and the warm-up learns its ids.
5. Counting again and again gives thinking of any length, and the plain task is what it was.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from rewards.builtin.thinking_budget import thinking_budget
from rewards.types import RewardInput, Score
from rl.budget.config import BudgetConfig
from rl.budget.lessons import BudgetLessons
from rl.budget.make_data import make_data
from rl.budget.prompts import Budgets
from rl.cli import main
from rl.data.example import Example
from rl.data.letter_count import LetterCount, LetterCountOptions, letter_count_examples
from rl.data.worked import load_worked
from rl.errors import ConfigError, PonderError
from rl.lessons import Lesson
from rl.models.resolve import resolve_model

PLACE = resolve_model("tiny").tokenizer_path
TOKENIZER = AutoTokenizer.from_pretrained(PLACE)
FORMAT = {"intervals": {0: 0, 64: 32, 256: 64}, "max_overshoot": 4}
LEVELS = [0, 32, 64, 128, 200, None]
CONFIG = BudgetConfig.model_validate(
    {"levels": {("unlimited" if level is None else level): 1 for level in LEVELS}, "format": FORMAT}
)
BUDGETS = Budgets(CONFIG, TOKENIZER, seed=0)
EXAMPLES = list(itertools.islice(letter_count_examples(1, LetterCountOptions(passes=14)), 60))


def judged(lesson: Lesson) -> Score:
    score = thinking_budget(
        RewardInput(
            messages=(),
            response=TOKENIZER.decode(lesson.response_ids),
            thinking=None,
            answer="",
            ground_truth="",
            response_ids=lesson.response_ids,
            thinking_budget=lesson.thinking_budget,
        ),
        tokenizer=str(PLACE),
        protocol=CONFIG.format.model_dump(mode="json"),
    )
    assert score is not None
    return score


def lessons(noise: float) -> list[Lesson]:
    made = BudgetLessons(TOKENIZER, BUDGETS, noise=noise, seed=0)
    return [made.lesson(example, place) for place, example in enumerate(EXAMPLES)]


def test_lessons_keep_to_their_budgets() -> None:
    found = lessons(0)
    assert {one.thinking_budget for one in found} == set(LEVELS)
    for example, one in zip(EXAMPLES, found, strict=True):
        assert judged(one).value == pytest.approx(1), TOKENIZER.decode(one.response_ids)
        assert TOKENIZER.decode(one.response_ids).endswith(f" \\boxed{{{example.ground_truth}}}")
        assert one.prompt_ids == BUDGETS.turns.ids(example.messages, one.thinking_budget)


def test_flawed_lessons_do_not() -> None:
    values = [judged(one).value for one in lessons(1)]
    assert sum(value < 0.999 for value in values) >= 0.9 * len(values)
    flawed = {one.thinking_budget for one in lessons(1) if judged(one).value < 0.999}
    assert flawed == set(LEVELS)


def test_lessons_are_the_same_again() -> None:
    assert lessons(0.5) == lessons(0.5)
    other = BudgetLessons(TOKENIZER, BUDGETS, noise=0.5, seed=1)
    assert [other.lesson(example, place) for place, example in enumerate(EXAMPLES)] != lessons(0.5)


def test_a_flawed_answer_stays_one() -> None:
    made = BudgetLessons(TOKENIZER, BUDGETS, noise=0, seed=0)
    text = TOKENIZER.decode(made.lesson(EXAMPLES[0], 0, flawed=True).response_ids)
    assert not text.endswith(f" \\boxed{{{EXAMPLES[0].ground_truth}}}")


def trace(question: str, thinking: str, answer: str) -> dict[str, Any]:
    return {"prompt": question, "response": f"<seed:think>{thinking}</seed:think> \\boxed{{{answer}}}", "answer": "3"}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_traces_become_worked_examples(tmp_path: Path) -> None:
    long = "So we count the letters again. " * 40
    rows = [trace(f"q{i}", long, "3") for i in range(8)]
    rows += [trace("wrong", long, "4"), {"prompt": "none", "response": "\\boxed{3}", "answer": "3"}]
    out = tmp_path / "worked.jsonl"
    made = make_data(write(tmp_path / "traces.jsonl", rows), out, BUDGETS, levels_per_trace=8, seed=0)
    assert (made.wrong, made.without_thinking) == (1, 1)
    examples = load_worked(out)
    assert len(examples) == made.rows == sum(made.by_level.values())
    assert {example.thinking_budget for example in examples} == set(LEVELS)
    teacher = BudgetLessons(TOKENIZER, BUDGETS, noise=0.9, seed=0)  # what comes with a budget is never made worse
    for place, example in enumerate(examples):
        lesson = teacher.lesson(example, place)
        assert tuple(lesson.response_ids) == example.response_ids
        assert lesson.thinking_budget == example.thinking_budget
        assert judged(lesson).value == pytest.approx(1), example.response
    with pytest.raises(PonderError, match="exists already"):
        make_data(tmp_path / "traces.jsonl", out, BUDGETS, levels_per_trace=1, seed=0)


def test_old_reflections_in_a_trace_are_left_out(tmp_path: Path) -> None:
    start, end = CONFIG.format.reflect
    said = f"{start}I have used 7 tokens, and there are 9 tokens remaining for use.{end}"
    row = trace("q", f"We count. {said}We count again. " * 9, "3")
    out = tmp_path / "worked.jsonl"
    make_data(write(tmp_path / "traces.jsonl", [row]), out, BUDGETS, levels_per_trace=20, seed=0)
    for example in load_worked(out):
        assert "used 7 tokens" not in (example.response or "")


def test_a_run_s_own_samples_without_tags_are_all_thinking(tmp_path: Path) -> None:
    said = "We count s 1 t 1 r 2. So it is \\boxed{2}"
    saved = {"messages": [{"role": "user", "content": "q"}], "thinking_budget": None, "response_ids": [1, 2, 3]}
    rows = [saved | {"response": text, "ground_truth": "2"} for text in (said, said, said.replace("{2}", "{3}"))]
    traces, out = write(tmp_path / "samples.jsonl", rows), tmp_path / "worked.jsonl"
    with pytest.raises(PonderError, match=r"2 without thinking .*--untagged"):
        make_data(traces, out, BUDGETS, levels_per_trace=20, seed=0)
    made = make_data(traces, out, BUDGETS, levels_per_trace=20, seed=0, untagged=True)
    assert (made.repeated, made.wrong, made.without_thinking) == (1, 1, 0)
    by_budget = {example.thinking_budget: example.response or "" for example in load_worked(out)}
    assert by_budget[None] == f"<seed:think>{said}</seed:think>\\boxed{{2}}"
    assert by_budget[0].endswith(f"{CONFIG.format.direct}</seed:cot_budget_reflect></seed:think>\\boxed{{2}}")


def test_traces_without_use_are_refused(tmp_path: Path) -> None:
    traces = write(tmp_path / "traces.jsonl", [{"prompt": "q", "response": "<think>a</think> \\boxed{3}"}])
    with pytest.raises(PonderError, match="no row can be used \\(1 without thinking between <seed:think>"):
        make_data(traces, tmp_path / "out.jsonl", BUDGETS, levels_per_trace=1, seed=0)
    assert not (tmp_path / "out.jsonl").exists()


def test_the_command_writes_what_the_warm_up_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traces = write(tmp_path / "traces.jsonl", [trace(f"q{i}", "We count once more. " * 30, "3") for i in range(4)])
    out = tmp_path / "worked.jsonl"
    command = ["warmup", "configs/quickstart_budget.yaml", "--make-data", str(traces), "--out", str(out)]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"{len(load_worked(out))} worked examples in {out}: ")
    assert main(command[:-2]) == ConfigError.exit_code
    assert main(["warmup", "configs/quickstart.yaml", *command[2:]]) == ConfigError.exit_code
    assert "`budget` section" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "message"),
    [({"thinking_budget": "much"}, "column `thinking_budget`"), ({"response_ids": "1 2"}, "column `response_ids`")],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"line 1, {message}"):
        load_worked(write(tmp_path / "rows.jsonl", [{"prompt": "q", "response": "r", **row}]))


def test_counting_again_and_again() -> None:
    once, thrice = LetterCount("a", "bab"), LetterCount("a", "bab", 3)
    assert once.work() == "<seed:think> b 0 a 1 b 1</seed:think> \\boxed{1}"
    assert thrice.work() == f"<seed:think>{' b 0 a 1 b 1.' * 3}</seed:think> \\boxed{{1}}"
    assert thrice.work(miscount_at=0) == f"<seed:think>{' b 1 a 2 b 2.' * 3}</seed:think> \\boxed{{2}}"


def test_an_example_without_thinking_is_all_answer() -> None:
    example = Example("e", ({"role": "user", "content": "q"},), "3", response="\\boxed{3}")
    made = BudgetLessons(TOKENIZER, BUDGETS, noise=0, seed=0)
    assert TOKENIZER.decode(made.lesson(example, 0).response_ids).endswith("\\boxed{3}")
