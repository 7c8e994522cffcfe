"""`verify_puzzle`. Pinned behaviour:

1. the answer that reasoning-gym states is right for every task, however it is marked and also with metadata read from
   JSON; metadata are never changed;
2. no task pays for a text that contains the answer, hedges, lists candidates, or says nothing;
3. what a task's own scorer pays for although it is wrong is wrong here;
4. no answer is ever executed, and none costs much time or memory;
5. plans that try everything are wrong: every move must be one that can be made;
6. the final answer: last box, last answer tag, statement, fenced block, whole text;
7. metadata or a reference that are not the task's are an error that says how to mend the data.
"""

from __future__ import annotations

import copy
import functools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reasoning_gym
from reasoning_gym.factory import DATASETS
from reasoning_gym.games.rush_hour import Board

from verifiers.puzzle import Outcome, final_answer, verify_puzzle
from verifiers.puzzle.tasks import EXACT, JUDGES, SHAPES, WITHOUT_GOLD

TASKS = sorted(set(DATASETS) - {"composite"})
HALF = {"simplified_numerator": 1, "simplified_denominator": 2}
CONCLUSION = {"premises": ["(P → Q)", "P", "(Q ∨ R)"], "variables": ["P", "Q", "R"]}


@functools.cache
def items(task: str, count: int = 1) -> list[dict[str, Any]]:
    made = reasoning_gym.create_dataset(task, size=count, seed=2024)
    return [made[index] for index in range(count)]


def gold_of(item: dict[str, Any]) -> str | None:
    """The answer that the task states, or in its metadata."""
    stated = item["answer"] or item["metadata"].get("example_correct_answer")
    return None if stated is None else str(stated)


def library(task: str, answer: str, gold: str | None, metadata: dict[str, Any]) -> float:
    scorer = reasoning_gym.create_dataset(task, size=1, seed=0)
    return float(scorer.score_answer(answer, {"answer": gold, "metadata": copy.deepcopy(metadata)}))


def right(task: str, answer: str, gold: str = "", metadata: dict[str, Any] | None = None) -> bool:
    return verify_puzzle(task, gold, answer, metadata or {}).correct


@pytest.mark.parametrize("task", TASKS)
def test_the_stated_answer_is_right(task: str) -> None:
    for item in items(task):
        gold = gold_of(item)
        if gold is None:
            continue
        from_json = json.loads(json.dumps(item["metadata"], default=str))
        for metadata in (item["metadata"], from_json):
            before = copy.deepcopy(metadata)
            for response in (
                gold,
                f"<seed:think>Hm.</seed:think>\nSo it is \\boxed{{{gold}}}.",
                f"Like this.\n<answer>\n{gold}\n</answer>",
                f"Therefore the answer is {gold}",
                f"**Answer:**\n{gold}",
                f"This is it:\n```\n{gold}\n```",
            ):
                verdict = verify_puzzle(task, str(item["answer"]), response, metadata)
                assert verdict.correct, (response, verdict)
            assert metadata == before


@pytest.mark.parametrize("task", TASKS)
def test_no_text_around_the_answer_pays(task: str) -> None:
    for item in items(task):
        gold = gold_of(item) or "A"
        for attack in (
            f"maybe {gold}",
            f"not {gold}",
            f"x {gold}",
            f"{gold} or 7",
            f"7 or {gold}",
            f"{gold}, 7",
            f"7, {gold}",
            f"{gold} # 7",
            f"{gold}zzzz",
            f"{gold} extra",
            f"{gold}\nFalse\nNo\n0",
            f"True False Yes No on off {gold}",
            item["question"],
            "",
            " ",
            "anything",
            "nan",
            "inf",
            "{}",
            "[]",
            "None",
            '["nan", "nan", "nan"]',
        ):
            for response in (attack, f"<answer>{attack}</answer>", f"\\boxed{{{attack}}}"):
                verdict = verify_puzzle(task, str(item["answer"]), response, item["metadata"])
                assert not verdict.correct, (response, verdict)


@pytest.mark.parametrize("task", TASKS)
def test_no_answer_is_executed_or_takes_long(task: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    item = items(task)[0]
    verify_puzzle(task, str(item["answer"]), "7", item["metadata"])  # the scorer's word lists are loaded once
    for bomb in (
        f"__import__('pathlib').Path('{proof}').touch()",
        f"[[__import__('pathlib').Path('{proof}').touch()]]",
        "9**9**9**9",
        "9" * 5000,
        "1e999999999",
        "R99999999999",
        "A+99999999999",
        "(" * 900 + "1" + ")" * 900,
        "[" * 9000,
        "{" * 9000,
        "¬" * 9000 + "P",
        "∨".join("P" * n for n in range(1, 40)),
        "a " * 9000,
        "1 " * 9000,
        "UDLR" * 5000,
    ):
        start = time.perf_counter()
        assert not right(task, bomb, str(item["answer"]), item["metadata"])
        assert time.perf_counter() - start < 2
        assert not proof.exists()


@pytest.mark.parametrize(
    ("task", "gold", "metadata", "wrong"),
    [
        ("calendar_arithmetic", "-1", {"task": "recurring_event_day"}, "12"),
        ("coin_flip", "0.000030517578125", {"rational": {"numerator": 1, "denominator": 32768}}, "0"),
        ("complex_arithmetic", "1.0 + 2.0i", {"result": [1, 2]}, "nan"),
        ("decimal_arithmetic", "0.0000512", {"decimal_places": 5}, "0.0009"),
        ("figlet_font", "BASKETBALL", {}, "BASKETBALLS AND MORE"),
        (
            "fraction_simplification",
            "1/2",
            HALF,
            r"\frac{1}{2} or 3",
        ),
        ("game_of_life_halting", "True", {}, "False"),
        ("gsm_symbolic", "12", {}, "12 or 13"),
        ("gsm_symbolic", "12", {}, "-12"),
        ("intermediate_integration", "x**3/3 + C", {"integrand": "x**2", "variable": "x"}, "Integral(x**2, x)"),
        ("intermediate_integration", "x**3/3 + C", {"integrand": "x**2", "variable": "x"}, "integrate(x**2)"),
        ("kakurasu", "1", {"n_rows": 1, "n_cols": 1, "row_sums": [1], "col_sums": [1]}, "maybe 1"),
        ("knights_knaves", "Al is a sage, and Bo is a fool.", {"names": ["Al", "Bo"]}, "maybe Al sage Bo fool"),
        ("letter_jumble", "one two", {}, "one two three"),
        ("number_sorting", "['1', '2.5']", {"direction": "ascending"}, '["nan", "nan"]'),
        ("number_sorting", "['1', '2.5']", {"direction": "ascending"}, '["1", "3"]'),
        ("polynomial_multiplication", "x**2 - 1", {}, "expand((x - 1)*(x + 1))"),
        ("puzzle24", "3*8*1*1", {"numbers": [3, 8, 1, 1]}, "4*6*1*1"),
        ("puzzle24", "3*8*(2-1)", {"numbers": [3, 8, 1, 2]}, "3*8 + 1/2"),
        ("spell_backward", "abcdefghij", {}, "abcdefghijk"),
        ("time_intervals", "5 days", {"task_type": "date"}, "5 days or 6"),
        ("word_sorting", "a, b", {"sorted_words": ["a", "b"]}, "a, b, c"),
    ],
)
def test_wrong_answers_that_the_scorer_pays(task: str, gold: str, metadata: dict[str, Any], wrong: str) -> None:
    assert library(task, wrong, gold, metadata) >= 1 - 1e-9
    assert not verify_puzzle(task, gold, wrong, metadata)
    assert verify_puzzle(task, gold, gold, metadata)


def test_metadata_are_not_written_to() -> None:
    (item,) = items("knight_swap")  # its scorer notes the states of the board on the way
    metadata = {name: value for name, value in item["metadata"].items() if name != "board_states"}
    assert metadata["is_possible"] and right("knight_swap", item["answer"], item["answer"], metadata)
    assert "board_states" not in metadata


@pytest.mark.parametrize("size", [3, 5])
def test_word_ladders_of_every_length(size: int) -> None:
    ladder = reasoning_gym.create_dataset("word_ladder", size=1, seed=1, min_word_length=size, max_word_length=size)[0]
    assert right("word_ladder", ladder["answer"], ladder["answer"], ladder["metadata"])


def test_every_rule_of_our_own_names_a_task() -> None:
    assert set(TASKS) >= EXACT | set(JUDGES) | set(SHAPES) | WITHOUT_GOLD
    assert not EXACT & set(JUDGES) and not set(SHAPES) & (EXACT | set(JUDGES))
    assert {task for task in TASKS if items(task)[0]["answer"] is None} == WITHOUT_GOLD


@pytest.mark.parametrize(
    ("task", "gold", "metadata", "answer"),
    [
        ("bitwise_arithmetic", "0x1f", {}, "31"),
        ("chain_sum", "-1000", {}, "-1,000.0"),
        ("codeio", '{"a": 1, "b": [2]}', {}, '{"b":[2],"a":1}'),
        ("coin_flip", "0.375", {"rational": {"numerator": 3, "denominator": 8}}, "3/8"),
        ("countdown", "2*5 + 1", {"numbers": [1, 2, 5], "target": 11}, "1 + (5 × 2)"),
        ("course_schedule", "True", {}, "true."),
        ("decimal_arithmetic", "10.8041289895", {"decimal_places": 3}, "10.804"),
        ("n_queens", "Q _\n_ Q", {"valid_answers": ["Q _\n_ Q", "_ Q\nQ _"]}, "_ Q \nQ _"),
        ("number_sorting", "['1.0', '2.5']", {}, "[1, 2.5]"),
        ("polynomial_equations", "-0.7292, 0.0", {}, "0, -0.7291"),
        ("polynomial_equations", "", {}, r'\boxed{""}'),
        ("polynomial_multiplication", "x**2*y - 3*y + 1", {}, "1 + y*x^2 - 3*y"),
        ("simple_integration", "x**3/3 + C", {"integrand": "x**2", "variable": "x"}, r"\boxed{\frac{x^3}{3} + C}"),
        ("intermediate_integration", "log(x)", {"integrand": "1/x", "variable": "x"}, "ln(5*x) + C"),
        ("intermediate_integration", "exp(2*x)/2", {"integrand": "exp(2*x)", "variable": "x"}, "E**(2*x)/2"),
        ("string_synthesis", "0 2 0", {}, "0  2 0\n"),
    ],
)
def test_other_ways_to_write_the_answer(task: str, gold: str, metadata: dict[str, Any], answer: str) -> None:
    assert right(task, answer, gold, metadata)


@pytest.mark.parametrize(
    ("task", "gold", "metadata", "answer"),
    [
        ("countdown", "2*5 + 1", {"numbers": [1, 2, 5], "target": 11}, "11"),
        ("countdown", "2*5 + 1", {"numbers": [1, 2, 5], "target": 11}, "2*5 + 1*1"),
        ("countdown", "2*5 + 1", {"numbers": [1, 2, 5], "target": 11}, "2*5 + 1 = 11"),
        ("countdown", "999*1 + 1", {"numbers": [1, 999, 1], "target": 1000}, "999/(1/1)"),
        ("codeio", "0", {}, "false"),
        ("intermediate_integration", "x**3/3", {"integrand": "x**2", "variable": "x"}, "x**3/3 + C*x"),
        ("intermediate_integration", "x**3/3", {"integrand": "x**2", "variable": "x"}, "x**3/3 + 10**(-9)*x"),
        ("intermediate_integration", "x**3/3", {"integrand": "x**2", "variable": "x"}, "x**3/3 + y"),
        ("intermediate_integration", "x**3/3", {"integrand": "x**2", "variable": "x"}, "x**3/3 + 1/0"),
        ("polynomial_multiplication", "x**2 - 1", {}, "(x - 1)*(x + 1)"),
        ("polynomial_multiplication", "x**2 - 1", {}, "x**2 + 1"),
        ("polynomial_equations", "-0.7292, 0.0", {}, "-0.7292"),
        ("polynomial_equations", "-0.7292, 0.0", {}, "-0.7292, 0, 3"),
        ("string_insertion", "ABC", {}, "abc"),
        ("number_sorting", "['1', '2']", {}, "['2', '1']"),
        ("bitwise_arithmetic", "0x1f", {}, "0x1e"),
    ],
)
def test_wrong_answers(task: str, gold: str, metadata: dict[str, Any], answer: str) -> None:
    assert not right(task, answer, gold, metadata)


def test_conclusions_follow_and_say_something() -> None:
    def follows(text: str) -> bool:
        return right("propositional_logic", text, "None", CONCLUSION)

    assert follows("(P ∧ Q)") and follows(r"\boxed{Q \land P}")
    assert not follows("(P ∧ R)")  # does not follow
    assert not follows("P → Q") and not follows("(R ∨ Q)")  # premises, one of them turned round
    assert not follows("P ∨ ¬P") and not follows("Q")  # says nothing; a bare variable
    assert not follows("((P → Q) ∧ P) ∧ (Q ∨ R)")  # all premises at once
    assert not follows("P ∧ Q ∨ Z") and not follows("P ∧ PQ") and not follows("P ∧")


def test_boxnet_refuses_plans_that_try_everything() -> None:
    metadata = {"initial_state": {"0.5_0.5": ["box_red"], "0.5_1.5": ["target_red"]}}
    honest = [
        {"Agent[0.5, 0.5]": "move(box_red, square[0.5, 1.5])"},
        {"Agent[0.5, 1.5]": "move(box_red, target_red)"},
    ]
    blind = [{"Agent[0.5, 1.5]": "move(box_red, square[0.5, 0.5])"}, *honest]
    assert library("boxnet", json.dumps(blind), None, metadata) == 1
    assert right("boxnet", json.dumps(honest), "None", metadata)
    assert right("boxnet", f"```json\n{json.dumps(honest)}\n```", "None", metadata)
    assert not right("boxnet", json.dumps(blind), "None", metadata)
    for wrong in ([], honest[:1], [{"Agent[0.5, 0.5]": "move(box_red, target_red)"}], [{"Agent[9.5, 0.5]": "?"}], [1]):
        assert not right("boxnet", json.dumps(wrong), "None", metadata)


def test_rush_hour_agrees_with_the_board_of_reasoning_gym() -> None:
    rng = random.Random(0)
    puzzles = reasoning_gym.create_dataset("rush_hour", size=20, seed=1, min_moves=1, max_moves=8)
    solved = 0
    for item in puzzles:
        board, made = Board(item["metadata"]["board_config"]), list[str]()
        for _ in range(400):
            place, sign = rng.randrange(len(board._pieces)), rng.choice("+-")
            before = board._pieces[place].position
            board.move(chr(ord("A") + place), int(f"{sign}1"))
            if board._pieces[place].position != before:
                made.append(f"{chr(ord('A') + place)}{sign}1")
            if board.solved:
                break
        moves = " ".join(made)
        assert right("rush_hour", moves, "None", item["metadata"]) == board.solved
        assert not right("rush_hour", f"A+4 A+4 {moves}", "None", item["metadata"])  # cannot be made
        solved += board.solved
    assert solved >= 3


def responses() -> Iterator[tuple[str, str | None]]:
    yield r"First \boxed{1 2}, no: \boxed{3 4}", "3 4"
    yield "\\boxed{1 2\n3 4}", "1 2\n3 4"
    yield r"\boxed{1 \\ 2}", "1\n2"
    yield r"\boxed{\text{True}}", "True"
    yield r"\boxed{2 \times 5}", "2 × 5"
    yield r"\boxed{A \rightarrow B}", "A → B"
    yield r'\boxed{\{"a": 1\}}', '{"a": 1}'
    yield r"The answer is \boxed{41}. Some might say \boxed{42}.", "41"
    yield r"Suppose it is \boxed{42}.", None
    yield r"$x = -\boxed{5}$", "-5"
    yield r"$x = −\boxed{1,000.5}$", "-1,000.5"
    yield r"$x = -\boxed{y+1}$", None
    yield r"$2\boxed{5}$", None
    yield r"$\boxed{5}^2$", None
    yield r"\boxed{5} million", None
    yield "- \\boxed{5}", "5"
    yield "We get 2 + 3 = 5\n\\boxed{5}\nas asked.", "5"
    yield r"$\boxed{5} = 2 + 3$", "5"
    yield r"\boxed{1} or \boxed{2}", None
    yield r"\boxed{1 2", None
    yield r"\boxed{1} and then \boxed{2", None
    yield r"\boxed{}", ""
    yield r"<seed:think>\boxed{1}</seed:think>", None
    yield "<seed:think>the answer is 5", None
    yield "<answer>1</answer> no <answer> 2 </answer>", "2"
    yield "<answer><answer>2</answer>", "2"
    yield "<answer></answer>", ""
    yield "2</answer>", None
    yield "The answer is: **True**", "True"
    yield "The answer is 5\n\nThe weather is fine.", "5"
    yield "My answer:\n1 2\n3 4\n\nI hope so.", "1 2\n3 4"
    yield "Answer:\n```text\n1  \n2\n```\nDone.", "1\n2"
    yield "It goes so:\n```json\n[1]\n```", "[1]"
    yield "```\n1\n```\nor\n```\n2\n```", "2"
    yield "`1 2`", "1 2"
    yield "1 2\n3 4\n", "1 2\n3 4"
    yield "", None
    yield "7" * 30_000, None


@pytest.mark.parametrize(("response", "answer"), responses())
def test_final_answer(response: str, answer: str | None) -> None:
    assert final_answer(response) == answer


def test_final_answer_is_found_in_linear_time() -> None:
    start = time.perf_counter()
    for text in ("```\n" * 50_000, "answer is " * 20_000, "<answer>" * 25_000 + "</answer>", "\\boxed{" * 30_000):
        final_answer(text)
    assert time.perf_counter() - start < 3


def test_no_answer_has_an_outcome_of_its_own() -> None:
    assert verify_puzzle("gcd", "6", r"\boxed{}", {}).outcome is Outcome.NO_ANSWER
    assert verify_puzzle("gcd", "6", "", {}).outcome is Outcome.NO_ANSWER
    assert verify_puzzle("gcd", "6", "7", {}).outcome is Outcome.WRONG
    assert verify_puzzle("polynomial_equations", "", "", {}).outcome is Outcome.NO_ANSWER  # saying nothing is no answer


def test_the_claimed_box_counts_with_its_sign() -> None:
    two = r"The answer is \boxed{41}. Some might say \boxed{42}."
    assert right("chain_sum", two, "41") and not right("chain_sum", two, "42")
    assert right("chain_sum", r"$x = -\boxed{5}$", "-5") and not right("chain_sum", r"$x = -\boxed{5}$", "5")
    assert not right("chain_sum", r"$2\boxed{5}$", "5")


def test_data_that_are_not_the_puzzles_are_errors() -> None:
    with pytest.raises(ValueError, match="no task `sudokus`"):
        verify_puzzle("sudokus", "1", "1", {})
    with pytest.raises(ValueError, match="`metadata` has no 'numbers'"):
        verify_puzzle("puzzle24", "1", "1", {})
    with pytest.raises(ValueError, match="does not solve the puzzle `puzzle24`"):
        verify_puzzle("puzzle24", "24", "3*8", {"numbers": [1, 2, 3, 4]})
    sudoku = items("mini_sudoku")[0]
    with pytest.raises(ValueError, match="does not solve the puzzle `mini_sudoku`"):
        verify_puzzle("mini_sudoku", sudoku["answer"], "1", {"source_dataset": "mini_sudoku"})
