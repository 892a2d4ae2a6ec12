"""Turns by lot instead of by share: `--role_sorter=random` and `--framework_sorter=random`.

Of the roles each is drawn with the probability of its weight; a weight counts among siblings, so a role
has its parent's chance times its part of the weights of those beside it. Frameworks of a role are drawn
alike. Every agent is drawn for anew (src/master/allocator/mesos/sorter/random).

Drawing one after the other without putting back is the same as sorting by -u^(1/weight), u being a random
number for each (Efraimidis and Spirakis, "Weighted Random Sampling"). Most agents are given away after
few turns, so draws are made one by one as long as they hit candidates; only then the rest is sorted.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, groupby

from meseta.allocator import sorter
from meseta.allocator.agenda import draw
from meseta.allocator.sorter import OWN, Client, Node, RoleTree
from meseta.machine import Entropy

MISSES_MAX = 8
"""After so many draws in a row that were no candidates, the rest is sorted."""


class Shuffle:
    """Turns in the role tree, of which the roles, the frameworks of each or both are drawn by lot."""

    __slots__ = ("_cumulated", "_entropy", "_frameworks", "_index", "_places", "_roles", "_shape", "_tree")

    def __init__(self, tree: RoleTree, entropy: Entropy, *, roles: bool, frameworks: bool) -> None:
        self._tree = tree
        self._entropy = entropy
        self._roles = roles
        self._frameworks = frameworks
        self._shape = -1
        self._places: list[Node] = []
        """Where the frameworks of roles hang that want offers, in the shape of the tree."""
        self._index: dict[Node, int] = {}
        self._cumulated: list[float] = []
        """Their chances, added up."""

    def turns(self, candidates: int) -> Iterator[Client]:
        """Iterate over the candidates (a mask) in the order of their turns; see `RoleTree.turns`."""
        candidates &= self._tree.root.mask
        if not self._roles:
            for _, clients in groupby(self._tree.turns(candidates), key=_place):
                yield from self._shuffled(clients)
            return
        for place in self._drawn(candidates):
            clients = self._tree.turns(place.mask & candidates)
            yield from self._shuffled(clients) if self._frameworks else clients

    def _shuffled(self, clients: Iterable[Client]) -> list[Client]:
        shuffled = list(clients)
        draw(shuffled, len(shuffled), self._entropy)
        return shuffled

    def _drawn(self, candidates: int) -> Iterator[Node]:
        """Draw the places that have candidates."""
        if self._shape != self._tree.shape:
            self._weigh()
        places, cumulated = self._places, self._cumulated
        if candidates.bit_count() <= sorter.FEW:
            few = dict.fromkeys(self._index[_place(client)] for client in self._tree.turns(candidates))
            for index in sorted(few, key=self._lot):
                yield places[index]
            return
        drawn: set[int] = set()
        misses = 0
        while misses < MISSES_MAX and len(drawn) < len(places):
            index = bisect_right(cumulated, self._entropy.random() * cumulated[-1])
            index = min(index, len(places) - 1)
            if index in drawn or not places[index].mask & candidates:
                misses += 1
                continue
            misses = 0
            drawn.add(index)
            yield places[index]
        rest = [
            (self._lot(index), index)
            for index, place in enumerate(places)
            if place.mask & candidates and index not in drawn
        ]
        for _, index in sorted(rest):
            yield places[index]

    def _lot(self, index: int) -> float:
        """Return the logarithm of u^(1/weight), negated, which does not underflow where that would."""
        weight = self._cumulated[index] - (self._cumulated[index - 1] if index else 0.0)
        return -math.log(1.0 - self._entropy.random()) / weight

    def _weigh(self) -> None:
        weighted = list(_chances(self._tree.root, 1.0))
        self._places = [place for place, _ in weighted]
        self._index = {place: index for index, place in enumerate(self._places)}
        self._cumulated = list(accumulate(chance for _, chance in weighted))
        self._shape = self._tree.shape


def _place(client: Client) -> Node:
    assert client.parent is not None
    return client.parent


def _chances(node: Node, chance: float) -> Iterator[tuple[Node, float]]:
    """Yield the places below a node where somebody wants offers, with their chances."""
    wanting = [child for child in node.children.values() if child.mask]
    total = sum(child.weight for child in wanting)
    for child in wanting:
        part = chance * child.weight / total
        if child.name == OWN:
            yield child, part
        else:
            yield from _chances(child, part)
