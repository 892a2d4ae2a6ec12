"""Sets of integers such as ports, written as inclusive ranges.

Ranges fragment: an agent that has run tasks for a while has hundreds of them, and arithmetic on lists
of pairs is then slow. So a set is one big integer with a bit for each member, counted from the lowest
member, and arithmetic is a handful of machine-speed operations whatever the fragmentation.

Range ends have 64 bits on the wire, and someone does write [0-18446744073709551615]. A set whose
members are further apart than `SPAN_MAX` is therefore kept as pairs, and costs what pairs cost. Each set
has exactly one of the two forms, so equality is equality of the parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SPAN_MAX = 1 << 20
"""Most integers from lowest to highest member for which a bitmap is kept (128 KiB of it)."""

_FEW_PAIRS = 16
"""Up to here, or-ing shifted masks is faster than painting a bitmap."""

_RUN = re.compile("1+")

Pairs = tuple[tuple[int, int], ...]


class Ranges:
    """An immutable set of non-negative integers; `|`, `&`, `-`, `<=` and `>=` mean what they do on sets."""

    __slots__ = ("_bits", "_low", "_pairs")

    _low: int
    """Lowest member, 0 when empty or wide."""
    _bits: int
    """Bit n stands for `_low + n`; odd unless empty or wide."""
    _pairs: Pairs
    """Sorted, coalesced; empty unless wide."""

    def __init__(self) -> None:
        self._low = 0
        self._bits = 0
        self._pairs = ()

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> Ranges:
        """Return the union of ranges with inclusive ends; a range that ends before it begins is empty."""
        coalesced = _coalesce(pairs)
        if not coalesced:
            return NOTHING
        low = coalesced[0][0]
        if coalesced[-1][1] - low >= SPAN_MAX:
            return _wide(coalesced)
        return _narrow(low, _paint(coalesced, low))

    def pairs(self) -> Pairs:
        """Return the fewest ranges that make up this set, in order, with inclusive ends."""
        if self._pairs or not self._bits:
            return self._pairs
        low = self._low
        digits = f"{self._bits:b}"[::-1]
        return tuple((low + run.start(), low + run.end() - 1) for run in _RUN.finditer(digits))

    def count(self) -> int:
        """Return how many members there are."""
        if self._pairs:
            return sum(end - begin + 1 for begin, end in self._pairs)
        return self._bits.bit_count()

    def __bool__(self) -> bool:
        return bool(self._bits or self._pairs)

    def __iter__(self) -> Iterator[int]:
        for begin, end in self.pairs():
            yield from range(begin, end + 1)

    def __contains__(self, number: int) -> bool:
        if self._pairs:
            return any(begin <= number <= end for begin, end in self._pairs)
        return number >= self._low and bool(self._bits >> (number - self._low) & 1)

    def __or__(self, other: Ranges) -> Ranges:
        if not other:
            return self
        if not self:
            return other
        if self._pairs or other._pairs:
            return Ranges.from_pairs(self.pairs() + other.pairs())
        first, second = (self, other) if self._low <= other._low else (other, self)
        gap = second._low - first._low
        if gap + second._bits.bit_length() > SPAN_MAX:
            return _wide(_coalesce(self.pairs() + other.pairs()))
        return _narrow(first._low, first._bits | second._bits << gap)

    def __and__(self, other: Ranges) -> Ranges:
        if self._pairs or other._pairs:
            return Ranges.from_pairs(_intersection(self.pairs(), other.pairs()))
        first, second = (self, other) if self._low <= other._low else (other, self)
        return _trim(second._low, first._bits >> (second._low - first._low) & second._bits)

    def __sub__(self, other: Ranges) -> Ranges:
        if self._pairs or other._pairs:
            return Ranges.from_pairs(_difference(self.pairs(), other.pairs()))
        shift = other._low - self._low
        theirs = other._bits << shift if shift >= 0 else other._bits >> -shift
        return _trim(self._low, self._bits & ~theirs)

    def __ge__(self, other: Ranges) -> bool:
        if self._pairs or other._pairs:
            return not _difference(other.pairs(), self.pairs())
        if not other._bits:
            return True
        shift = other._low - self._low
        if shift < 0:
            return False
        theirs = other._bits << shift
        return self._bits & theirs == theirs

    def __le__(self, other: Ranges) -> bool:
        return other >= self

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Ranges)
            and self._low == other._low
            and self._bits == other._bits
            and self._pairs == other._pairs
        )

    def __hash__(self) -> int:
        return hash((self._low, self._bits, self._pairs))

    def __str__(self) -> str:
        return "[" + ", ".join(f"{begin}-{end}" for begin, end in self.pairs()) + "]"

    def __repr__(self) -> str:
        return f"Ranges({self})"


NOTHING = Ranges()


def _narrow(low: int, bits: int) -> Ranges:
    made = Ranges()
    made._low = low
    made._bits = bits
    return made


def _wide(pairs: Pairs) -> Ranges:
    made = Ranges()
    made._pairs = pairs
    return made


def _trim(low: int, bits: int) -> Ranges:
    """Make the lowest bit a member again after members have been taken away."""
    if not bits:
        return NOTHING
    if bits & 1:
        return _narrow(low, bits)
    zeros = (bits & -bits).bit_length() - 1
    return _narrow(low + zeros, bits >> zeros)


def _paint(pairs: Pairs, low: int) -> int:
    if len(pairs) <= _FEW_PAIRS:
        bits = 0
        for begin, end in pairs:
            bits |= ((1 << (end - begin + 1)) - 1) << (begin - low)
        return bits
    span = pairs[-1][1] - low + 1
    digits = bytearray(b"0") * span
    for begin, end in pairs:
        digits[begin - low : end - low + 1] = b"1" * (end - begin + 1)
    digits.reverse()
    return int(digits, 2)


def _coalesce(pairs: Iterable[tuple[int, int]]) -> Pairs:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(pair for pair in pairs if pair[0] <= pair[1]):
        if merged and begin <= merged[-1][1] + 1:
            if end > merged[-1][1]:
                merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return tuple(merged)


def _difference(left: Pairs, right: Pairs) -> list[tuple[int, int]]:
    remaining: list[tuple[int, int]] = []
    position = 0
    for begin, end in left:
        while position < len(right) and right[position][1] < begin:
            position += 1
        at = position
        while at < len(right) and right[at][0] <= end:
            if begin < right[at][0]:
                remaining.append((begin, right[at][0] - 1))
            begin = right[at][1] + 1
            at += 1
        if begin <= end:
            remaining.append((begin, end))
    return remaining


def _intersection(left: Pairs, right: Pairs) -> list[tuple[int, int]]:
    common: list[tuple[int, int]] = []
    position = 0
    for begin, end in left:
        while position < len(right) and right[position][1] < begin:
            position += 1
        at = position
        while at < len(right) and right[at][0] <= end:
            common.append((max(begin, right[at][0]), min(end, right[at][1])))
            at += 1
    return common
