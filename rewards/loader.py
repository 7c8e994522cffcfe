"""From the `rewards:` section to functions that exist and take the options given to them.

`ponder check` and the runner both come through here, so what checks also runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewards.conditions import Condition, ConditionError, parse_condition
from rewards.config import RewardConfig
from rewards.describe import Description, Problem, describe
from rewards.errors import RewardConfigError
from rewards.registry import BUILTINS
from rewards.styles import Style
from rewards.types import RewardInput
from sandbox.pool import CallOutcome, KillablePool

IMPORT_TIMEOUT_S = 120.0
"""For importing a user's file: torch and transformers on a cold disk take a minute."""


@dataclass(frozen=True, slots=True)
class LoadedReward:
    """A reward function that was found, with its configuration."""

    config: RewardConfig
    reference: str
    """`module:function` or `/absolute/file.py:function`."""
    description: Description
    applies: Condition
    """Its `when:`."""

    @property
    def label(self) -> str:
        """Its name in metrics, in `correctness:` and in `requires:`."""
        return self.config.label

    @property
    def needs_group(self) -> bool:
        """It compares the samples of a group; TRL's functions take any batch, and score each sample by itself."""
        return self.description.group and self.config.style == "ponder"


def load_all(configs: Sequence[RewardConfig], correctness: str | Sequence[str], base: Path) -> list[LoadedReward]:
    """Find every reward of a section and check its options, condition and gates.

    Args:
        correctness: names of the rewards that judge right and wrong.
        base: folder that relative files are looked up in first; then the current one.

    Raises:
        RewardConfigError: with all problems at once.
    """
    judges = (correctness,) if isinstance(correctness, str) else tuple(correctness)
    problems = list(_name_problems(configs, judges))
    references: list[str | Problem] = [_resolve(config.use, base) for config in configs]
    wanted = [
        (reference, config.style)
        for config, reference in zip(configs, references, strict=True)
        if isinstance(reference, str) and _is_file(reference)
    ]
    described = _describe_files(wanted)
    loaded: list[LoadedReward] = []
    for place, (config, reference) in enumerate(zip(configs, references, strict=True)):
        applies: Condition = _always
        if config.when is not None:
            try:
                applies = parse_condition(config.when)
            except ConditionError as error:
                problems.append(f"rewards[{place}].when: {error}")
        found = reference if isinstance(reference, Problem) else described.get((reference, config.style))
        if found is None:
            found = describe(str(reference), config.style)
        if isinstance(found, Problem):
            problems.append(f"rewards[{place}].use: {found.message}")
            continue
        problems += (f"rewards[{place}].options{problem}" for problem in _option_problems(config, found))
        loaded.append(LoadedReward(config, str(reference), found, applies))
    if problems:
        raise RewardConfigError(problems)
    return loaded


def _always(sample: RewardInput) -> bool:
    return True


def stages(configs: Sequence[RewardConfig]) -> list[list[int]]:
    """Places of rewards in the order in which they can be called: each stage's gates stand in earlier ones.

    Rewards that wait for each other for ever, or for a name that is not there, are in no stage.
    """
    left = dict(enumerate(configs))
    known: set[str] = set()
    found: list[list[int]] = []
    while ready := [place for place, config in left.items() if known.issuperset(config.gates)]:
        found.append(ready)
        known.update(left.pop(place).label for place in ready)
    return found


def list_builtins() -> dict[str, Description]:
    """The built-in rewards with their first line and options."""
    found = {name: describe(reference) for name, reference in BUILTINS.items()}
    return {name: description for name, description in found.items() if isinstance(description, Description)}


def list_functions(path: Path) -> dict[str, Description | Problem]:
    """The functions of a user's file.

    Raises:
        RewardConfigError: the file is not there or does not import.
    """
    if not path.is_file():
        raise RewardConfigError([f"the file {path} does not exist"])
    with KillablePool(1) as pool:
        result = pool.call("rewards.describe:describe_file", (str(path.resolve()),), IMPORT_TIMEOUT_S)
    if result.outcome is not CallOutcome.OK:
        raise RewardConfigError([f"importing {path} failed ({result.outcome}): {result.traceback}"])
    found: dict[str, Description | Problem] | Problem = result.value
    if isinstance(found, Problem):
        raise RewardConfigError([found.message])
    return found


def _is_file(reference: str) -> bool:
    return reference.rpartition(":")[0].endswith(".py")


def _resolve(use: str, base: Path) -> str | Problem:
    place, _, function = use.rpartition(":")
    if use in BUILTINS:
        return BUILTINS[use]
    if not place and use.endswith(".py"):
        return Problem(f"`{use}` names no function; write {use}:function (`ponder rewards {use}` lists them)")
    if not place:
        near = _nearest(use, BUILTINS)
        return Problem(
            f"no reward is called `{use}`.{near} There are: {', '.join(BUILTINS)}; "
            "your own is written as path/to/file.py:function"
        )
    if not place.endswith(".py"):
        return Problem(f"`{use}` must be the name of a built-in reward or path/to/file.py:function")
    if not function.isidentifier():
        return Problem(f"`{use}` names no function; write {place}:function")
    looked = [(folder / Path(place).expanduser()).resolve() for folder in (base, Path.cwd())]
    for path in looked:
        if path.is_file():
            return f"{path}:{function}"
    return Problem(f"the file {place} does not exist; looked for {' and '.join(map(str, dict.fromkeys(looked)))}")


def _describe_files(wanted: Sequence[tuple[str, Style]]) -> dict[tuple[str, Style], Description | Problem]:
    """Describe functions in files, each in a process that may hang or die without harm."""
    found: dict[tuple[str, Style], Description | Problem] = {}
    changed = {ref: Path(ref.rpartition(":")[0]).stat().st_mtime_ns for ref, _ in wanted}
    new = [(ref, style) for ref, style in wanted if (ref, style, changed[ref]) not in _described]
    if new:
        with KillablePool(1) as pool:
            for reference, style in new:
                result = pool.call("rewards.describe:describe", (reference, style), IMPORT_TIMEOUT_S)
                place = reference.rpartition(":")[0]
                _described[reference, style, changed[reference]] = (
                    result.value
                    if result.outcome is CallOutcome.OK
                    else Problem(f"importing {place} failed ({result.outcome}): {result.traceback}")
                )
    for reference, style in wanted:
        described = _described[reference, style, changed[reference]]
        if isinstance(described, Problem):  # it may be mended by something else than a change of the file
            del _described[reference, style, changed[reference]]
        found[reference, style] = described
    return found


def _name_problems(configs: Sequence[RewardConfig], judges: Sequence[str]) -> Iterator[str]:
    labels = [config.label for config in configs]
    there = f"The rewards are: {', '.join(labels)}"
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield f"rewards: two rewards go by the name `{label}`; give one a `name:` of its own"
    for judge in judges:
        if judge not in labels:
            yield f"correctness: no reward is called `{judge}`.{_nearest(judge, labels)} {there}"
    for place, config in enumerate(configs):
        for gate in config.gates:
            if gate not in labels:
                yield f"rewards[{place}].requires: no reward is called `{gate}`.{_nearest(gate, labels)} {there}"
    placed = {place for stage in stages(configs) for place in stage}
    for place, config in enumerate(configs):
        if place not in placed and set(config.gates) <= set(labels):
            yield (
                f"rewards[{place}].requires: `{config.label}` and {', '.join(config.gates)} wait for each other (or "
                "for others that do), so none could be called first: take one `requires` out"
            )


_KINDS: Mapping[str, type | tuple[type, ...]] = {"float": (int, float), "int": int, "str": str, "bool": bool}


_described: dict[tuple[str, Style, int], Description | Problem] = {}
"""What was found in users' files, by the time of their last change: a file that is checked is not imported once more
when its rewards are started."""


def _option_problems(config: RewardConfig, description: Description) -> Iterator[str]:
    known = {option.name: option for option in description.options}
    for name, value in config.options.items():
        if name in known:
            kind = known[name].kind
            if kind in _KINDS and (not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "bool")):
                yield f".{name}: expected {kind}, got {value!r}"
        elif not description.takes_any_option:
            there = f"Its options are: {', '.join(known)}" if known else "It takes no options"
            yield f".{name}: `{config.label}` has no option `{name}`.{_nearest(name, known)} {there}"
    for option in description.options:
        if option.required and option.name not in config.options and not description.takes_columns:
            kind = f" ({option.kind})" if option.kind else ""
            yield f": `{config.label}` needs the option `{option.name}`{kind}"


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""
