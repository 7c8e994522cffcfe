"""Integer parameters: `x = 2n, n in Z` says the same with any other letter."""

from __future__ import annotations

from verifiers.math.tree import Builder, Collection, Constant, Node, Relation, Symbol, substituted

_PARAMETER = Symbol("an integer")


def with_own_parameter(node: Node) -> Node:
    """The same with the letter of its integer parameter replaced by one that no answer can write."""
    match node:
        case Collection(brackets="", items=(first, *rest, Relation(operators=("in",), operands=(letter, where)))):
            if where == Constant("integers") and isinstance(letter, Symbol):
                items = tuple(substituted(item, letter, _PARAMETER) for item in (first, *rest))
                return items[0] if len(items) == 1 else Collection("", items)
        case Builder(condition=Relation(operators=("in",), operands=(Symbol() as letter, Constant("integers")))):
            return substituted(node, letter, _PARAMETER)
    return node
