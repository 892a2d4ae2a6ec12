"""Where a server of a test runs: here, or in a network namespace of its own."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """An address, and what a command begins with that is to run where it is."""

    ip: str = "127.0.0.1"
    inside: tuple[str, ...] = ()


HERE = Place()
