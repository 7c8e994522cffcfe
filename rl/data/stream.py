"""`PromptStream`: training prompts without end, epoch after epoch. Its place is two integers, so resuming is exact."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from rl.errors import PonderError
from rollout.types import Prompt


class PromptStream:
    """Hands out prompts in an order that depends on the seed and the epoch alone."""

    def __init__(
        self,
        prompts: Sequence[Prompt],
        *,
        seed: int,
        shuffle: bool = True,
        visit: Callable[[Prompt, int, int], Prompt] | None = None,
    ) -> None:
        """
        Args:
            prompts: at least one.
            shuffle: draw a new order every epoch; else the given one.
            visit: what becomes of a prompt when it is taken, by its epoch and the number of prompts taken before (it
                gets a thinking budget, say); nothing else may decide it.
        """
        if not prompts:
            raise ValueError("a prompt stream needs at least one prompt")
        self._prompts = prompts
        self._seed = seed
        self._shuffle = shuffle
        self._visit = visit
        self._epoch = 0
        self._position = 0
        self._order = self._order_of(0)

    def take(self, count: int) -> list[Prompt]:
        """The next `count` prompts; a new epoch begins when one ends."""
        taken = []
        for _ in range(count):
            if self._position == len(self._order):
                self._epoch, self._position = self._epoch + 1, 0
                self._order = self._order_of(self._epoch)
            prompt = self._prompts[self._order[self._position]]
            if self._visit is not None:
                drawn = self._epoch * len(self._order) + self._position
                prompt = self._visit(prompt, self._epoch, drawn)
            taken.append(prompt)
            self._position += 1
        return taken

    def state(self) -> dict[str, int]:
        """Where the stream stands: `epoch`, `position` in it, and `size` to recognise other data."""
        return {"epoch": self._epoch, "position": self._position, "size": len(self._prompts)}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go to where `state()` was taken.

        Raises:
            PonderError: the data has another size now, so the place means nothing.
        """
        if state["size"] != len(self._prompts):
            raise PonderError(
                f"the checkpoint was made with {state['size']:,} training prompts, the data has "
                f"{len(self._prompts):,}. Restore the data, or start a new run from the checkpoint's exported model."
            )
        self._epoch, self._position = state["epoch"], state["position"]
        self._order = self._order_of(self._epoch)

    def _order_of(self, epoch: int) -> list[int]:
        order = list(range(len(self._prompts)))
        if self._shuffle:
            random.Random(f"{self._seed}/{epoch}").shuffle(order)
        return order
