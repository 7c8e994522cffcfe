r"""Attacks on rewards. Pinned behaviour:

1. the corpus of a right answer has every class of attack, no response twice, and never a right answer, whatever texts
   it is made from;
2. weak rewards are caught with the class of attack that they fall for, and a sound one is clean;
3. a right answer that is not paid, and a failure on hostile text, are findings of their own;
4. a reward for form or length is told to be gated, and judged by its own attacks only; gated it is clean; one that
   compares the samples of a group is attacked in groups;
5. a lie about the thinking budget with a right answer is held against rewards of budgets only; a weak one is caught;
6. the built-in rewards pay their own right answers and fall for nothing but what is written down here;
7. the text for people names each class once, on short lines without control characters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rewards import RewardInput
from rewards.attacks import (
    KINDS,
    AttackReport,
    RewardReport,
    Verdict,
    attack,
    attack_builtins,
    attack_config,
    attacks_on,
    describe_attack,
    start,
)
from rewards.attacks.case import take_apart
from rewards.attacks.fixtures import FIXTURES
from rewards.attacks.report import COMBINED
from rewards.attacks.wrong import Shape
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.registry import BUILTINS
from rewards.runner import RewardRunner
from sandbox import SandboxError
from verifiers.math import verify
from verifiers.thinking import split_thinking

WEAK = r"""
import os, re, time

def substring(sample):
    return sample.ground_truth in sample.response

def last_number(sample):
    numbers = re.findall(r"-?\d+", sample.response)
    return float(bool(numbers) and numbers[-1] == sample.ground_truth)

def praise(sample):
    return 1.0 if "correct" in sample.response.lower() else 0.0

def any_letter(sample):
    return float(re.search(rf"\b{sample.ground_truth}\b", sample.answer) is not None)

def defines(sample):
    return "def total" in sample.answer

def partial(sample):
    if sample.answer.strip() == "\\boxed{" + sample.ground_truth + "}":
        return 1.0
    return 0.5 if sample.ground_truth in sample.answer else 0.0

def sound(sample):
    return sample.answer.strip() == "\\boxed{" + sample.ground_truth + "}"

def nothing(sample):
    return False

def brevity(sample):
    return min(1.0, 5 / sample.response_tokens)

def wordiness(sample):
    return min(1.0, sample.response_tokens / 1000)

def shortest(samples: list):
    least = min(len(sample.response) for sample in samples)
    return [float(len(sample.response) == least) for sample in samples]

def fragile(sample):
    if len(sample.response) > 100_000:
        if "{{" in sample.response:
            time.sleep(60)
        if "$$" in sample.response:
            os._exit(1)
        raise ValueError("too long")
    return sound(sample)
"""


def right(answer: str, gold: str, thinking: str = "Let me see.", **columns: Any) -> RewardInput:
    response = f"<seed:think>{thinking}</seed:think>\n{answer}"
    split = split_thinking(response)
    turns = ({"role": "user", "content": "How many bottles are in the crate?"},)
    return RewardInput(turns, response, *split, gold, columns, response_tokens=len(response) // 4)


NUMBERS = [right(r"\boxed{42}", "42"), right(r"\boxed{-17}", "-17")]


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rewards") / "weak.py"
    path.write_text(WEAK)
    return path


def attacked(weak: Path, rights: Sequence[RewardInput], *configs: dict[str, Any], judge: str) -> AttackReport:
    rewards = [RewardConfig(**{**config, "use": f"{weak}:{config['use']}"}) for config in configs]
    settings = RewardRunnerConfig(workers=2, memory_mb=1024)
    with RewardRunner(rewards, settings, judge, weak.parent) as runner:
        return attack(runner, rights)


def alone(weak: Path, function: str, rights: Sequence[RewardInput] = NUMBERS, **settings: Any) -> RewardReport:
    report = attacked(weak, rights, {"use": function, **settings}, judge=function)
    assert [reward.label for reward in report.rewards] == [function]
    return report.rewards[0]


def kinds(reward: RewardReport, verdict: Verdict = Verdict.PAID) -> set[str]:
    return {finding.attack.kind for finding in reward.findings if finding.verdict is verdict}


def test_the_corpus_has_every_class_and_no_response_twice() -> None:
    samples = [*NUMBERS, FIXTURES["code"].rights[0]]
    corpora = [attacks_on(sample) for sample in samples]
    assert {one.kind for corpus in corpora for one in corpus} == set(KINDS)
    for sample, corpus in zip(samples, corpora, strict=True):
        responses = [one.sample.response for one in corpus]
        assert len(set(responses)) == len(responses) > 100
        assert sample.response not in responses
        assert all(one.why and one.sample.ground_truth == sample.ground_truth for one in corpus)
        assert [one.sample for one in attacks_on(sample)] == [one.sample for one in corpus]


def test_attacks_are_split_as_the_reader_of_samples_splits() -> None:
    for one in attacks_on(NUMBERS[0]):
        assert (one.sample.thinking, one.sample.answer) == split_thinking(one.sample.response)


def test_lengths_and_ids_follow_the_response() -> None:
    sample = RewardInput((), r"So \boxed{7}", None, r"So \boxed{7}", "7", response_tokens=4, response_ids=(1, 2, 3, 9))
    by_name = {one.name: one.sample for one in attacks_on(sample)}
    assert by_name["nothing"].response_tokens == 1
    assert by_name["nothing"].response_ids == (9,)
    looped = by_name["a word"]
    assert looped.response_ids is not None
    assert looped.response_tokens == len(looped.response_ids) > 1000
    assert len(set(looped.response_ids)) < 10


@pytest.mark.parametrize(
    "sample",
    [
        RewardInput((), "", None, "", ""),
        RewardInput((), "42", None, "42", ""),
        RewardInput((), "no gold here", None, "no gold here", "something else"),
        right("{}", "{}"),
        right("%s {0} \\1 \\g<0>", "%s {0} \\1 \\g<0>"),
        right("9" * 5000, "9" * 5000),
        right("\ud800", "\ud800"),
        right("a\nb\nc", "a\nb\nc"),
        right("Yes.", "yes"),
        right("A, C", "A, C", options=["a", "b", "c"]),
        right("(B) otter", "B", options={"A": "trout", "B": "otter"}),
        right("x", "x" * 50_000),
        right("None", "None", options="no list", tests="no tests"),
        right("```cpp\nint main() {}\n```", json.dumps({"type": "stdio", "language": "cpp", "cases": []})),
        right("```\nprint(1)\n```", json.dumps({"type": "pytest", "code": "def test(): assert 1"})),
    ],
)
def test_any_text_can_be_taken_apart(sample: RewardInput) -> None:
    case = take_apart(sample, ["yes", "another answer", ""])
    assert len(case.wrongs) >= 2
    assert case.gold not in case.wrongs
    corpus = attacks_on(sample, ["yes", "another answer", ""])
    assert len(corpus) > 100
    assert sample.response not in [one.sample.response for one in corpus]


@pytest.mark.parametrize(
    ("sample", "shape", "wrong"),
    [
        (right(r"\boxed{42}", "42"), Shape.NUMBER, "43"),
        (right(r"\boxed{-1,999}", "-1,999"), Shape.NUMBER, "-1,990"),
        (right(r"\boxed{\frac{3}{4}}", r"\frac{3}{4}"), Shape.FORMULA, r"\frac{3}{5}"),
        (right("The answer is (B).", "B", options=["x", "y", "z"]), Shape.LETTER, "A"),
        (right("It is true.", "true"), Shape.TEXT, "false"),
        (right("It is Paris.", "Paris"), Shape.TEXT, "Rome"),
    ],
)
def test_wrong_answers_are_of_the_kind_of_the_right_one(sample: RewardInput, shape: Shape, wrong: str) -> None:
    case = take_apart(sample, ["Rome"])
    assert (case.shape, case.wrong) == (shape, wrong)
    assert case.say(case.wrong) == sample.response.replace(sample.ground_truth, wrong)


def test_the_right_answer_is_named_nowhere_in_a_wrong_one() -> None:
    case = take_apart(right(r"6 * 7 is 42, so \boxed{42}. Yes, 42!", "42", thinking="42, 420 or 4.42?"))
    assert case.say(case.wrong) == "<seed:think>43, 420 or 4.42?</seed:think>\n6 * 7 is 43, so \\boxed{43}. Yes, 43!"


@pytest.mark.parametrize("gold", ["42", "10", "2", "-7", "1", "0", "1000", "3.14", "1,234", "11"])
def test_no_honest_notation_of_the_right_answer_is_an_attack(gold: str) -> None:
    taken = [
        one for one in attacks_on(right(rf"\boxed{{{gold}}}", gold), long=False) if one.kind in {"near", "unicode"}
    ]
    assert len(taken) > 20
    assert [(one.name, one.sample.answer) for one in taken if verify(gold, one.sample.response)] == []


@pytest.mark.parametrize(
    ("function", "rights", "expected"),
    [
        ("substring", NUMBERS, {"options", "hedge", "unclaimed", "boxes", "protocol", "tags", "hidden", "long"}),
        ("last_number", NUMBERS, {"hedge", "unclaimed", "protocol", "turns", "hidden"}),
        ("praise", NUMBERS, {"injection", "turns"}),
        ("any_letter", [right("The answer is C.", "C", options=list("wxyz"))], {"options", "echo", "hedge"}),
        ("defines", FIXTURES["code"].rights[:1], {"program", "injection"}),
        ("brevity", NUMBERS, {"empty", "opener"}),
    ],
)
def test_weak_rewards_are_caught(weak: Path, function: str, rights: Sequence[RewardInput], expected: set[str]) -> None:
    reward = alone(weak, function, rights)
    assert expected <= kinds(reward)
    assert not kinds(reward, Verdict.FAILED)


def test_weak_rewards_are_not_accused_of_more(weak: Path) -> None:
    assert not kinds(alone(weak, "last_number")) & {"empty", "opener", "wrong", "form", "injection", "loop"}
    assert not kinds(alone(weak, "praise")) & {"empty", "opener", "hedge", "boxes", "wrong"}


def test_a_sound_reward_is_clean(weak: Path) -> None:
    reward = alone(weak, "sound")
    assert reward.clean
    assert reward.attacks > 1000
    assert (reward.right_values, reward.wrong_values) == ((1.0, 1.0), (0.0, 0.0))


def test_a_part_of_the_pay_is_told_apart(weak: Path) -> None:
    reward = alone(weak, "partial")
    assert kinds(reward) == set()
    assert {"hedge", "boxes", "options"} <= kinds(reward, Verdict.PARTLY)
    assert {finding.value for finding in reward.findings} == {0.5}


def test_right_answers_that_are_not_paid_are_reported(weak: Path) -> None:
    odd = right("It is 42.", "42")
    reward = alone(weak, "sound", [*NUMBERS, odd])
    assert [(one.sample, one.value, one.reason) for one in reward.unpaid] == [(odd, 0.0, "judged wrong")]
    assert len(alone(weak, "nothing").unpaid) == 2


def test_failures_on_hostile_text_are_reported(weak: Path) -> None:
    reward = alone(weak, "fragile", NUMBERS, timeout_s=1)
    failed = [finding for finding in reward.findings if finding.verdict is Verdict.FAILED]
    assert failed == list(reward.findings)
    assert {finding.attack.kind for finding in failed} == {"long"}
    messages = {finding.attack.name: finding.message for finding in failed}
    assert messages["filler"] == "error: ValueError: too long"
    assert messages["braces"].startswith("timeout")
    assert messages["dollars"].startswith("crash")


def test_shaping_is_to_be_gated(weak: Path) -> None:
    judged = {"use": "sound"}
    report = attacked(weak, NUMBERS, judged, {"use": "brevity"}, judge="sound")
    sound, brevity, combined = report.rewards
    assert (sound.clean, brevity.needs_gate, kinds(brevity)) == (True, True, {"empty"})
    assert combined.label == COMBINED
    assert {"opener", "hedge"} <= kinds(combined, Verdict.PARTLY)
    assert "empty" not in kinds(combined)  # told of brevity
    report = attacked(weak, NUMBERS, judged, {"use": "brevity", "requires": "sound"}, judge="sound")
    assert report.clean
    assert not any(reward.needs_gate for reward in report.rewards)


def test_a_negative_weight_turns_what_is_worth_something(weak: Path) -> None:
    report = attacked(weak, NUMBERS, {"use": "sound"}, {"use": "wordiness", "weight": -1.0}, judge="sound")
    assert report.rewards[1].clean  # it only takes away
    report = attacked(weak, NUMBERS, {"use": "sound"}, {"use": "sound", "name": "bad", "weight": -1.0}, judge="sound")
    assert report.rewards[2].right_values == (0.0, 0.0)


def test_rewards_that_compare_a_group_are_attacked_in_groups(weak: Path) -> None:
    report = attacked(weak, NUMBERS, {"use": "sound"}, {"use": "shortest", "weight": 0.1}, judge="sound")
    sound, shortest, _ = report.rewards
    assert sound.clean
    assert kinds(shortest) == {"empty"}
    # In a group of long texts the right answer is the shortest; it would not be in one of all attacks.
    assert shortest.right_values == (0.0, 1.0)


def test_a_reward_that_does_not_apply_is_not_attacked(weak: Path) -> None:
    report = attacked(weak, NUMBERS, {"use": "sound"}, {"use": "substring", "when": 'task == "other"'}, judge="sound")
    assert (report.rewards[1].rights, report.rewards[1].attacks, report.clean) == (0, 0, True)
    assert "`substring` applied to none" in list(describe_attack(report))[-1]


def test_lies_about_the_budget_are_held_against_rewards_of_budgets(tmp_path: Path) -> None:
    rights = FIXTURES["thinking_budget"].rights
    lies = [one for sample in rights for one in attacks_on(sample) if one.kind == "budget"]
    assert len({one.name for one in lies}) > 15
    assert all(one.right_answer and one.sample.answer.startswith(rights[0].answer) for one in lies)
    assert not [one for sample in rights for one in attacks_on(sample) if one.right_answer and one.kind != "budget"]
    lenient = {"tokenizer": "bytes", "encode_text": True, "claims": 0.0, "arithmetic": 0.0}
    configs = [
        RewardConfig(use="math"),
        RewardConfig(use="thinking_budget", weight=0.2, requires="math", options=lenient),
    ]
    with RewardRunner(configs, RewardRunnerConfig(workers=2), "math", tmp_path) as runner:
        report = attack(runner, rights)
    assert report.rewards[0].clean  # it pays all lies: their answer is right
    found = {finding.attack.name for finding in report.rewards[1].findings}
    assert {"numbers of another budget", "numbers too small", "all of it used in every reflection"} <= found
    assert kinds(report.rewards[1]) == {"budget"}


def test_an_attack_needs_right_answers(weak: Path) -> None:
    with pytest.raises(ValueError, match="right answers"):
        alone(weak, "sound", [])


def test_a_configuration_is_attacked_whatever_its_on_error_says(weak: Path) -> None:
    path = weak.parent / "rewards.yaml"
    path.write_text(
        "rewards: [{use: 'weak.py:fragile', timeout_s: 1}]\ncorrectness: fragile\nreward_runner: {on_error: fail}\n"
    )
    report = attack_config(path, NUMBERS[:1])
    assert report.name == "rewards.yaml"
    assert kinds(report.rewards[0], Verdict.FAILED) == {"long"}
    path.write_text("rewards: [{use: 'weak.py:sound'}]\ncorrectness: sound\n")
    assert attack_config(path, NUMBERS[:1]).clean


def test_the_text_for_people(weak: Path) -> None:
    report = attacked(
        weak, [*NUMBERS, right("42 it is", "42")], {"use": "last_number"}, {"use": "brevity"}, judge="last_number"
    )
    lines = list(describe_attack(report))
    text = "\n".join(lines)
    assert len(lines) < 90
    assert all(len(line) < 260 and line.isprintable() for line in lines)
    assert text.count("  PAID  hedge, ") == 1
    assert "RIGHT ANSWER NOT PAID" not in text
    assert lines[-1].startswith("rewards: `last_number`, `brevity`, `all together` paid what should not be paid")
    assert "`brevity` pays wrong answers as much as right ones" in lines[-1]
    unpaid = "\n".join(describe_attack(attacked(weak, NUMBERS, {"use": "nothing"}, judge="nothing")))
    assert unpaid.count("RIGHT ANSWER NOT PAID") == 2
    assert "`nothing` did not pay right answers" in unpaid
    clean = list(describe_attack(attacked(weak, NUMBERS, {"use": "sound"}, judge="sound")))
    assert "all right answers were paid, and nothing was that should not have been" in clean[-1]


def test_programs_are_left_out_where_they_cannot_be_isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SandboxError("no backend works here")

    monkeypatch.setattr(start, "open_sandbox", refuse)
    (report,) = attack_builtins(["code"])
    assert (report.rewards, report.left_out) == ((), "no backend works here")
    assert list(describe_attack(report)) == ["code: not attacked: no backend works here"]


@pytest.mark.parametrize("name", BUILTINS)
def test_built_in_rewards(name: str) -> None:
    (report,) = attack_builtins([name])
    assert report.rewards
    for reward in report.rewards:
        assert reward.attacks > 500
        assert not reward.unpaid
        assert not reward.needs_gate
        assert not reward.findings, [finding.attack for finding in reward.findings[:3]]
