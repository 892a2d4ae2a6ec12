"""Quotas between messages and records, and what is wrong with requests of the older kind by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from meseta.allocator.quota import Quota
from meseta.wire import json
from meseta.wire.gen import quota_pb2 as q
from meseta.wire.quota import lift_config, lift_guarantee, quota_status, request_fault

CPUS = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}}
STATIC = {"type": "STATIC", "role": "web"}


def request(*guarantee: dict[str, Any], role: str = "web") -> q.QuotaRequest:
    return json.from_dict(q.QuotaRequest, {"role": role, "guarantee": list(guarantee)})


def test_a_good_request_is_lifted() -> None:
    good = request(CPUS, CPUS | {"name": "mem"})
    assert request_fault(good) is None
    assert lift_guarantee(good) == {"cpus": 1500, "mem": 1500}


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (request(CPUS | {"scalar": {"value": -1}}), "QuotaInfo with invalid resource: "),
        (request(CPUS, role="a b"), "QuotaInfo with invalid role: Role component 'a b' is invalid"),
        (request(), "QuotaInfo with empty 'guarantee'"),
        (request(CPUS | {"role": "db"}), "QuotaInfo must not contain any ReservationInfo"),
        (request(CPUS | {"reservations": [STATIC]}), "QuotaInfo must not contain any ReservationInfo"),
        (
            request(CPUS | {"name": "disk", "disk": {"source": {"type": "MOUNT"}}}),
            "QuotaInfo must not contain DiskInfo",
        ),
        (request(CPUS | {"revocable": {}}), "QuotaInfo must not contain RevocableInfo"),
        (
            request({"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}}),
            "QuotaInfo must not include non-scalar resources",
        ),
        (request(CPUS, CPUS), "QuotaInfo contains duplicate resource name 'cpus'"),
    ],
)
def test_what_is_wrong_with_a_request(bad: q.QuotaRequest, fault: str) -> None:
    found = request_fault(bad)
    assert found is not None
    assert found.startswith(fault)


def test_what_is_asked_is_what_is_told() -> None:
    (shown,) = quota_status({"web": Quota({"cpus": 1500}, {"cpus": 2000, "mem": 0})}).configs
    config = lift_config(shown)
    assert (config.role, config.guarantees, config.limits) == (
        "web",
        {"cpus": 1.5},
        {"cpus": 2.0, "mem": 0.0},
    )
