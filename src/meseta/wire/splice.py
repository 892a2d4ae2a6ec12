"""Making protobuf messages by splicing bytes: the wire form of single fields.

Only what the hot paths need: length-delimited fields and small numbers, for field numbers below 16.
Format: protobuf encoding, a tag byte (number << 3 | wire type), then the value.
"""

from __future__ import annotations


def varint(value: int) -> bytes:
    """Return `value` (not negative) as a varint."""
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))


def field(tag: int, content: bytes) -> bytes:
    """Return field number `tag` (1 to 15) of a message, text or bytes type."""
    return _ONE_BYTE[tag << 3 | 2] + varint(len(content)) + content


def number(tag: int, value: int) -> bytes:
    """Return field number `tag` (1 to 15) of an unsigned, enumeration or bool type."""
    return _ONE_BYTE[tag << 3] + varint(value)
