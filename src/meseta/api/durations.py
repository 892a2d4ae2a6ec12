"""Durations in queries, in Mesos's form: a number and a unit, such as `15secs`."""

from __future__ import annotations

import math

UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "secs": 1.0,
    "mins": 60.0,
    "hrs": 3600.0,
    "days": 86400.0,
    "weeks": 604800.0,
}


def parse_duration_s(text: str) -> float:
    """Return seconds. Raises ValueError with Mesos's sentence about what is wrong."""
    split = next((i for i, ch in enumerate(text) if not (ch.isdigit() or ch in ".-+")), len(text))
    number, unit = text[:split], text[split:]
    try:
        value = float(number)
    except ValueError:
        raise ValueError(f"Failed to convert '{number}' to number") from None
    if unit not in UNITS_S or not math.isfinite(value):
        raise ValueError(f"Unknown duration unit '{unit}'")
    return value * UNITS_S[unit]
