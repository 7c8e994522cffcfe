"""A place in a list of tokens: what the parser reads from."""

from __future__ import annotations

from verifiers.math.lexer import NotMathematics, Token

_END = Token("end of text", "")


class Cursor:
    """Tokens and a position in them."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def ahead(self, count: int) -> Token:
        place = self.position + count
        return self.tokens[place] if place < len(self.tokens) else _END

    def take(self) -> Token:
        token = self.peek
        self.position += 1
        return token

    def accept(self, *kinds: str) -> Token | None:
        return self.take() if self.peek.kind in kinds else None

    def expect(self, kind: str) -> Token:
        if self.peek.kind != kind:
            raise NotMathematics(f"{self.peek.text or self.peek.kind} where {kind} should be")
        return self.take()
