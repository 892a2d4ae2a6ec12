"""`meseta explain`: who is meant, and how reasons are grouped."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.cli.explain import pick, rows
from meseta.cli.faults import NotFoundError

FRAMEWORKS = [
    {"id": "6305-0000", "name": "web"},
    {"id": "6305-0001", "name": "batch"},
    {"id": "7777-0001", "name": "batch"},
    {"id": "web", "name": "other"},
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("6305-0001", "6305-0001"), ("0000", "6305-0000"), ("web", "web"), ("other", "web"), ("7", "7777-0001")],
)
def test_ids_their_ends_and_names(wanted: str, found: str) -> None:
    assert pick(FRAMEWORKS, wanted, "name", "framework") == found


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ("nobody", "there is no framework 'nobody'; see 'meseta frameworks'"),
        ("batch", "there are 2 frameworks 'batch': 6305-0001, 7777-0001"),
        ("6305", "there are 2 frameworks '6305'"),
        ("0001", "there are 2 frameworks '0001'"),
    ],
)
def test_none_and_several(wanted: str, fault: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        pick(FRAMEWORKS, wanted, "name", "framework")
    assert str(raised.value).startswith(fault)


def skip(agent: int, reason: str, **more: Any) -> dict[str, Any]:
    named = {"agent_id": f"S{agent}", "hostname": f"h{agent}", "role": "r"}
    return named | {"reason": reason, "detail": reason.lower(), **more}


def test_the_most_frequent_reason_is_first() -> None:
    refused = [skip(agent, "REFUSED", left_s=float(agent)) for agent in range(5)]
    assert rows([skip(9, "NEXT"), *refused]) == [
        ["r", "5", "REFUSED", "refused", "0s to 4s", "h0, h1, h2, …"],
        ["r", "1", "NEXT", "next", "-", "h9"],
    ]


def test_one_time_is_no_range() -> None:
    (row,) = rows([skip(1, "REFUSED", left_s=4.2), skip(2, "REFUSED", left_s=4.4)])
    assert row[-2:] == ["4s", "h1, h2"]
