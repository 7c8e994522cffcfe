"""Wrong reward sections: every problem is named at once, with its place and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rewards.config import RewardConfig
from rewards.errors import RewardConfigError
from rewards.loader import list_builtins, load_all

HERE = Path(__file__).parent


def load(*settings: dict[str, Any] | str, correctness: str = "", base: Path = HERE) -> list[str]:
    """The problems of a section given as settings or `use` strings ([] when it loads)."""
    configs = [RewardConfig(**(one if isinstance(one, dict) else {"use": one})) for one in settings]
    try:
        load_all(configs, correctness or configs[0].label, base)
    except RewardConfigError as error:
        return list(error.problems)
    return []


def test_what_loads() -> None:
    overlong = {"use": "overlong", "options": {"max_response_tokens": 100, "cache_tokens": 20}}
    assert load("math", overlong, "format", {"use": "plugins.py:brevity", "options": {"goal": 3}}) == []
    assert load({"use": "plugins.py:anything", "options": {"a": 1.0, "b": 2.0}}) == []
    assert load(f"{HERE}/plugins.py:echo", base=Path("/")) == []


def test_files_are_found_beside_the_config_first_then_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "mine.py").write_text("def here(sample): return 1.0")
    monkeypatch.chdir(tmp_path)
    assert load("mine.py:here", base=tmp_path / "config") == []
    (tmp_path / "config" / "mine.py").write_text("import helper\ndef beside(sample): return helper.VALUE")
    (tmp_path / "config" / "helper.py").write_text("VALUE = 1.0")
    assert load("mine.py:beside", base=tmp_path / "config") == []


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        (
            "maths",
            [
                "no reward is called `maths`",
                "Did you mean `math`?",
                "math, code, choice, puzzle, length",
                "file.py:function",
            ],
        ),
        ("plugins.py:brevty", ["has no function `brevty`", "brevity", "is_even"]),
        ("plugin.py:brevity", ["the file plugin.py does not exist", str(HERE / "plugin.py")]),
        ("plugins.py:", ["names no function"]),
        ("plugins.py", ["names no function; write plugins.py:function"]),
        ("plugins.py:unannotated", ["for a group write `samples: list[RewardInput]`"]),
        ("plugins.py:by_place", ["takes `goal` by its place only"]),
        ("some.module:function", ["file.py:function"]),
        ("plugins.py:NOT_A_FUNCTION", ["is a int, not a function"]),
        ("plugins.py:no_arguments", ["must take the sample as its first argument"]),
        ("plugins.py:Own", ["is a class, not a function"]),
        ("plugins.py:needs", ["rewards[0].options", "needs the option `goal` (int)"]),
        ("overlong", ["needs the option `max_response_tokens`"]),
        (
            {"use": "plugins.py:brevity", "options": {"gaol": 3}},
            ["rewards[0].options.gaol", "no option `gaol`", "Did you mean `goal`?"],
        ),
        ({"use": "math", "options": {"right": "yes"}}, ["options.right: expected float, got 'yes'"]),
        ({"use": "math", "when": "task == gsm8k"}, ["rewards[0].when: `gsm8k`", 'a text stands in quotes: "gsm8k"']),
        ({"use": "format", "requires": "mth"}, ["rewards[0].requires: no reward is called `mth`", "are: format"]),
        ({"use": "format", "requires": "format"}, ["rewards[0].requires: `format` and format wait for each other"]),
        ({"use": "foreign.py:accuracy"}, ["write `style: trl`"]),
        ({"use": "foreign.py:strict", "style": "verl", "options": {"margn": 1}}, ["Did you mean `margin`?"]),
        ({"use": "plugins.py:is_even", "options": {"x": 1}}, ["It takes no options"]),
    ],
)
def test_what_does_not_load(setting: dict[str, Any] | str, parts: list[str]) -> None:
    problems = "\n".join(load(setting))
    for part in parts:
        assert part in problems


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("import not_there\n", ["does not import", "line 1 (import not_there)", "ModuleNotFoundError"]),
        ("x = 1\ndef f(sample)\n    return 1\n", ["line 2", "expected ':'"]),
        ("def f(sample): return 1\n\nLIMITS = {}['low']\n", ["line 3", "KeyError: 'low'"]),
        ("import os\nos._exit(4)\n", ["failed (crash)", "exit code 4"]),
        ("raise SystemExit('bye')\n", ["SystemExit: bye"]),
    ],
)
def test_files_that_do_not_import(tmp_path: Path, source: str, parts: list[str]) -> None:
    (tmp_path / "bad.py").write_text(source)
    problems = "\n".join(load("bad.py:f", base=tmp_path))
    for part in ["bad.py", *parts]:
        assert part in problems


def test_rewards_that_wait_for_each_other_are_named() -> None:
    problems = load(
        "math",
        {"use": "plugins.py:echo", "requires": ["math", "is_even"]},
        {"use": "plugins.py:is_even", "requires": "echo"},
    )
    assert [problem.split(":")[0] for problem in problems] == ["rewards[1].requires", "rewards[2].requires"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip": True}, "`clip` needs to know what the function returns: add `range"),
        ({"normalise": (0, 1)}, "`normalise` needs to know what the function returns: add `range"),
        ({"range": (1, 0)}, "`range` must be two finite numbers, the lower one first; got"),
        ({"range": (0, float("inf"))}, "`range` must be two finite numbers"),
        ({"range": (0, 5), "normalise": (1, 1)}, "`normalise` must be two finite numbers"),
        ({"weight": float("nan")}, "weight"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"name": "a/b"}, "name"),
        ({"style": "openrlhf"}, "'ponder', 'trl', 'trl_text' or 'verl'"),
    ],
)
def test_what_a_reward_may_not_declare(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RewardConfig(use="math", **settings)


def test_all_problems_come_at_once() -> None:
    problems = load("maths", "plugins.py:nope", "format", {"use": "format"}, correctness="mth")
    assert len(problems) == 4
    assert any("two rewards go by the name `format`" in problem for problem in problems)
    assert any(problem.startswith("correctness: no reward is called `mth`") for problem in problems)


def test_built_ins_are_listed_with_a_line_and_options() -> None:
    found = list_builtins()
    names = {"math", "code", "choice", "puzzle", "length", "length_kimi", "overlong", "repetition", "format"}
    names |= {"thinking_budget"}
    assert set(found) == names
    for description in found.values():
        assert description.line.endswith(".")
    assert [(option.name, option.default) for option in found["math"].options] == [("right", "1.0"), ("wrong", "0.0")]
    assert all(option.required for option in found["overlong"].options)
