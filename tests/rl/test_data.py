"""What is pinned here:

1. `letter_count`: answers are right, worked responses box them, flawed ones box another number.
2. Procedural sources are seeded, free of repeats, and avoid held-out questions.
3. Files: JSONL and Parquet; whatever is wrong is a ConfigError that names file, line and way out.
4. Overlap of training and held-out questions stops the run with its count, a reward's column that no row has with its
   name.
5. `render` applies the chat template and refuses prompts that do not fit, with names and numbers.
6. `worked: equations`: the one way from a problem's numbers to its answer, right in its own reading; none where there
   are two or none.
7. `PromptStream`: every prompt once an epoch, and an exact resume.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import ValidationError
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from rewards.config import RewardConfig
from rewards.errors import DataFileError
from rl.data.char_count import CharCount
from rl.data.config import SourceConfig
from rl.data.equations import work_out
from rl.data.example import Example
from rl.data.letter_count import LetterCount, LetterCountOptions, letter_count_examples
from rl.data.source import load_examples, render, require_columns, require_disjoint
from rl.data.stream import PromptStream
from rl.data.worked import load_worked
from rl.errors import ConfigError, PonderError
from rl.models import tiny
from rollout.types import Prompt
from verifiers.math import verify_here
from verifiers.thinking import split_thinking

HERE = Path()


def counting(size: int = 50, seed: int = 0, **options: Any) -> SourceConfig:
    return SourceConfig(generator="letter_count", size=size, seed=seed, options=options)


def load(tmp_path: Path, text: str, name: str = "data.jsonl", **source: Any) -> list[Example]:
    (tmp_path / name).write_text(text)
    return load_examples([SourceConfig(path=Path(name), **source)], tmp_path)


# --- letter_count


def test_the_work_is_the_running_count() -> None:
    problem = LetterCount("r", "strawberry")
    assert problem.question == "How many times does the letter r appear in: s t r a w b e r r y ?"
    assert problem.work() == "<seed:think> s 0 t 0 r 1 a 1 w 1 b 1 e 1 r 2 r 3 y 3</seed:think> \\boxed{3}"
    assert problem.work(miscount_at=2).endswith(" r 0 a 0 w 0 b 0 e 0 r 1 r 2 y 2</seed:think> \\boxed{2}")
    assert problem.work(miscount_at=9).endswith(" y 4</seed:think> \\boxed{4}")


@given(st.integers(0, 1000), st.integers(1, 8), st.integers(0, 7))
def test_worked_responses_are_right_and_flawed_ones_wrong(seed: int, shortest: int, more: int) -> None:
    options = LetterCountOptions(word_length_min=shortest, word_length_max=shortest + more)
    for example in itertools.islice(letter_count_examples(seed, options), 5):
        assert example.response
        assert example.flawed
        assert verify_here(example.ground_truth, example.response)
        assert not verify_here(example.ground_truth, example.flawed)
        word = re.search(r"in: (.*) \?", example.question)
        assert word
        assert shortest <= len(word[1].split()) <= shortest + more


def test_the_counted_letter_is_the_only_one_that_repeats() -> None:
    for example in load_examples([counting(200)], HERE):
        match = re.search(r"letter (.) appear in: (.*) \?", example.question)
        assert match
        rest = [letter for letter in match[2].split() if letter != match[1]]
        assert len(set(rest)) == len(rest)
        assert len(match[2].split()) - len(rest) == int(example.ground_truth)


# --- char_count


def test_a_hyphenated_word_is_counted_in_its_own_stride() -> None:
    problem = CharCount("r", "strawr")
    assert problem.question == "How many r are there in word s-t-r-a-w-r?"
    assert problem.work() == "s0t0r1a1w1r2 \\boxed{2}"
    assert problem.work(miscount_at=1) == "s0t1r2a2w2r3 \\boxed{3}"
    assert CharCount("r", "strawr", thinking=True).work() == "<seed:think>s0t0r1a1w1r2</seed:think> \\boxed{2}"


def test_char_count_draws_how_often_the_letter_occurs() -> None:
    examples = load_examples([SourceConfig(generator="char_count", size=2000)], HERE)
    words = [re.fullmatch(r"How many (.) are there in word ([a-z](?:-[a-z])+)\?", e.question) for e in examples]
    found = [(match[1], match[2].split("-")) for match in words if match]
    assert len(found) == 2000
    assert {len(word) for _, word in found} == set(range(5, 21))
    assert all(word.count(letter) == int(e.ground_truth) for (letter, word), e in zip(found, examples, strict=True))
    share = sum(word.count(letter) / len(word) for letter, word in found) / len(found)
    assert 0.51 < share < 0.57  # the mean of (n + 1) / 2n over the lengths n is 0.55; some short words repeat
    for example in examples[:20]:
        assert example.response and verify_here(example.ground_truth, example.response)
        assert example.flawed and not verify_here(example.ground_truth, example.flawed)


def test_char_count_thinks_where_its_options_say_so() -> None:
    source = SourceConfig(generator="char_count", size=3, options={"thinking": True})
    plain = load_examples([SourceConfig(generator="char_count", size=3)], HERE)
    for example, same in zip(load_examples([source], HERE), plain, strict=True):
        assert example.question == same.question
        for text, without in ((example.response, same.response), (example.flawed, same.flawed)):
            assert text and without
            thinking, answer = split_thinking(text)
            assert f"{thinking}{answer}" == without


# --- procedural sources


def test_a_seed_makes_the_same_questions_and_another_makes_others() -> None:
    first, again, other = (load_examples([counting(seed=s)], HERE) for s in (1, 1, 2))
    assert first == again
    assert len({e.question for e in first} & {e.question for e in other}) <= 1
    assert len({e.id for e in first} | {e.id for e in other}) == 100


def test_a_source_repeats_no_question() -> None:
    examples = load_examples([counting(150, word_length_min=1, word_length_max=2)], HERE)
    assert len({example.question for example in examples}) == 150


def test_held_out_questions_are_left_out_of_a_generator() -> None:
    held_out = load_examples([counting(20)], HERE)
    train = load_examples([counting(50)], HERE, exclude=held_out)  # same seed: would repeat all 20
    assert len(train) == 50
    require_disjoint(train, held_out)


def test_asking_for_more_questions_than_there_are_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"only 2\d\d distinct questions .* 1,000 are asked for"):
        load_examples([counting(1000, word_length_min=1, word_length_max=1)], HERE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"word_length": 3}, "word_length"),
        ({"word_length_min": 9, "word_length_max": 5}, "must not be above"),
        ({"alphabet": 8}, "must be below alphabet"),
    ],
)
def test_wrong_generator_options_are_named(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_examples([counting(5, **options)], HERE)


def test_puzzles_of_neighbouring_seeds_do_not_overlap() -> None:
    def puzzle(seed: int) -> list[Example]:
        return load_examples([SourceConfig(puzzle="chain_sum", size=40, seed=seed)], HERE)

    assert puzzle(0) == puzzle(0)
    require_disjoint(puzzle(0), puzzle(1))
    example = puzzle(0)[0]
    assert example.task == "chain_sum"
    assert example.columns["metadata"]["source_dataset"] == "chain_sum"
    assert int(example.ground_truth) == sum(
        int(n) for n in example.columns["metadata"]["expression"].replace("- ", "-").replace("+ ", "").split()
    )


def test_an_unknown_puzzle_is_told_what_is_near() -> None:
    with pytest.raises(ConfigError, match="did you mean chain_sum"):
        load_examples([SourceConfig(puzzle="chainsum", size=2)], HERE)


def test_a_puzzle_option_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ConfigError, match="options of the puzzle"):
        load_examples([SourceConfig(puzzle="chain_sum", size=2, options={"terms": 3})], HERE)


# --- files


def test_jsonl_columns_template_and_system(tmp_path: Path) -> None:
    rows = [{"problem": "1+1", "solution": 2, "level": "easy"}, {"problem": "2+2", "solution": "4", "level": "hard"}]
    examples = load(
        tmp_path,
        "\n".join(map(json.dumps, rows)) + "\n\n",
        question_column="problem",
        answer_column="solution",
        template="Solve: {question} Box it: \\boxed{{}}.",
        system="Be brief.",
    )
    assert [e.id for e in examples] == ["data/0", "data/1"]
    assert examples[0].messages == (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Solve: 1+1 Box it: \\boxed{}."},
    )
    assert (examples[0].ground_truth, examples[0].columns, examples[0].task) == (
        "2",
        {"problem": "1+1", "solution": 2, "level": "easy"},
        "data",
    )


@pytest.mark.parametrize(
    ("question", "answer", "work"),
    [
        ("Tom had 15 cards and lost 6. How many are left?", "9", r"15 - 6 = 9, \boxed{9}"),
        ("Tom lost 6 of 15 cards.", "9", r"15 - 6 = 9, \boxed{9}"),
        ("79 pictures, 44 in one album, the rest in 5.", "7", r"79 - 44 = 35, 35 / 5 = 7, \boxed{7}"),
        ("7 rode every 5 minutes. How many rode in 15?", "21", r"7 / 5 = 1.4, 15 * 1.4 = 21, \boxed{21}"),
        ("10 books, 1 book and 3 books at $16 each.", "224", r"10 + 1 = 11, 3 + 11 = 14, 16 * 14 = 224, \boxed{224}"),
        ("3.5 meters at $1,200 a meter.", "4200", r"3.5 * 1200 = 4200, \boxed{4200}"),
        ("2, 3 and 4 apples.", "10", None),  # (2 + 3) * 2 is not there; 3 * 4 - 2 and 2 * 3 + 4 are
        ("2 boxes of 2.", "4", None),  # 2 + 2 and 2 * 2
        ("49 burgers in a week. How many a day?", "7", None),  # one number
        ("4 and 9", "100", None),
        ("4 and 9", "many", None),
        ("4 and 9", "1/0", None),
        ("10 miles in 3 hours.", "3.3333333333", None),
        ("1 2 3 4 5 6", "21", None),
    ],
)
def test_the_one_way_to_an_answer_is_its_worked_solution(question: str, answer: str, work: str | None) -> None:
    assert work_out(question, answer) == work


@given(st.lists(st.integers(2, 60), min_size=2, max_size=4), st.integers(0, 4000))
def test_every_worked_step_is_true_and_leads_to_the_answer(numbers: list[int], answer: int) -> None:
    work = work_out(" and ".join(map(str, numbers)), str(answer))
    if work is None:
        return
    *steps, boxed = work.split(", ")
    for step in steps:
        left, right = step.split(" = ")
        assert eval(left) == pytest.approx(float(right))
    assert steps[-1].endswith(f"= {answer}") and boxed == rf"\boxed{{{answer}}}"


def test_a_file_is_worked_out_where_the_source_says_so(tmp_path: Path) -> None:
    rows = [{"question": "6 of 15 are lost.", "answer": "9"}, {"question": "4 and 9", "answer": "100"}]
    text = "\n".join(map(json.dumps, rows))
    asked = load(tmp_path, text, worked="equations", template="Problem 1: {question}")
    assert [example.response for example in asked] == [r"15 - 6 = 9, \boxed{9}", None]
    assert {example.response for example in load(tmp_path, text)} == {None}
    with pytest.raises(ValueError, match="for the rows of a file, not for a generator"):
        SourceConfig(generator="letter_count", size=2, worked="equations")


def test_parquet_with_chat_turns(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "1+1"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "?"},
    ]
    parquet.write_table(pyarrow.table({"question": [turns, turns], "answer": [2, 3]}), tmp_path / "d.parquet")
    examples = load_examples([SourceConfig(path=Path("d.parquet"), task="sums", size=1)], tmp_path)
    assert [(e.id, e.ground_truth, list(e.messages)) for e in examples] == [("sums/0", "2", turns)]


def test_ids_stay_unique_over_sources_of_the_same_task(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "data.jsonl").write_text(f'{{"question": "{folder}", "answer": "1"}}')
    sources = [SourceConfig(path=Path(folder, "data.jsonl")) for folder in ("a", "b")]
    assert len({example.id for example in load_examples(sources, tmp_path)}) == 2


GOOD = '{"question": "1+1", "answer": "2"}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data.jsonl is empty"),
        ("\n \n", "data.jsonl is empty"),
        (GOOD + '{"question": "2+2", "answer"\n', r"data.jsonl, line 2: not valid JSON"),
        ("[\n" + GOOD, r"line 1: not valid JSON .*\n.*JSON array must be rewritten"),
        (GOOD + "\n[1]\n", "line 3: a JSON object is expected"),
        (GOOD + '{"question": "2+2", "gold": "4"}\n', r"line 2: no column `answer` \(it has: gold, question\)"),
        ('{"question": "2+2", "answer": null}\n', "line 1: no column `answer`"),
        ('{"question": 5, "answer": "4"}\n', "line 1, column `question`: expected text or a list"),
        ('{"question": [{"role": "user"}], "answer": "4"}\n', "line 1, column `question`: expected text or a list"),
    ],
)
def test_a_malformed_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((ConfigError, DataFileError), match=f"(?s){message}"):
        load(tmp_path, text)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "\xe9"}')
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    (tmp_path / "data.csv").write_text("a,b")
    (tmp_path / "folder.jsonl").mkdir()
    for name, message in [
        ("missing.jsonl", "does not exist"),
        ("folder.jsonl", "is a folder"),
        ("latin.jsonl", "line 1: not UTF-8 text"),
        ("bad.parquet", "cannot be read as Parquet"),
        ("data.csv", "unknown kind `.csv`"),
    ]:
        with pytest.raises(DataFileError, match=message) as caught:
            load_examples([SourceConfig(path=Path(name))], tmp_path)
        assert name in str(caught.value)


def test_overlap_is_counted_and_named(tmp_path: Path) -> None:
    train = load(tmp_path, GOOD + '{"question": "3+3", "answer": "6"}')
    held_out = load(tmp_path, GOOD + '{"question": "9+9", "answer": "18"}', "eval.jsonl")
    with pytest.raises(ConfigError, match=r"1 of 2 held-out questions .*eval/0"):
        require_disjoint(train, held_out)


# --- worked examples


def test_a_template_hides_no_overlap(tmp_path: Path) -> None:
    train = load(tmp_path, GOOD, template="{question} Think.")
    held_out = load(tmp_path, GOOD, "eval.jsonl")
    with pytest.raises(ConfigError, match=r"1 of 1 held-out questions are also in data\.train"):
        require_disjoint(train, held_out)
    asked = [Example("w/0", ({"role": "user", "content": "1+1 Think."},), "2", response="2")]  # as a run saved it
    with pytest.raises(ConfigError, match=r"are also in warmup\.examples"):
        require_disjoint(asked, train, "warmup.examples")
    templated = load_examples([counting(20).model_copy(update={"template": "Now: {question}"})], HERE)
    require_disjoint(load_examples([counting(50)], HERE, exclude=templated), templated)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "a.jsonl", "template": "{question} \\boxed{}"}, r"written twice"),
        ({"path": "a.jsonl", "template": "{q}"}, r"written twice"),
        ({"path": "a.jsonl", "template": "{question"}, r"written twice"),
        ({"path": "a.jsonl", "template": "How many?"}, r"every prompt would be the same"),
        ({"path": "a.jsonl", "seed": 3}, r"`seed` has no effect with `path`"),
        ({"path": "a.jsonl", "options": {"a": 1}}, r"`options` has no effect with `path`"),
        ({"generator": "letter_count", "size": 3, "answer_column": "a"}, r"`answer_column` has no effect with `gen"),
    ],
)
def test_settings_of_a_source_that_mean_nothing(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SourceConfig(**settings)
    SourceConfig.model_validate(SourceConfig(path=Path("a"), template="{question} \\boxed{{}}").model_dump())


def test_budgets_by_a_column_that_no_row_has(tmp_path: Path) -> None:
    examples = load(tmp_path, '{"question": "1+1", "answer": "2", "level": 3}')
    require_columns(examples, [], "level")
    with pytest.raises(ConfigError, match=r"budget\.by\.column: `levl`, .*Columns: answer, level, question"):
        require_columns(examples, [], "levl")


def test_a_reward_may_only_ask_for_columns_that_are_there(tmp_path: Path) -> None:
    rows = [{"question": "1+1", "answer": "2", "kind": "sum"}, {"question": "2", "answer": "2", "level": 3}]
    examples = load(tmp_path, "\n".join(map(json.dumps, rows)))

    def ask(*conditions: str | None) -> None:
        require_columns(examples, [RewardConfig(use="math", when=condition) for condition in conditions])

    ask(None, 'columns.kind == "sum" and not columns.level == 3', 'task == "data"')
    with pytest.raises(ConfigError, match=r"rewards\.1\.when: .*`levl`, .*Columns: answer, kind, level, question"):
        ask(None, "columns.kind == 1 or columns.levl > 2")


def test_worked_examples_from_prompts_and_from_turns(tmp_path: Path) -> None:
    file = tmp_path / "worked.jsonl"
    turns = [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "So \\boxed{4}"}]
    rows: list[dict[str, Any]] = [
        {"prompt": "1+1", "response": "Two", "answer": 2},
        {"messages": turns},
        {"prompt": "hi", "response": "There are 3 of us."},
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    first, second, third = load_worked(file)
    assert (first.messages[-1]["content"], first.response, first.ground_truth) == ("1+1", "Two", "2")
    assert (second.messages, second.response, second.ground_truth) == ((turns[0],), "So \\boxed{4}", "4")
    assert third.ground_truth == ""  # a number in passing is no answer to judge by


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"prompt": "1+1"}', "line 1: no text in column `response`"),
        ('{"response": "2"}', "line 1, column `prompt` or `messages`: expected text or a list"),
        ('{"messages": [{"role": "user"}], "response": "2"}', "column `prompt` or `messages`: expected text or a list"),
    ],
)
def test_malformed_worked_examples_are_named(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "worked.jsonl"
    file.write_text(row)
    with pytest.raises((ConfigError, DataFileError), match=message):
        load_worked(file)


# --- render


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerBase:
    folder = tmp_path_factory.mktemp("tiny")
    tiny.build_tiny(folder)
    return AutoTokenizer.from_pretrained(folder)


def test_render_applies_the_chat_template(tokenizer: PreTrainedTokenizerBase) -> None:
    examples = load_examples([counting(20)], HERE)
    prompts = render(examples, tokenizer, context_tokens=128, max_response_tokens=48)
    assert [p.prompt_id for p in prompts] == [e.id for e in examples]
    for example, prompt in zip(examples, prompts, strict=True):
        text = tokenizer.decode(list(prompt.token_ids))
        assert text == f"<seed:bos>user\n{example.question}<seed:eos><seed:bos>assistant\n"
        assert (prompt.ground_truth, prompt.task) == (example.ground_truth, "letter_count")


def test_prompts_that_do_not_fit_are_named_with_the_ways_out(tokenizer: PreTrainedTokenizerBase) -> None:
    short = Example("t/short", ({"role": "user", "content": "a"},), "1")
    long = Example("t/long", ({"role": "user", "content": " a" * 100},), "1")
    need = len(render([long], tokenizer, 1000, 10)[0].token_ids)
    with pytest.raises(ConfigError, match="1 of 2 prompts") as caught:
        render([short, long], tokenizer, 64, 32)
    message = str(caught.value)
    assert f"t/long ({need} tokens)" in message
    assert "t/short" not in message
    assert f"context_tokens of at least {need + 32}" in message
    assert len(render([short, long], tokenizer, need + 32, 32)) == 2  # the way out works, to the token


def test_a_response_as_long_as_the_context_leaves_no_prompt(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ConfigError, match="leaves no room for a prompt"):
        render([], tokenizer, 64, 64)


def test_a_tokenizer_without_a_chat_template_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    template, tokenizer.chat_template = tokenizer.chat_template, None
    try:
        with pytest.raises(ConfigError, match="no chat template"):
            render([Example("a", ({"role": "user", "content": "a"},), "1")], tokenizer, 64, 32)
    finally:
        tokenizer.chat_template = template


# --- stream


def prompts(count: int) -> list[Prompt]:
    return [Prompt(f"t/{i}", (), (i,), "") for i in range(count)]


@given(st.integers(1, 9), st.lists(st.integers(0, 12), max_size=6), st.integers(0, 5))
def test_every_epoch_holds_every_prompt_once(size: int, takes: list[int], seed: int) -> None:
    stream = PromptStream(prompts(size), seed=seed)
    taken = [prompt.prompt_id for count in takes for prompt in stream.take(count)]
    for start in range(0, len(taken), size):
        assert max(Counter(taken[start : start + size]).values()) == 1


@given(st.integers(1, 9), st.integers(0, 30), st.integers(1, 30))
def test_resuming_goes_on_exactly_where_it_stopped(size: int, before: int, after: int) -> None:
    stream = PromptStream(prompts(size), seed=7)
    stream.take(before)
    state = json.loads(json.dumps(stream.state()))
    resumed = PromptStream(prompts(size), seed=7)
    resumed.restore(state)
    assert resumed.take(after) == stream.take(after)


def test_orders_differ_between_epochs_and_seeds_unless_told_not_to_shuffle() -> None:
    first = PromptStream(prompts(50), seed=1).take(100)
    assert first[:50] != first[50:]
    assert first[:50] != PromptStream(prompts(50), seed=2).take(50)
    assert PromptStream(prompts(5), seed=1, shuffle=False).take(7) == [*prompts(5), *prompts(2)]


def test_a_state_of_other_data_is_refused() -> None:
    state = PromptStream(prompts(5), seed=1).state()
    with pytest.raises(PonderError, match=r"5 training prompts, the data has 6"):
        PromptStream(prompts(6), seed=1).restore(state)
