"""Functions of every style, described and called.

1. A first parameter annotated as a list makes a group function; `async def` is seen.
2. TRL functions get chat turns or texts, ids and columns as lists; an option wins over a column of the same name; what
   a function does not take is left out.
3. verl functions get task, response, gold and columns; of a dict `score` is the value, `acc` the verdict.
4. A function of another style is named with the `style:` to write.
5. A group function's result must be a list of the right length.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewards.describe import Description, Problem, describe
from rewards.styles import Style, bind
from rewards.types import RewardInput, Score
from rewards.worker import to_score
from tests.rewards import foreign

FILE = Path(__file__).with_name("foreign.py")
MESSAGES = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "6 x 7?"})


def sample(response: str, **settings: Any) -> RewardInput:
    columns = {"solution": "42", "level": 2, "extra_info": {"split": "test"}, **settings.pop("columns", {})}
    return RewardInput(MESSAGES, response, None, response, "42", columns=columns, task="gsm8k", **settings)


def called(name: str, style: Style, samples: list[RewardInput], **options: Any) -> list[Score]:
    description = describe(f"{FILE}:{name}", style)
    assert isinstance(description, Description), description
    values: Any = bind(getattr(foreign, name), style, options, group=description.group)(samples)
    return [to_score(value) for value in values]


def test_what_functions_say_of_themselves() -> None:
    def of(name: str, style: Style = "ponder") -> Description:
        found = describe(f"{FILE}:{name}", style)
        assert isinstance(found, Description), found
        return found

    assert [of("shortest").group, of("shortest_unquoted").group, of("judge").group] == [True, True, False]
    assert [of("judge").asynchronous, of("shortest").asynchronous] == [True, False]
    assert [option.name for option in of("shortest").options] == ["bonus"]
    assert of("compute_score", "verl").options == ()
    assert [option.name for option in of("strict", "verl").options] == ["margin"]
    assert of("accuracy", "trl").group


def test_trl_with_chat_turns_ids_and_columns() -> None:
    samples = [sample("42", response_ids=(5, 6)), sample("41")]
    assert [score.value for score in called("accuracy", "trl", samples)] == [1.0, 0.0]
    assert [score.outcome for score in called("only_long", "trl", samples)] == ["scored", "skipped"]
    assert foreign.SEEN["prompts"][0] == [dict(turn) for turn in MESSAGES]
    assert foreign.SEEN["completion_ids"] == [[5, 6], None]
    assert foreign.SEEN["level"] == [2, 2]
    foreign.SEEN.clear()
    called("only_long", "trl", samples, level=7)
    assert foreign.SEEN["level"] == 7


def test_trl_with_texts() -> None:
    assert [score.value for score in called("length", "trl_text", [sample("42"), sample("forty-two")])] == [-2.0, -9.0]


def test_a_column_that_a_function_needs_and_the_data_lack_is_named() -> None:
    bare = RewardInput(MESSAGES, "42", None, "42", "42", columns={"level": 2})
    with pytest.raises(ValueError, match=r"needs the column `solution`, .*they have: .*ground_truth, level"):
        called("accuracy", "trl", [bare])
    assert called("accuracy", "trl", [bare], solution=["42"])[0].value == 1.0


def test_verl_numbers_and_dicts() -> None:
    right, wrong = sample("#### 42"), sample("#### 41")
    assert [called("compute_score", "verl", [one])[0].value for one in (right, wrong)] == [1.0, 0.0]
    score = called("strict", "verl", [right], margin=2)[0]
    assert (score.value, score.correct, dict(score.detail)) == (2.0, True, {"length": 7.0})
    assert called("no_score", "verl", [right], fail=False)[0].value == 0.5
    with pytest.raises(ValueError, match=r"a dict without `score`.*acc"):
        called("no_score", "verl", [right], fail=True)


@pytest.mark.parametrize(
    ("name", "style", "message"),
    [
        ("accuracy", "ponder", "takes `completions`, as TRL's do: write `style: trl`"),
        ("compute_score", "ponder", "takes `solution_str`, as verl's do: write `style: verl`"),
        ("length", "trl", "wants completions as plain texts: write `style: trl_text`"),
        ("judge", "trl", "takes no `completions`, which functions of style `trl` do"),
        ("judge", "verl", "takes no `solution_str`"),
        ("Judge", "ponder", "is a class, not a function"),
    ],
)
def test_other_styles_are_named(name: str, style: Style, message: str) -> None:
    found = describe(f"{FILE}:{name}", style)
    assert isinstance(found, Problem)
    assert message in found.message


def test_a_group_needs_a_list_of_its_length() -> None:
    samples = [sample("a"), sample("bb")]
    assert [score.value for score in called("shortest", "ponder", samples, bonus=2.0)] == [2.0, 0.0]
    with pytest.raises(ValueError, match="returned 1 values for the 2 samples"):
        called("one_value", "ponder", samples)
    with pytest.raises(TypeError, match="returns a list with a value for each sample, not float"):
        called("a_number", "ponder", samples)
