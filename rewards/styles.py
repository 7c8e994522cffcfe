"""How reward functions of other frameworks are called as they are, and what they return.

Every style becomes the same thing: a function of the samples of one call (one sample, or a group's) that returns one
value for each.

- `ponder`: `f(sample, **options)`, or `f(samples, **options)` on a group.
- `trl`: `f(prompts=, completions=, completion_ids=, **columns)` on a group, prompts and completions as chat turns;
  `trl_text` the same with plain texts. Returns a list of numbers or None.
- `verl`: `f(data_source=, solution_str=, ground_truth=, extra_info=)`. Returns a number, or a dict with `score` and
  other numbers, of which `acc` says whether the answer is right.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, SupportsFloat, cast

from rewards.types import RESERVED_PARTS, RewardInput, Score

Style = Literal["ponder", "trl", "trl_text", "verl"]

_NOT_DATA = frozenset({"trainer_state", "log_extra", "log_metric"})

Called = Callable[[Sequence[RewardInput]], "Sequence[object] | Awaitable[Sequence[object]]"]
"""From the samples of one call to a value for each; of an async function to something to wait for."""


def bind(function: Callable[..., Any], style: Style, options: Mapping[str, Any], *, group: bool) -> Called:
    """A reward function with its options, in the one shape that workers call."""
    chosen = partial(function, **options)
    accepted = _accepted(function, options)
    read = _read_verl if style == "verl" else _same

    def call(samples: Sequence[RewardInput]) -> Sequence[object] | Awaitable[Sequence[object]]:
        match style:
            case "ponder":
                returned = chosen(list(samples) if group else samples[0])
            case "verl":
                returned = chosen(**accepted(_verl_arguments(samples[0])))
            case _:
                returned = chosen(**accepted(_trl_arguments(samples, texts=style == "trl_text")))
        if inspect.isawaitable(returned):
            return _awaited(returned, len(samples), group=group, read=read)
        return _values(returned, len(samples), group=group, read=read)

    return call


def _same(value: object) -> object:
    return value


async def _awaited(
    returned: Awaitable[object], size: int, *, group: bool, read: Callable[[object], object]
) -> Sequence[object]:
    return _values(await returned, size, group=group, read=read)


def _values(returned: object, size: int, *, group: bool, read: Callable[[object], object]) -> Sequence[object]:
    """One value for each sample of the call.

    Raises:
        TypeError, ValueError: a function on a group returned no list, or one of another length.
    """
    if not group:
        return [read(returned)]
    if isinstance(returned, (str, bytes, Mapping)) or not (
        hasattr(returned, "__getitem__") and hasattr(returned, "__len__")
    ):  # a set has no order, a generator no length
        raise TypeError(
            f"a reward on a group returns a list with a value for each sample, not {type(returned).__name__}"
        )
    values = list(cast("Sequence[object]", returned))
    if len(values) != size:
        raise ValueError(f"returned {len(values)} values for the {size} samples of the group")
    return [read(value) for value in values]


def _accepted(function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Picks the arguments that the function takes and no option stands for.

    What it returns raises ValueError where a column is missing that the function needs.
    """
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name not in options]
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    named = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    names = {one.name for one in named}
    needed = [one.name for one in named if one.default is one.empty]

    def pick(arguments: dict[str, Any]) -> dict[str, Any]:
        if missing := [name for name in needed if name not in arguments]:
            raise ValueError(
                f"the function needs the column `{missing[0]}`, which the data do not have (they have: "
                f"{', '.join(sorted(arguments.keys() - _NOT_DATA))}). Add the column, or give it under `options`."
            )
        return {
            name: value for name, value in arguments.items() if (open_ended and name not in options) or name in names
        }

    return pick


def _trl_arguments(samples: Sequence[RewardInput], *, texts: bool) -> dict[str, Any]:
    """What TRL's trainers pass: lists over the samples, the data set's columns among them."""
    columns: dict[str, list[Any]] = {
        "ground_truth": [s.ground_truth for s in samples],
        "task": [s.task for s in samples],
    }
    for name in samples[0].columns:
        columns[name] = [sample.columns.get(name) for sample in samples]
    prompts: list[Any] = [[dict(turn) for turn in sample.messages] for sample in samples]
    completions: list[Any] = [[{"role": "assistant", "content": sample.response}] for sample in samples]
    if texts:
        prompts = [sample.messages[-1]["content"] if sample.messages else "" for sample in samples]
        completions = [sample.response for sample in samples]
    ids = [None if sample.response_ids is None else list(sample.response_ids) for sample in samples]
    return columns | {
        "prompts": prompts,
        "completions": completions,
        "completion_ids": ids,
        "trainer_state": None,
        "log_extra": _ignore,
        "log_metric": _ignore,
    }


def _ignore(*_: object) -> None:
    """TRL's functions may log columns and metrics of their own; a `Score`'s detail is where we take them."""


def _verl_arguments(sample: RewardInput) -> dict[str, Any]:
    extra = sample.columns.get("extra_info")
    return {
        "data_source": sample.columns.get("data_source", sample.task),
        "solution_str": sample.response,
        "ground_truth": sample.ground_truth,
        "extra_info": dict(extra) if isinstance(extra, Mapping) else dict(sample.columns),
    }


def _read_verl(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    if "score" not in value:
        raise ValueError(f"returned a dict without `score` (it has: {', '.join(map(str, value)) or 'nothing'})")
    detail = {
        f"own_{name}" if name in RESERVED_PARTS else str(name): cast("float", part)  # checked where all scores are
        for name, part in value.items()
        if name not in ("score", "acc") and isinstance(part, SupportsFloat) and not isinstance(part, (str, bytes))
    }
    return Score(value["score"], correct=value.get("acc"), detail=detail)
