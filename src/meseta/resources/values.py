"""Values in flags: a number, `[1-10, 20-30]`, `{a, b}`, and for attributes any other text.

The grammar is that of Mesos (src/common/values.cpp): blanks do not count, not even inside a text, and a
number that is negative or not finite is a text.
"""

from __future__ import annotations

import math
import re
import sys

from meseta.resources.ranges import Ranges

Value = float | Ranges | frozenset[str] | str

RANGE_END_MAX = (1 << 64) - 1

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_RANGE = re.compile(r"(\d+)-(\d+)", re.ASCII)


def parse_value(text: str) -> Value:
    """Return the value that `text` denotes. Raises ValueError with the reason when it denotes none."""
    text = text.replace(" ", "")
    if not text:
        raise ValueError("Expecting non-empty string")
    if not all(_is_balanced(text, pair) for pair in ("{}", "[]", "()")):
        raise ValueError("Mismatched brackets")
    if text.startswith("["):
        return _parse_ranges(text)
    if "[" in text:
        raise ValueError("Unexpected '[' found")
    if text.startswith("{"):
        return _parse_set(text)
    if "{" in text:
        raise ValueError("Unexpected '{' found")
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if 0 < abs(number) < sys.float_info.min:
        raise ValueError("Subnormal values not supported")
    return number if 0 <= number < math.inf else text


def _is_balanced(text: str, pair: str) -> bool:
    depth = 0
    for ch in text:
        depth += (ch == pair[0]) - (ch == pair[1])
        if depth < 0:
            return False
    return depth == 0


def _parse_ranges(text: str) -> Ranges:
    pairs = []
    for piece in _pieces(text, "]"):
        match = _RANGE.fullmatch(piece)
        if match is None:
            raise ValueError(f"Expecting one or more \"ranges\" such as [1-10,20-30], not '{piece}'")
        begin, end = int(match[1]), int(match[2])
        if begin > end:
            raise ValueError(f"Range '{piece}' ends before it begins")
        if end > RANGE_END_MAX:
            raise ValueError(f"Range '{piece}' exceeds 64 bits")
        pairs.append((begin, end))
    return Ranges.from_pairs(pairs)


def _parse_set(text: str) -> frozenset[str]:
    items = _pieces(text, "}")
    if len(set(items)) < len(items):
        raise ValueError(f"Set '{text}' has duplicated elements")
    return frozenset(items)


def _pieces(text: str, closing: str) -> list[str]:
    if text.index(closing) != len(text) - 1:
        raise ValueError(f"Unexpected text after '{closing}'")
    return [piece for piece in text[1:-1].replace("\n", ",").split(",") if piece]
