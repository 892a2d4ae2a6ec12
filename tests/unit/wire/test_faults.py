"""What is wrong with a message itself: rules beside those that launches are checked by."""

from __future__ import annotations

import math

import pytest

from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_framework


@pytest.mark.parametrize(
    ("amount", "fault"),
    [
        (math.inf, "Infinite values not supported"),
        (math.nan, "NaN not supported"),
        (-1.0, "Negative values not supported"),
        (1e-310, "Subnormal values not supported"),
        (0.0, None),
        (1.5, None),
    ],
)
def test_amounts_of_offer_filters(amount: float, fault: str | None) -> None:
    info = m.FrameworkInfo(user="u", name="f")
    alternatives = info.offer_filters["*"].min_allocatable_resources.quantities
    alternatives.add().quantities["cpus"].value = amount
    lifted = lift_framework(info)
    assert lifted.fault == (None if fault is None else f"Invalid resource quantity for 'cpus': {fault}")
    assert bool(lifted.offer_filters) == (fault is None)


def test_offer_filters_by_expression_are_lifted_and_kept() -> None:
    info = m.FrameworkInfo(user="u", name="f")
    info.meseta.roles["*"].offer_filter = "cpus >= 4"
    info.meseta.roles["other"].SetInParent()
    lifted = lift_framework(info)
    assert lifted.wanted == {"*": "cpus >= 4"}
    assert m.FrameworkInfo.FromString(lifted.raw) == info
