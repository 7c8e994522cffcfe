"""From the `data:` section to prompts.

- `load_examples`: the questions of all sources, with their answers.
- `require_disjoint`: no held-out question may be trained on.
- `require_columns`: what rewards ask of the data is there.
- `render`: questions -> token ids by the model's chat template, checked against the context.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rewards.conditions import columns_of
from rewards.config import RewardConfig
from rewards.rows import Row, chat_turns, read_rows
from rl.data.config import SourceConfig
from rl.data.equations import work_out
from rl.data.example import Example, Message
from rl.data.generators import GENERATORS
from rl.errors import ConfigError
from rollout.types import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_PATIENCE = 50
"""Questions in a row that a procedural source may repeat before it counts as exhausted."""


def load_examples(sources: Sequence[SourceConfig], base: Path, exclude: Collection[Example] = ()) -> list[Example]:
    """All questions of some sources, in a fixed order.

    Args:
        base: folder of the configuration file; relative data paths start there.
        exclude: held-out examples; a procedural source makes others instead (files are left as they are, see
            `require_disjoint`).

    Raises:
        DataFileError: a file is missing, empty, or malformed.
        ConfigError: it lacks a column, or a generator's options are wrong.
    """
    taken = {text for example in exclude for text in example.texts}
    examples: list[Example] = []
    for place, source in enumerate(sources):
        found = _file(source, base) if source.path is not None else _procedural(source, taken)
        # the same task name twice, say from two files: ids stay unique by the place of the source
        again = any(found[0].task == example.task for example in examples)
        examples += [dataclasses.replace(e, id=f"{e.id}@{place}") for e in found] if again else found
    return examples


def require_disjoint(train: Sequence[Example], held_out: Sequence[Example], where: str = "data.train") -> None:
    """Check that no held-out question is trained on, in whichever template.

    Args:
        where: `train` comes from, for the error.

    Raises:
        ConfigError: with the number of shared questions and the first ones.
    """
    questions = {text for example in train for text in example.texts}
    shared = [example for example in held_out if not questions.isdisjoint(example.texts)]
    if shared:
        first = ", ".join(example.id for example in shared[:3])
        raise ConfigError(
            f"{len(shared)} of {len(held_out)} held-out questions are also in {where} (data.eval: {first}): "
            "accuracy on them would mean nothing. Remove them from one of the two, or give generators different seeds."
        )


def require_columns(
    examples: Sequence[Example], rewards: Sequence[RewardConfig], budget_column: str | None = None
) -> None:
    """Check that each column in the `when:` of a reward, and that of `budget.by`, is one of some example.

    Where it is none of them it is None everywhere, and nothing would come of it.

    Raises:
        ConfigError: with the columns that there are.
    """
    there = {column for example in examples for column, value in example.columns.items() if value is not None}
    has = f"which no row of data.train has. Columns: {', '.join(sorted(there)) or 'none'}."
    for place, reward in enumerate(rewards):
        asked = columns_of(reward.when) if reward.when is not None else frozenset()
        if missing := sorted(asked - there):
            raise ConfigError(f"rewards.{place}.when: `{reward.when}` asks for column `{missing[0]}`, {has}")
    if budget_column is not None and budget_column not in there:
        raise ConfigError(f"budget.by.column: `{budget_column}`, {has}")


def render(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    context_tokens: int,
    max_response_tokens: int,
    budget_tokens: int = 0,
) -> list[Prompt]:
    """Apply the chat template (generation prompt included) and tokenize.

    Args:
        context_tokens: longest prompt plus response.
        budget_tokens: what a thinking budget will add to a prompt, at most.

    Raises:
        ConfigError: the tokenizer has no chat template, or prompts leave no room for `max_response_tokens`.
    """
    room = context_tokens - max_response_tokens - budget_tokens
    if room < 1:
        raise ConfigError(
            f"rollout.max_response_tokens ({max_response_tokens}) leaves no room for a prompt in model.context_tokens "
            f"({context_tokens}"
            f"{f', {budget_tokens} of them for telling a budget' * (budget_tokens > 0)}). Raise the second or lower "
            "the first."
        )
    prompts = [_render_one(example, tokenizer) for example in examples]
    long = [prompt for prompt in prompts if len(prompt.token_ids) > room]
    if long:
        first = ", ".join(f"{prompt.prompt_id} ({len(prompt.token_ids):,} tokens)" for prompt in long[:3])
        longest = max(len(prompt.token_ids) for prompt in long) + budget_tokens
        ways = [f"model.context_tokens of at least {longest + max_response_tokens:,}"]
        if longest < context_tokens:
            ways.append(f"rollout.max_response_tokens of at most {context_tokens - longest:,}")
        ways.append("remove these prompts from the data")
        raise ConfigError(
            f"{len(long):,} of {len(prompts):,} prompts are longer than the {room:,} tokens that model.context_tokens "
            f"({context_tokens:,}) minus rollout.max_response_tokens ({max_response_tokens:,}) leave"
            f"{f' ({budget_tokens} of them tell a budget)' * (budget_tokens > 0)}: {first}"
            f"{', ...' if len(long) > 3 else ''}.\nWays out: "
            + "; ".join(f"({number}) {way}" for number, way in enumerate(ways, 1))
            + "."
        )
    return prompts


def _render_one(example: Example, tokenizer: PreTrainedTokenizerBase) -> Prompt:
    return Prompt(
        prompt_id=example.id,
        messages=example.messages,
        token_ids=tuple(prompt_ids(example.messages, tokenizer)),
        ground_truth=example.ground_truth,
        task=example.task,
        columns=example.columns,
    )


def prompt_ids(messages: Sequence[Message], tokenizer: PreTrainedTokenizerBase, **options: Any) -> list[int]:
    """Token ids of a conversation up to where the model's turn begins.

    Args:
        options: variables of the chat template (`thinking_budget`).
    """
    if tokenizer.chat_template is None:
        raise ConfigError(
            f"the tokenizer of {tokenizer.name_or_path} has no chat template. Use an instruction-tuned model, or put a "
            "chat_template.jinja into the model's folder."
        )
    text = tokenizer.apply_chat_template(
        [dict(message) for message in messages], tokenize=False, add_generation_prompt=True, **options
    )
    # the template writes all special tokens itself
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _file(source: SourceConfig, base: Path) -> list[Example]:
    assert source.path is not None
    path = base / source.path.expanduser()
    task = source.task or source.path.stem
    rows = read_rows(path)[: source.size]
    return [_from_row(source, row, path, number, f"{task}/{i}", task) for i, (number, row) in enumerate(rows)]


def _from_row(source: SourceConfig, row: dict[str, Any], path: Path, number: int, name: str, task: str) -> Example:
    question = _column(row, source.question_column, path, number)
    answer = _column(row, source.answer_column, path, number)
    messages = _messages(source, question, f"{path}, line {number}, column `{source.question_column}`")
    asked = question if isinstance(question, str) else None
    example = Example(name, messages, str(answer), task, row, asked=asked)
    if source.worked == "equations":
        return dataclasses.replace(example, response=work_out(example.question, example.ground_truth))
    return example


def _column(row: Row, name: str, path: Path, number: int) -> Any:
    """A row's value under `name`."""
    if row.get(name) is None:
        there = ", ".join(sorted(key for key, value in row.items() if value is not None)) or "none"
        raise ConfigError(
            f"{path}, line {number}: no column `{name}` (it has: {there}). Set `question_column` and `answer_column` "
            "of the source to the columns with the question and the reference answer."
        )
    return row[name]


def _messages(source: SourceConfig, question: object, where: str) -> tuple[Message, ...]:
    """A question's chat turns: text goes through the template, a list of turns stands as it is."""
    system: list[Message] = [{"role": "system", "content": source.system}] if source.system else []
    if isinstance(question, str):
        return (*system, {"role": "user", "content": source.template.format(question=question)})
    return (*system, *chat_turns(question, where))


def _procedural(source: SourceConfig, taken: Collection[str]) -> list[Example]:
    """The first `size` distinct questions of a generator or puzzle that are not in `taken`."""
    assert source.size is not None
    seen = set(taken)
    found: list[Example] = []
    repeats = 0
    for example in _endless(source):
        if not seen.isdisjoint(example.texts):
            repeats += 1
            if repeats > _PATIENCE + source.size:
                break
            continue
        seen.add(example.question)
        found.append(dataclasses.replace(example, id=f"{example.task}/{source.seed}-{len(found)}"))
        if len(found) == source.size:
            return found
    raise ConfigError(
        f"data source `{source.generator or source.puzzle}` has only {len(found):,} distinct questions with these "
        f"options (besides held-out ones), {source.size:,} are asked for. Lower `size`, or widen `options`."
    )


def _endless(source: SourceConfig) -> Iterator[Example]:
    if source.generator is not None:
        generator = GENERATORS[source.generator]
        try:
            options = generator.options.model_validate(source.options)
        except ValidationError as error:
            raise ConfigError(f"options of the generator `{source.generator}`: {_problems(error)}") from error
        made = generator.examples(source.seed, options)
    else:
        made = _puzzles(source)
    task = source.task or source.generator or source.puzzle or ""
    for example in made:
        messages = _messages(source, example.question, task)
        yield dataclasses.replace(example, messages=messages, task=task, asked=example.question)


def _puzzles(source: SourceConfig) -> Iterator[Example]:
    """Questions of a reasoning-gym task, its metadata as columns."""
    import reasoning_gym  # type: ignore[import-untyped]
    from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]

    assert source.puzzle is not None
    assert source.size is not None
    if source.puzzle not in DATASETS:
        raise ConfigError(f"no puzzle `{source.puzzle}` in reasoning-gym{_near(source.puzzle, DATASETS)}.")
    try:
        made = reasoning_gym.create_dataset(
            source.puzzle, seed=_spread(source.seed), size=2 * source.size + _PATIENCE, **source.options
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"options of the puzzle `{source.puzzle}`: {error}") from error
    for index in range(len(made)):
        entry = made[index]
        turn = {"role": "user", "content": entry["question"]}
        # answers that only the puzzle's own scorer can judge have no text of their own
        yield Example("", (turn,), str(entry["answer"]), columns={"metadata": entry["metadata"]})


def _spread(seed: int) -> int:
    """A puzzle's question i comes from its seed + i: neighbouring seeds would make the same questions, shifted."""
    return seed * 1_000_003 % 2**31


def _near(name: str, names: Collection[str]) -> str:
    import difflib

    matches = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f" (did you mean {', '.join(matches)}?)" if matches else ""


def _problems(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {e['msg']}" for e in error.errors())
