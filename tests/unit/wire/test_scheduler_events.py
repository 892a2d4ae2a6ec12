"""What schedulers are told: offers in the form that each can read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meseta.ids import AgentId, FrameworkId, OfferId, Pid
from meseta.master import effects as x
from meseta.records import AgentInfo, FrameworkCapability, FrameworkInfo
from meseta.resources import EMPTY, Kind, Ranges, Reservation, Resources, ValueType
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.gen import scheduler_pb2 as s
from meseta.wire.json import to_dict
from meseta.wire.scheduler_events import SchedulerEvents

MULTI_ROLE, REFINEMENT = FrameworkCapability.MULTI_ROLE, FrameworkCapability.RESERVATION_REFINEMENT
STATIC = Reservation("web", dynamic=False)
DYNAMIC = Reservation("web", dynamic=True, principal="ops")
REFINED = Reservation("web/a", dynamic=True)
RESOURCES = Resources.of(
    [
        (Kind("cpus"), 1000),
        (Kind("cpus", reservations=(STATIC,)), 2000),
        (Kind("cpus", reservations=(DYNAMIC,)), 3000),
        (Kind("cpus", reservations=(STATIC, REFINED)), 4000),
    ]
)
NEW_STATIC = {"type": "STATIC", "role": "web"}
NEW_DYNAMIC = {"type": "DYNAMIC", "role": "web", "principal": "ops"}
NEW_REFINED = {"type": "DYNAMIC", "role": "web/a"}
OLD_FORM: list[dict[str, Any]] = [
    {"role": "*"},
    {"role": "web"},
    {"role": "web", "reservation": {"principal": "ops"}},
    {"reservations": [NEW_STATIC, NEW_REFINED]},
]
NEW_FORM: list[dict[str, Any]] = [
    {},
    {"reservations": [NEW_STATIC]},
    {"reservations": [NEW_DYNAMIC]},
    {"reservations": [NEW_STATIC, NEW_REFINED]},
]


def offered(*capabilities: FrameworkCapability, resources: Resources = RESOURCES) -> x.Offered:
    """An offer to a framework that can this much."""
    info = FrameworkInfo(user="u", name="f", capabilities=frozenset(capabilities))
    agent = AgentInfo(hostname="h", port=5051, resources=EMPTY)
    of = x.OfferedAgent(AgentId("m-S0"), Pid("slave(1)@10.0.0.1:5051"), agent)
    return x.Offered(info, (x.OfferRecord(OfferId("m-O0"), FrameworkId("m-0000"), "web/a", of, resources),))


@pytest.mark.parametrize(
    ("capabilities", "form"),
    [
        ((), OLD_FORM),
        ((MULTI_ROLE,), OLD_FORM),
        ((REFINEMENT,), NEW_FORM),
        ((MULTI_ROLE, REFINEMENT), NEW_FORM),
    ],
)
def test_offers_are_written_as_the_framework_can_read_them(
    capabilities: tuple[FrameworkCapability, ...], form: list[dict[str, Any]]
) -> None:
    events = SchedulerEvents(m.MasterInfo())
    event = json.loads(events.v1(offered(*capabilities), as_json=True))
    assert event == to_dict(s.Event.FromString(events.v1(offered(*capabilities), as_json=False)))
    (offer,) = event["offers"]["offers"]
    allocation = {"allocation_info": {"role": "web/a"}} if MULTI_ROLE in capabilities else {}
    assert {key: offer[key] for key in offer if key == "allocation_info"} == allocation
    plain = {"name": "cpus", "type": "SCALAR"}
    assert offer["resources"] == [
        {**plain, "scalar": {"value": float(amount)}, **how, **allocation}
        for amount, how in enumerate(form, start=1)
    ]


def test_frameworks_do_not_see_the_ephemeral_ports() -> None:
    ports = Ranges.from_pairs([(32768, 57344)])
    resources = Resources.of(
        [(Kind("cpus"), 1000), (Kind("ephemeral_ports", ValueType.RANGES), ports)],
    )
    event = s.Event.FromString(
        SchedulerEvents(m.MasterInfo()).v1(offered(resources=resources), as_json=False)
    )
    assert [resource.name for resource in event.offers.offers[0].resources] == ["cpus"]
