"""From data files to scored rows.

1. Columns go by usual names or by those given; TRL's and verl's files, chat turns and run folders are read as they are.
2. Every malformed row is named with its file, its line and the way out.
3. Rows come scored in order, by the same runner as in training; groups are kept whole, or refused where they are not
   together; one that a malformed row breaks off is not scored.
4. Scored rows keep every key of the data, or are refused; an unfinished file goes on after its last whole line, another
   is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import DataFileError
from rewards.offline.output import KEY, ScoredFile, identity_of, refuse_scored
from rewards.offline.samples import Columns, DataRow, stream_samples
from rewards.offline.scoring import AHEAD, BLOCK, score_rows
from rewards.runner import RewardRunner

HERE = Path(__file__).parent


def written(folder: Path, rows: Sequence[Mapping[str, Any]], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read(folder: Path, *rows: Mapping[str, Any], columns: Columns | None = None) -> list[DataRow]:
    return list(stream_samples(written(folder, rows), columns or Columns()))


@pytest.fixture
def runner() -> Iterator[RewardRunner]:
    config = RewardConfig(use="plugins.py:echo")
    with RewardRunner([config], RewardRunnerConfig(workers=2), ["echo"], HERE) as opened:
        yield opened


@pytest.fixture
def group_runner() -> Iterator[RewardRunner]:
    with RewardRunner([RewardConfig(use="plugins.py:rank")], RewardRunnerConfig(workers=2), [], HERE) as opened:
        yield opened


def test_usual_columns(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "6 x 7?"}]
    (one,) = read(
        tmp_path,
        {
            "messages": turns,
            "response": "<seed:think>7 6s</seed:think>42",
            "ground_truth": 42,
            "task": "sums",
            "level": 3,
            "response_tokens": 9,
            "response_ids": [1, 2],
            "forced": [1],
            "thinking_budget": None,
            "stop_reason": "length",
        },
    )
    sample = one.sample
    assert (sample.messages, sample.thinking, sample.answer) == (tuple(turns), "7 6s", "42")
    assert (sample.ground_truth, sample.task, sample.response_tokens) == ("42", "sums", 9)
    assert (sample.response_ids, sample.thinking_budget, sample.stop_reason) == ((1, 2), None, "length")
    assert sample.forced == (1,)
    assert sample.columns["level"] == 3
    assert "messages" in sample.columns
    assert "response" not in sample.columns


def test_other_files_as_they_are(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    tests = {"type": "call", "fn_name": "f", "cases": []}
    rows = read(
        tmp_path,
        {"prompt": turns[:1], "completion": turns[1:], "solution": "1"},
        {"messages": turns, "answer": "1"},
        {"question": "q", "output": "a"},
        {"question": "q", "response": "a", "answer": tests, "data_source": "taco"},
        {"prompt": turns[:1], "response": "a", "reward_model": {"ground_truth": "1", "style": "rule"}},
    )
    assert [row.sample.response for row in rows] == ["a"] * 5
    assert [row.sample.messages[0]["content"] for row in rows] == ["q"] * 5
    assert [row.sample.ground_truth for row in rows] == ["1", "1", "", json.dumps(tests), "1"]
    assert [row.sample.response_tokens for row in rows] == [None] * 5
    assert rows[3].sample.task == "taco"


def test_named_columns_and_labels(tmp_path: Path) -> None:
    columns = Columns("q", "said", "gold", "fine")
    labels = [True, False, 1, 0, "yes", "No", 1.0, None]
    rows = [{"q": "a", "said": "b", "gold": "c", "response": "other", "fine": label} for label in labels]
    found = read(tmp_path, *rows, columns=columns)
    assert [row.label for row in found] == [True, False, True, False, True, False, True, None]
    assert {(row.sample.response, row.sample.ground_truth) for row in found} == {("b", "c")}


def test_run_folders_in_the_order_of_steps_with_their_groups(tmp_path: Path) -> None:
    for step in (2, 1):
        rows = [
            {"sample_id": f"{step}.0/{place}/sums/7/{index}", "response": f"{step}", "messages": [], "ground_truth": ""}
            for place in range(2)
            for index in range(2)
        ]
        for row in rows:
            row["messages"] = [{"role": "user", "content": "the same"}]
        written(tmp_path, rows, f"samples/step-{step:06d}.jsonl")
    found = list(stream_samples(tmp_path, Columns()))
    assert [row.sample.response for row in found] == ["1"] * 4 + ["2"] * 4
    assert [row.number for row in found] == list(range(1, 9))
    assert len({row.sample.group for row in found}) == 4


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    parquet.write_table(pyarrow.table({"prompt": ["q"] * 3, "response": ["a", "b", "c"], "answer": [1, 2, 3]}), path)
    found = list(stream_samples(path, Columns()))
    assert [(row.number, row.sample.response, row.sample.ground_truth) for row in found] == [
        (1, "a", "1"),
        (2, "b", "2"),
        (3, "c", "3"),
    ]


GOOD = '{"prompt": "q", "response": "r", "answer": "a"}\n'


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (GOOD + "{nonsense\n", Columns(), r"data.jsonl, line 2: not valid JSON"),
        (GOOD + "3\n", Columns(), "line 2: a JSON object is expected"),
        (
            GOOD + '{"prompt": "q", "text": "r"}\n',
            Columns(),
            r"line 2: no column any of `response`, .*--response-column",
        ),
        (GOOD, Columns(response="text"), r"line 1: no column `text` \(it has: answer, prompt, response\)"),
        (GOOD, Columns(prompt="question"), "line 1: no column `question`.*--prompt-column NAME"),
        (GOOD, Columns(ground_truth="gold"), "line 1: no column `gold`.*--ground-truth-column NAME"),
        (GOOD, Columns(label="ok"), "line 1: no column `ok` for --label"),
        (GOOD, Columns(label="answer"), "line 1, column `answer`: 'a' is no verdict"),
        ('{"prompt": 5, "response": "r"}\n', Columns(), "column `prompt`: expected text or a list of"),
        ('{"prompt": "q", "response": ["r"]}\n', Columns(), "column `response`: expected text or a list of"),
        ('{"response": "r", "response_tokens": "many"}\n', Columns(), "expected a number of tokens, not 'many'"),
        ('{"response": "r", "response_tokens": -1}\n', Columns(), "expected a number of tokens, not -1"),
        ('{"response": "r", "response_tokens": NaN}\n', Columns(), "expected a number of tokens, not nan"),
        ('{"response": "r", "response_tokens": Infinity}\n', Columns(), "expected a number of tokens, not inf"),
        (GOOD + '{"n": ' + "9" * 5000 + "}\n", Columns(), "line 2: not valid JSON"),
        ("[" * 100_000, Columns(), "line 1: not valid JSON"),
        (GOOD, Columns(ground_truth="answer.inner"), "no column `answer.inner`"),
        ('{"response": "r", "response_ids": "1"}\n', Columns(), "expected a list of token ids, not '1'"),
        ('{"response": "r", "forced": "1"}\n', Columns(), "expected a list of their places, not '1'"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, text: str, columns: Columns, message: str) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(text)
    with pytest.raises(DataFileError, match=f"(?s){message}"):
        list(stream_samples(path, columns))


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=r"without samples/\*.jsonl; give a run folder"):
        list(stream_samples(tmp_path, Columns()))


def test_rows_come_scored_in_order_by_both_rewards(tmp_path: Path, runner: RewardRunner) -> None:
    count = BLOCK * (AHEAD + 2) + 7
    rows = read(tmp_path, *({"response": str(i)} for i in range(count)))
    with RewardRunner([RewardConfig(use="plugins.py:is_even")], RewardRunnerConfig(), ["is_even"], HERE) as other:
        found = list(score_rows(rows, runner, other))
    assert [scored.combined.reward for _, scored in found] == list(range(count))
    assert [scored.against is not None and scored.against.correct for _, scored in found] == [
        i % 2 == 0 for i in range(count)
    ]


def test_blocks_keep_groups_whole(tmp_path: Path, group_runner: RewardRunner) -> None:
    size = 7
    rows = [
        {"response": "r", "group": f"{number // size}", "response_tokens": number % size} for number in range(BLOCK * 3)
    ]
    found = list(score_rows(read(tmp_path, *rows), group_runner))
    full = len(rows) // size * size
    assert [scored.combined.scores["rank"].value for _, scored in found[:full]] == [
        float(size - 1 - number % size) for number in range(full)
    ]


def test_groups_that_are_not_together_are_refused(tmp_path: Path, group_runner: RewardRunner) -> None:
    rows = [{"response": "r", "prompt": prompt, "response_tokens": 1} for prompt in "aabbab"]
    with pytest.raises(DataFileError, match=r"row 5: the samples of its group are not together.*Sort the data"):
        list(score_rows(read(tmp_path, *rows), group_runner))


def test_groups_that_were_scored_before_do_not_come_again(tmp_path: Path, group_runner: RewardRunner) -> None:
    rows = read(tmp_path, *({"response": "r", "group": group, "response_tokens": 1} for group in "cba"))
    with pytest.raises(DataFileError, match="row 3: the samples of its group are not together"):
        list(score_rows(rows, group_runner, closed={"a"}))


@pytest.mark.parametrize(
    ("groups", "scored"),
    [("aabb", 2), ("aaaa", 0), ("a" * BLOCK + "b" * 9, BLOCK), ([None] * 3, 3), (["a", None], 2)],
)
def test_a_group_that_a_malformed_row_breaks_off_is_not_scored(
    tmp_path: Path, group_runner: RewardRunner, groups: Sequence[str | None], scored: int
) -> None:
    path = written(tmp_path, [{"response": "r", "group": group, "response_tokens": 1} for group in groups])
    with path.open("a") as file:
        file.write("{broken\n")
    found, scores = [], score_rows(stream_samples(path, Columns()), group_runner)
    with pytest.raises(DataFileError, match="not valid JSON"):
        while True:
            found.append(next(scores))
    assert len(found) == scored


def test_rows_that_have_the_key_already_are_not_written(tmp_path: Path, runner: RewardRunner) -> None:
    rows = read(tmp_path, {"response": "1"}, {"response": "2", "scored": "mine"})
    file = ScoredFile(tmp_path / "scored.jsonl", {})
    with pytest.raises(DataFileError, match="row 2 has a key `scored` already"):
        for row, one in score_rows(rows, runner):
            file.write(row, one)
    file.close()
    assert len((tmp_path / "scored.jsonl").read_text().splitlines()) == 1


def test_scored_rows_keep_the_data_and_read_back(tmp_path: Path, runner: RewardRunner) -> None:
    rows = read(tmp_path, *({"response": answer, "note": "ü"} for answer in ("1", "x", "3")))
    out = tmp_path / "scored.jsonl"
    identity = {"data": "d", "rewards": "r"}
    file = ScoredFile(out, identity)
    scored = list(score_rows(rows, runner))
    for row, one in scored:
        file.write(row, one)
    file.close()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [{**line, KEY: None} for line in lines] == [{**row.row, KEY: None} for row in rows]
    assert [line[KEY]["reward"] for line in lines] == [1.0, None, 3.0]
    assert "ValueError" in lines[1][KEY]["scores"]["echo"]["message"]

    again = ScoredFile(out, identity)
    back = list(again.scored_before(iter(rows)))
    assert [one.combined for _, one in back] == [one.combined for _, one in scored]
    again.finish()
    again.close()
    with pytest.raises(DataFileError, match="exists already; nothing was written"):
        ScoredFile(out, identity)
    with pytest.raises(DataFileError, match="row 1 has a key `scored` already"):
        refuse_scored(next(stream_samples(out, Columns())))


def test_an_unfinished_file_goes_on_after_its_last_whole_line(tmp_path: Path, runner: RewardRunner) -> None:
    rows = read(tmp_path, *({"response": str(i)} for i in range(10)))
    out = tmp_path / "scored.jsonl"
    file = ScoredFile(out, {"rewards": "r"})
    for row, one in list(score_rows(rows, runner))[:4]:
        file.write(row, one)
    file.close()
    text = out.read_text()
    out.write_text(text[:-20])  # the last line was cut off by a crash
    again = ScoredFile(out, {"rewards": "r"})
    assert again.lines == 3
    assert out.read_text() == "".join(text.splitlines(keepends=True)[:3])
    again.close()
    with pytest.raises(DataFileError, match="was begun with other rewards; nothing was written"):
        ScoredFile(out, {"rewards": "s"})
    assert len(out.read_text().splitlines()) == 3
    changed = read(tmp_path, *({"response": str(i), "new": 1} for i in range(10)))
    again = ScoredFile(out, {"rewards": "r"})
    with pytest.raises(DataFileError, match=r"row 1 of .*scored.jsonl is not row 1 of the data"):
        list(again.scored_before(iter(changed)))
    again.close()


def test_two_processes_never_write_one_file(tmp_path: Path) -> None:
    first = ScoredFile(tmp_path / "scored.jsonl", {"rewards": "r"})
    with pytest.raises(DataFileError, match="is being written by another process; nothing was written"):
        ScoredFile(tmp_path / "scored.jsonl", {"rewards": "r"})
    first.close()
    ScoredFile(tmp_path / "scored.jsonl", {"rewards": "r"}).close()


def test_what_json_lacks_is_written_so_that_it_reads_back(tmp_path: Path, runner: RewardRunner) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(
        '{"response": "1", "x": NaN, "deep": [{"y": -Infinity}]}\n{"response": "2 \\ud800 \\u2028"}\n'
        '\r\n{"response": "3", "note": "\u2028"}\r\n',
        encoding="utf-8",
    )
    rows = list(stream_samples(path, Columns()))
    out = tmp_path / "scored.jsonl"
    file = ScoredFile(out, {})
    scored = list(score_rows(rows, runner))
    for row, one in scored:
        file.write(row, one)
    file.close()
    lines = out.read_bytes().decode("utf-8").split("\n")
    assert [json.loads(line).get("x", 0) for line in lines[:3]] == [None, 0, 0]
    again = ScoredFile(out, {})
    assert [one.combined for _, one in again.scored_before(iter(rows))] == [one.combined for _, one in scored]
    again.close()


def test_what_was_read_before_a_malformed_row_is_scored(tmp_path: Path, runner: RewardRunner) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(f'{{"response": "{i}"}}\n' for i in range(BLOCK * 2 + 5)) + "{broken\n")
    found, scores = [], score_rows(stream_samples(path, Columns()), runner)
    with pytest.raises(DataFileError, match=f"line {BLOCK * 2 + 6}: not valid JSON"):
        while True:
            found.append(next(scores))
    assert [scored.combined.reward for _, scored in found] == list(range(BLOCK * 2 + 5))


def test_without_prompts_every_row_is_a_group_of_its_own(tmp_path: Path, group_runner: RewardRunner) -> None:
    rows = read(tmp_path, *({"response": "r", "response_tokens": i, "sample_id": f"a/{i}"} for i in range(5)))
    found = list(score_rows(rows, group_runner))
    assert [scored.combined.scores["rank"].value for _, scored in found] == [0.0] * 5


def test_functions_of_trl_take_prompts_in_any_order(tmp_path: Path) -> None:
    rows = read(tmp_path, *({"response": "r" * n, "prompt": p} for n, p in enumerate("aabbab")))
    config = RewardConfig(use="foreign.py:length", style="trl_text")
    with RewardRunner([config], RewardRunnerConfig(), [], HERE) as runner:
        assert [scored.combined.reward for _, scored in score_rows(rows, runner)] == [-float(n) for n in range(6)]


def test_what_tells_one_scoring_from_another(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(sample): return 1.0")

    def identity(*, weight: float = 1.0, columns: Columns | None = None) -> Mapping[str, str]:
        config = RewardConfig(use="mine.py:f", weight=weight)
        with RewardRunner([config], RewardRunnerConfig(), [], tmp_path) as made:
            return identity_of(columns or Columns(), rewards=made, against=None)

    first = identity()
    assert identity() == first
    assert identity(weight=2.0)["rewards"] != first["rewards"]
    assert identity(columns=Columns(label="x"))["columns"] != first["columns"]
    (tmp_path / "mine.py").write_text("def f(sample): return 2.0")
    assert identity()["rewards"] != first["rewards"]
