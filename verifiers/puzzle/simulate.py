"""Puzzles whose answer is a list of moves or a conclusion that only a check can judge, without an answer of their own.

reasoning-gym passes over moves that cannot be made, so one long list that tries everything solves every puzzle. Here a
move that cannot be made ends the check: the answer is wrong.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

_CAR_MOVES = re.compile(r"[A-Z][+-][1-5](?:[\s,]+[A-Z][+-][1-5])*")
_CAR_MOVE = re.compile(r"([A-Z])([+-])([1-5])")
_WIDTH = 6
_EXIT_ROW = 2
_AGENT = re.compile(r"Agent\[(\d+\.5), ?(\d+\.5)\]")
_BOX_MOVE = re.compile(r"move\((box_\w+), ?(?:square\[(\d+\.5), ?(\d+\.5)\]|(target_\w+))\)")
_CONCLUSION = re.compile(r"[A-Z∧∨¬→↔()\s]{1,300}")
_LARGEST_CONCLUSION = 4
"""Variables and operators; reasoning-gym's own conclusions have at most as many."""


def frees_the_car(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """Rush Hour: every move can be made, and after the last one the car AA is at the exit."""
    board = str(metadata["board_config"])
    labels = sorted(set(board) - {"o", "x"})
    # the question names the cars A, B, C, ... in the order of their labels
    cars = {
        chr(ord("A") + place): [cell for cell, label in enumerate(board) if label == wanted]
        for place, wanted in enumerate(labels)
    }
    taken = {cell for cell, label in enumerate(board) if label != "o"}
    if not _CAR_MOVES.fullmatch(answer.strip()):
        return False
    for name, sign, count in _CAR_MOVE.findall(answer):
        if name not in cars:
            return False
        across = cars[name][1] - cars[name][0] == 1
        step = (1 if across else _WIDTH) * (1 if sign == "+" else -1)
        for _ in range(int(count)):
            moved = [cell + step for cell in cars[name]]
            taken -= set(cars[name])
            inside = all(0 <= cell < _WIDTH * _WIDTH for cell in moved)
            same_row = not across or len({cell // _WIDTH for cell in moved}) == 1
            if not inside or not same_row or taken & set(moved):
                return False
            taken |= set(moved)
            cars[name] = moved
    return cars["A"][-1] == _EXIT_ROW * _WIDTH + _WIDTH - 1


def clears_the_boxes(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """BoxNet: every action of the plan can be taken, and no box is left at its end."""
    grid = {place: list(items) for place, items in metadata["initial_state"].items()}
    try:
        plan = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    if not isinstance(plan, list):
        return False
    for step in plan:
        if not isinstance(step, dict):
            return False
        for agent, action in step.items():
            if not _act(grid, agent, action):
                return False
    return not any(item.startswith("box_") for items in grid.values() for item in items)


def _act(grid: dict[str, list[str]], agent: str, action: object) -> bool:
    """Take one action; False where it cannot be taken."""
    who = _AGENT.fullmatch(agent.strip())
    what = _BOX_MOVE.fullmatch(action.strip()) if isinstance(action, str) else None
    if who is None or what is None:
        return False
    box, row, column, target = what.groups()
    here = grid.get(f"{who[1]}_{who[2]}", [])
    if box not in here:
        return False
    if target is not None:
        if target not in here or target.removeprefix("target_") != box.removeprefix("box_"):
            return False
        here.remove(target)
    else:
        there = grid.get(f"{row}_{column}")
        if there is None or abs(float(row) - float(who[1])) + abs(float(column) - float(who[2])) != 1:
            return False
        there.append(box)
    here.remove(box)
    return True


def new_conclusion(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """Propositional logic: follows from the premises, and is neither a tautology, nor a bare variable, nor a premise.

    Nor longer than the conclusions that reasoning-gym finds itself: all premises joined by "and" always follow.
    """
    from reasoning_gym.logic.propositional_logic import Expression  # type: ignore[import-untyped]

    variables = [str(name) for name in metadata["variables"]]
    rows = [dict(zip(variables, row, strict=True)) for row in itertools.product((False, True), repeat=len(variables))]
    premises = [[Expression.from_string(text).evaluate(row) for row in rows] for text in metadata["premises"]]
    if not _CONCLUSION.fullmatch(answer):
        return False
    size = len(re.findall(r"[A-Z∧∨¬→↔]", answer))
    try:
        conclusion = Expression.from_string(answer)
        holds = [bool(conclusion.evaluate(row)) for row in rows]
    except (KeyError, ValueError, AttributeError, RecursionError):
        return False
    if conclusion.operator is None or all(holds) or holds in premises or size > _LARGEST_CONCLUSION:
        return False
    return all(truth for truth, *given in zip(holds, *premises, strict=True) if all(given))
