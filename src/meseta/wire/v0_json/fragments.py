"""Encoded objects, kept until they change: most of a large state is the same from one request to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

OwnerT = TypeVar("OwnerT")
FragmentT = TypeVar("FragmentT")

SPARE = 1024


class Fragments(Generic[OwnerT, FragmentT]):
    """The fragments of objects of one kind.

    `version` says what of an object its fragment depends on, cheaply: as long as it returns the same, so
    would `render`. Objects are known by identity.
    """

    __slots__ = ("_known", "_render", "_version")

    def __init__(
        self,
        render: Callable[[OwnerT], FragmentT],
        version: Callable[[OwnerT], object],
    ) -> None:
        self._render = render
        self._version = version
        self._known: dict[int, tuple[OwnerT, object, FragmentT]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, owner: OwnerT) -> FragmentT:
        """Return the object's fragment."""
        version = self._version(owner)
        known = self._known.get(id(owner))
        if known is not None and known[1] == version:
            return known[2]
        fragment = self._render(owner)
        self._known[id(owner)] = (owner, version, fragment)
        return fragment

    def limit(self, living: int) -> None:
        """Forget fragments when most are of objects that are gone; `living` is how many are not.

        An entry holds its object, so that no other can get the same identity.
        """
        if len(self._known) > 2 * living + SPARE:
            self._known.clear()
