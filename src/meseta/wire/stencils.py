"""Messages that are like one that was read before, but for what is their own.

After a failover a master is told of a hundred thousand tasks, and most of them are one of few in all but
their names, times and uuids. To take such a message apart field by field costs more than all that is done
with it. So one is read in full, and a stencil is cut from it: where in its bytes its own values are, the
holes, and what shows between them. Bytes that show the same between the same holes are such a message, too:
whoever reads them from the front is told of each hole, before it begins, of which field it is and how long,
and so comes to its end as with the first. Only values can differ. What a value must be for that is checked:
text is ASCII, which is UTF-8, and a number ends where its hole does. What was the same in several holes, such
as the task's id in its statuses, must be so again. All else is known from the first.

A stencil is for bytes of one length, so there can be many, and to cut one takes as long as it takes to read
some 25 messages. So learning is slow where nothing is alike: a lesson is taken for so many messages that are
recognised, or that have to be read, beside some to begin with. When it has learned very much, it forgets all
and begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, pairwise
from operator import itemgetter
from struct import Struct
from typing import Generic, NamedTuple, TypeVar

from meseta.wire.holes import Fields, Hole, Kind, find_holes

KnownT = TypeVar("KnownT")

LESSONS_MAX = 10_000
"""Messages of one type from which is learned; then all that was learned is forgotten."""
LESSONS_FREE = 500
"""With so many it begins."""
MESSAGES_PER_LESSON = 50
"""For each of the others so many more must have come: a lesson takes as long as so many fits save."""
LESSON_BYTES_MAX = 4096
"""From what is longer nothing is learned."""
STENCILS_MAX = 4
"""Stencils for messages of one length that begin alike."""

Values = tuple[bytes, ...]


class _Alike(NamedTuple, Generic[KnownT]):
    """What is known of messages that show the same between the same holes, and what must be so in those."""

    known: KnownT
    texts: Callable[[Values], Values]
    later: Callable[[Values], Values]
    earlier: Callable[[Values], Values]
    numbers: list[tuple[int, int, int]]
    again: dict[int, int]
    """Which values must be what others were before them; `later` and `earlier` pick them."""


class _Stencil(NamedTuple, Generic[KnownT]):
    rest: Callable[[bytes], Values]
    """Cuts out of a message what shows between the holes."""
    own: Callable[[bytes], Values]
    """Cuts the values out of it."""
    alike: dict[bytes, _Alike[KnownT]]
    """By what shows between the holes."""
    holes: tuple[Hole, ...]


class Stencils(Generic[KnownT]):
    """What was learned from messages of one type about others like them."""

    def __init__(self, fields: Fields) -> None:
        """`fields` are those that may be a message's own."""
        self._fields = fields
        self._stencils: dict[int, list[_Stencil[KnownT]]] = {}
        """By the length of a message, and by its second byte: the length of its first field, as a rule."""
        self._lessons = 0
        self._messages = 0
        """That came since everything was forgotten."""

    def fit(self, raw: bytes) -> tuple[KnownT, Values] | None:
        """Return what is known of messages like `raw`, and its own values; None if it is like none."""
        self._messages += 1
        try:
            stencils = self._stencils[len(raw) << 8 | raw[1]]
        except LookupError:  # There is none of this length; or this is too short for one.
            return None
        for cut_rest, cut_own, alikes, _ in stencils:
            alike = alikes.get(b"".join(cut_rest(raw)))
            if alike is not None:
                known, texts, later, earlier, numbers, _ = alike
                own = cut_own(raw)
                if later(own) != earlier(own) or not b"".join(texts(own)).isascii():
                    return None
                for index, mask, last in numbers:
                    if int.from_bytes(own[index], "little") & mask != last:
                        return None
                return known, own
        return None

    def learn(self, raw: bytes, describe: Callable[[tuple[Hole, ...]], KnownT | None]) -> None:
        """Learn from a message that was read. `describe` says what is known of all like it, by its holes.

        Nothing is learned where it returns None, and from too many messages of those that came.
        """
        if (
            len(raw) > LESSON_BYTES_MAX
            or self._lessons > LESSONS_FREE + self._messages // MESSAGES_PER_LESSON
        ):
            return
        if self._lessons >= LESSONS_MAX:
            self._stencils.clear()
            self._lessons = self._messages = 0
        self._lessons += 1
        holes = find_holes(raw, self._fields)
        known = describe(holes) if holes else None
        if known is not None:
            self._add(raw, holes, known)

    def _add(self, raw: bytes, holes: tuple[Hole, ...], known: KnownT) -> None:
        stencil = self._stencil(raw, holes)
        if stencil is None:
            return
        rest, own = b"".join(stencil.rest(raw)), stencil.own(raw)
        before = stencil.alike.get(rest)
        again = _again(own, holes)
        if before is not None:  # It asked for too much of this one.
            again = {later: earlier for later, earlier in before.again.items() if own[later] == own[earlier]}
        stencil.alike[rest] = _alike(known, own, holes, again)

    def _stencil(self, raw: bytes, holes: tuple[Hole, ...]) -> _Stencil[KnownT] | None:
        """Return the stencil with these holes, cut if need be; None if there are too many of this length."""
        stencils = self._stencils.setdefault(len(raw) << 8 | raw[1], [])
        for stencil in stencils:
            if stencil.holes == holes:
                return stencil
        if len(stencils) >= STENCILS_MAX:
            return None
        edges = [0, *(edge for hole in holes for edge in (hole.start, hole.end)), len(raw)]
        sizes = [end - start for start, end in pairwise(edges)]
        stencils.append(_Stencil(_cutter(sizes, "sx"), _cutter(sizes, "xs"), {}, holes))
        return stencils[-1]


def _cutter(sizes: list[int], kinds: str) -> Callable[[bytes], Values]:
    """Return a function that cuts bytes into parts of these sizes and drops every other one, as `x` tells."""
    return Struct("".join(f"{size}{kind}" for size, kind in zip(sizes, cycle(kinds), strict=False))).unpack


def _again(own: Values, holes: tuple[Hole, ...]) -> dict[int, int]:
    """Return which values of a group are what another was before, and which."""
    first: dict[tuple[str, bytes], int] = {}
    before = [first.setdefault((hole.own.group, own[index]), index) for index, hole in enumerate(holes)]
    return {index: at for index, at in enumerate(before) if at != index and holes[index].own.group}


def _alike(known: KnownT, own: Values, holes: tuple[Hole, ...], again: dict[int, int]) -> _Alike[KnownT]:
    new = [(index, hole.own.kind) for index, hole in enumerate(holes) if index not in again]
    texts = _pick([index for index, kind in new if kind is Kind.TEXT])
    numbers = [(index, *_last_bits(own[index])) for index, kind in new if kind is Kind.NUMBER]
    return _Alike(known, texts, _pick(list(again)), _pick(list(again.values())), numbers, again)


def _pick(indices: list[int]) -> Callable[[Values], Values]:
    """Return a function that picks these values, the first of them twice: one alone would come bare."""
    return itemgetter(indices[0], *indices) if indices else _nothing


def _nothing(values: Values) -> Values:
    return ()


def _last_bits(number: bytes) -> tuple[int, int]:
    """Return which bits of a number tell where it ends, and what they are: all set but in its last byte."""
    mask = int.from_bytes(b"\x80" * len(number), "little")
    return mask, mask >> 8
