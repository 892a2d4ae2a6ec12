"""A memory of what was worked out from the very same objects before.

Vectors are immutable, and those of a cluster are few (see `vector`), so the same sums of the same objects
come again and again. Equality would be the wrong key: it sees neither the order of a vector nor how its
volumes are mounted. Identity sees everything, costs nothing, and what it misses is only worked out once more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

OBJECTS_MAX = 256
"""What was worked out from more than that is not remembered: a memory is for what comes again."""


def remembered(function: Callable[..., ResultT], entries_max: int) -> Callable[..., ResultT]:
    """Return a function of immutable objects with a memory of so many results, emptied when it is full."""
    # By the addresses of the objects, which are kept so that no other gets its address.
    known: dict[tuple[int, ...], tuple[ResultT, tuple[Any, ...]]] = {}

    def recall(*objects: Any) -> ResultT:
        try:
            return known[tuple(map(id, objects))][0]
        except KeyError:
            pass
        result = function(*objects)
        if len(objects) <= OBJECTS_MAX:
            if len(known) >= entries_max:
                known.clear()
            known[tuple(map(id, objects))] = result, objects
        return result

    return recall
