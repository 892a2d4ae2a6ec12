"""A memory of what was worked out from the very same objects before.

Vectors are immutable, and those of a cluster are few (see `vector`), so the same sums of the same objects
come again and again. Equality would be the wrong key: it sees neither the order of a vector nor how its
volumes are mounted. Identity sees everything, costs nothing, and what it misses is only worked out once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

ResultT = TypeVar("ResultT")

OBJECTS_MAX = 256
"""What was worked out from more than that is not remembered: a memory is for what comes again."""


class Remembered(Generic[ResultT]):
    """A function of immutable objects with a memory of so many results, which is emptied when it is full."""

    __slots__ = ("_entries_max", "_function", "_known")

    def __init__(self, function: Callable[..., ResultT], entries_max: int) -> None:
        self._function = function
        self._entries_max = entries_max
        self._known: dict[tuple[int, ...], tuple[tuple[Any, ...], ResultT]] = {}
        """By the addresses of the objects, which are kept so that no other gets its address."""

    def __call__(self, *objects: Any) -> ResultT:
        key = tuple(map(id, objects))
        known = self._known.get(key)
        if known is None:
            known = objects, self._function(*objects)
            if len(objects) <= OBJECTS_MAX:
                if len(self._known) >= self._entries_max:
                    self._known.clear()
                self._known[key] = known
        return known[1]
