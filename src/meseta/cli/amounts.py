"""Amounts at the command line: `cpus=2,mem=1024`, and lists of them in tables."""

from __future__ import annotations

import math

from meseta.cli.show import quantity
from meseta.errors import ConfigError


def parse_amounts(text: str, option: str) -> dict[str, float]:
    """Return numbers by name of `name=number,name=number`.

    Raises:
        ConfigError: the text is not of that form; names the piece, and what it should be.
    """
    amounts: dict[str, float] = {}
    for piece in filter(None, text.split(",")):
        name, _, number = (part.strip() for part in piece.partition("="))
        try:
            amounts[name] = float(number)
        except ValueError:
            name = ""
        if not name or not math.isfinite(amounts[name]):
            raise ConfigError(f"{option}: '{piece}' is not usable: expected name=number")
    return amounts


def amounts_text(quantities: dict[str, float], *, zeros: bool = False) -> str:
    """Return what quantities of resources there are: `cpus 2, mem 1 GB`; a limit may be zero."""
    there = [f"{name} {quantity(name, value)}" for name, value in quantities.items() if value or zeros]
    return ", ".join(there) or "-"
