"""Messages that are like one that was read before, but for what is their own.

After a failover a master is told of a hundred thousand tasks, and most of them are one of few in all but
their names, times and uuids. To take such a message apart field by field costs more than all that is done
with it. So one is read in full, and a stencil is cut from it: where in its bytes its own values are, the
holes, and what shows between them. Bytes that show the same between the same holes are such a message, too:
whoever reads them from the front is told of each hole, before it begins, of which field it is and how long,
and so comes to its end as with the first. Only values can differ. What a value must be for that is checked:
text is ASCII, which is UTF-8, and a number ends where its hole does. What was the same in several holes, such
as the task's id in its statuses, must be so again. All else is known from the first.

A stencil is for bytes of one length, so there can be many, and to cut one takes time. Hence what is
remembered is bounded, and what was learned before the bound serves on: a master that is told of everything is
a new one, and starts afresh.
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
"""Messages of one type from which is learned."""
LESSONS_FREE = 500
"""So many are not asked what they are good for."""
FITS_PER_LESSON = 50
"""What each of the others must have brought so far, on the average: a lesson takes as long as they save."""
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


class _Stencil(Generic[KnownT]):
    __slots__ = ("alike", "holes", "own", "rest")

    def __init__(self, size: int, holes: tuple[Hole, ...]) -> None:
        self.holes = holes
        edges = [0, *(edge for hole in holes for edge in (hole.start, hole.end)), size]
        sizes = [end - start for start, end in pairwise(edges)]
        self.own = _cutter(sizes, "xs")
        """Cut the values out of a message."""
        self.rest = _cutter(sizes, "sx")
        """Cut out what shows between them."""
        self.alike: dict[bytes, _Alike[KnownT]] = {}
        """By what shows between the holes."""


class Stencils(Generic[KnownT]):
    """What was learned from messages of one type about others like them."""

    def __init__(self, fields: Fields) -> None:
        """`fields` are those that may be a message's own."""
        self._fields = fields
        self._stencils: dict[int, list[_Stencil[KnownT]]] = {}
        """By the length of a message, and by its second byte: the length of its first field, as a rule."""
        self._lessons = 0
        self._fits = 0

    def fit(self, raw: bytes) -> tuple[KnownT, Values] | None:
        """Return what is known of messages like `raw`, and its own values; None if it is like none."""
        if len(raw) < 2:
            return None
        for stencil in self._stencils.get(len(raw) << 8 | raw[1], ()):
            alike = stencil.alike.get(b"".join(stencil.rest(raw)))
            if alike is not None:
                known, texts, later, earlier, numbers = alike
                own = stencil.own(raw)
                if later(own) != earlier(own) or not b"".join(texts(own)).isascii():
                    return None
                for index, mask, last in numbers:
                    if int.from_bytes(own[index], "little") & mask != last:
                        return None
                self._fits += 1
                return known, own
        return None

    def learn(self, raw: bytes, describe: Callable[[tuple[Hole, ...]], KnownT | None]) -> None:
        """Learn from a message that was read. `describe` says what is known of all like it, by its holes.

        Nothing is learned where it returns None, and when that has not been worth the time.
        """
        worth = self._lessons <= LESSONS_FREE + self._fits // FITS_PER_LESSON
        if not worth or self._lessons >= LESSONS_MAX or len(raw) > LESSON_BYTES_MAX:
            return
        self._lessons += 1
        holes = find_holes(raw, self._fields)
        known = describe(holes) if holes else None
        stencil = self._stencil(raw, holes) if known is not None else None
        if known is not None and stencil is not None:
            stencil.alike[b"".join(stencil.rest(raw))] = _alike(known, stencil.own(raw), holes)

    def _stencil(self, raw: bytes, holes: tuple[Hole, ...]) -> _Stencil[KnownT] | None:
        """Return the stencil with these holes, cut if need be; None if there are too many of this length."""
        stencils = self._stencils.setdefault(len(raw) << 8 | raw[1], [])
        for stencil in stencils:
            if stencil.holes == holes:
                return stencil
        if len(stencils) >= STENCILS_MAX:
            return None
        stencil = _Stencil(len(raw), holes)
        stencils.append(stencil)
        return stencil


def _cutter(sizes: list[int], kinds: str) -> Callable[[bytes], Values]:
    """Return a function that cuts bytes into parts of these sizes and drops every other one, as `x` tells."""
    return Struct("".join(f"{size}{kind}" for size, kind in zip(sizes, cycle(kinds), strict=False))).unpack


def _alike(known: KnownT, own: Values, holes: tuple[Hole, ...]) -> _Alike[KnownT]:
    """Note of which holes the values are new, and where those of the others were before."""
    first: dict[tuple[str, bytes], int] = {}
    texts, numbers, again = [], [], {}
    for index, (hole, value) in enumerate(zip(holes, own, strict=True)):
        _, kind, group = hole.own
        before = first.setdefault((group, value), index) if group else index
        if before != index:
            again[index] = before
        elif kind is Kind.TEXT:
            texts.append(index)
        elif kind is Kind.NUMBER:
            numbers.append((index, *_last_bits(value)))
    return _Alike(known, _pick(texts), _pick(list(again)), _pick(list(again.values())), numbers)


def _pick(indices: list[int]) -> Callable[[Values], Values]:
    """Return a function that picks these values, the first of them twice: one alone would come bare."""
    return itemgetter(indices[0], *indices) if indices else _nothing


def _nothing(values: Values) -> Values:
    return ()


def _last_bits(number: bytes) -> tuple[int, int]:
    """Return which bits of a number tell where it ends, and what they are: all set but in its last byte."""
    mask = int.from_bytes(b"\x80" * len(number), "little")
    return mask, mask >> 8
