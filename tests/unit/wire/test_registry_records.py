"""The registry's records: what is written is read again, and what is not ours is refused with a sentence."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meseta.allocator.quota import NO_QUOTA, Quota
from meseta.errors import WireError
from meseta.ids import AgentId
from meseta.master.registry import (
    AdmitAgent,
    Deactivate,
    Deactivation,
    Drain,
    DrainState,
    ForgetAgents,
    MarkGone,
    MarkReachable,
    MarkUnreachable,
    Reactivate,
    Recovered,
    RemoveAgent,
    UpdateAgentInfo,
    UpdateMaintenance,
    UpdateQuota,
    UpdateWeights,
)
from meseta.records import NO_MAINTENANCE, AgentInfo, MachineId, Schedule, Unavailability, Window
from meseta.resources import Resources
from meseta.wire.gen import internal_pb2 as i
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.lift import lift_agent
from meseta.wire.registry import HEADS, VERSION, changes_of, read_registry

A1 = AgentId("m-S1")
A2 = AgentId("m-S2")
KEY = f"agents/{A1}"


def registered(id: AgentId = A1) -> AgentInfo:
    """An agent as it comes from the wire, with an id that its own words do not have yet."""
    slave = i.SlaveInfo(hostname="h", port=5051, checkpoint=True)
    resource = slave.resources.add(name="cpus", type=m.Value.SCALAR)
    resource.scalar.value = 4.0
    resource.reservations.add(type=m.Resource.ReservationInfo.STATIC, role="web")
    attribute = slave.attributes.add(name="rack", type=m.Value.TEXT)
    attribute.text.value = "r1"
    slave.domain.fault_domain.region.name = "eu"
    slave.domain.fault_domain.zone.name = "a"
    return msgspec.structs.replace(lift_agent(slave), id=id)


def written(*mutations: object) -> dict[str, bytes]:
    """The records that are there after these mutations."""
    records: dict[str, bytes] = {}
    for mutation in mutations:
        for key, record in changes_of((mutation,)).items():  # type: ignore[arg-type]
            records.pop(key, None)
            if record is not None:
                records[key] = record
    return records


@pytest.mark.parametrize("kind", [AdmitAgent, UpdateAgentInfo, MarkReachable])
def test_an_admitted_agent_is_read_as_it_was(kind: type) -> None:
    assert read_registry(written(kind(registered()))) == Recovered(agents=(registered(),))


@given(st.binary(min_size=1, max_size=2 * HEADS))
@example(bytes(255))
@example(bytes(256))
@example(bytes(HEADS - 1))
@example(bytes(HEADS))
@example(bytes(65_536))
def test_the_record_of_an_agent_is_what_the_encoder_makes_of_it(raw: bytes) -> None:
    info = msgspec.structs.replace(registered(), raw=raw)
    record = {"type": "admitted", "version": VERSION, "info": raw}
    assert changes_of((AdmitAgent(info),)) == {KEY: msgspec.msgpack.encode(record)}


def test_of_several_changes_of_one_record_the_last_one_stays() -> None:
    first, last = AdmitAgent(registered()), MarkUnreachable(A1, 7.5)
    assert changes_of((first, last)) == changes_of((last,))
    assert changes_of((last, RemoveAgent(A1), first)) == {**changes_of((first,)), f"deactivated/{A1}": None}


def test_an_agent_that_nobody_has_sent_is_described() -> None:
    info = AgentInfo(hostname="h", port=1, resources=Resources.scalars(cpus=1), id=A1)
    (found,) = read_registry(written(AdmitAgent(info))).agents
    assert msgspec.structs.replace(found, raw=b"") == info


def test_an_agent_has_one_record() -> None:
    records = written(AdmitAgent(registered()), MarkUnreachable(A1, 7.5))
    assert read_registry(records) == Recovered(unreachable=((A1, 7.5),))
    assert not written(AdmitAgent(registered()), RemoveAgent(A1))
    assert read_registry(written(MarkUnreachable(A1, 7.5), MarkReachable(registered()))).unreachable == ()


def test_unreachable_agents_come_oldest_first() -> None:
    records = written(MarkUnreachable(A1, 9.0), MarkUnreachable(A2, 8.0))
    assert read_registry(records).unreachable == ((A2, 8.0), (A1, 9.0))


def test_the_schedule_is_one_record() -> None:
    machine = MachineId("a1", "10.0.1.1")
    plan = Schedule((Window((machine,), Unavailability(5, None)),), (machine,))
    records = written(UpdateMaintenance(plan))
    assert list(records) == ["maintenance/schedule"]
    assert read_registry(records) == Recovered(schedule=plan)
    assert not written(UpdateMaintenance(plan), UpdateMaintenance(NO_MAINTENANCE))


def test_gone_agents_are_gone_and_not_deactivated() -> None:
    drained = Deactivation(Drain(DrainState.DRAINED, 2.5, mark_gone=True))
    records = written(AdmitAgent(registered()), Deactivate(A1, drained))
    assert read_registry(records) == Recovered(agents=(registered(),), deactivated=((A1, drained),))
    assert read_registry(written(Deactivate(A2, Deactivation()))).deactivated == ((A2, Deactivation()),)
    assert not written(Deactivate(A1, drained), Reactivate(A1))
    gone = written(AdmitAgent(registered()), Deactivate(A1, drained), MarkGone(A1, 5.0), MarkGone(A2, 4.0))
    assert read_registry(gone) == Recovered(gone=((A2, 4.0), (A1, 5.0)))
    assert not written(MarkGone(A1, 5.0), MarkUnreachable(A2, 6.0), ForgetAgents((A1, A2)))


def encoded(**fields: object) -> bytes:
    return msgspec.msgpack.encode(fields)


def test_fields_that_a_newer_version_has_added_are_passed_over() -> None:
    body = encoded(type="unreachable", version=VERSION, since=1.0, reason="new")
    assert read_registry({KEY: body}).unreachable == ((A1, 1.0),)


@pytest.mark.parametrize(
    ("key", "body", "sentence"),
    [
        (KEY, encoded(type="admitted", version=VERSION + 1, other=1), "a newer Meseta has written"),
        (KEY, encoded(type="admitted", version=0, info=b""), "never was one"),
        (KEY, encoded(type="on_leave", version=VERSION), "cannot be read"),
        (KEY, encoded(type="admitted", version=VERSION, info=b"\xff"), "not a mesos.v1.AgentInfo"),
        (KEY, b"\xc1", "cannot be read"),
        (KEY, b"", "cannot be read"),
        ("roles/web", encoded(version=VERSION), "does not know"),
    ],
)
def test_what_is_not_ours_is_refused(key: str, body: bytes, sentence: str) -> None:
    with pytest.raises(WireError, match=sentence) as refusal:
        read_registry({key: body})
    assert key in str(refusal.value)


def test_quotas_and_weights_are_read_as_they_were() -> None:
    quota = Quota({"cpus": 1500}, {"cpus": 2000, "mem": 0})
    records = written(UpdateQuota((("eng", quota), ("web", quota))), UpdateQuota((("web", NO_QUOTA),)))
    assert read_registry(records) == Recovered(quotas=(("eng", quota),))
    records = written(UpdateWeights((("eng/web", 2.5), ("*", 1.0))))
    assert read_registry(records) == Recovered(weights=(("eng/web", 2.5), ("*", 1.0)))
