"""Small shapes of v0 JSON."""

from __future__ import annotations

import json

from meseta.attributes import parse_attributes
from meseta.resources import parse_resources
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.v0_json import objects, values


def test_resources_are_sums_with_the_standard_ones_first() -> None:
    of = parse_resources("cpus:1.5;cpus(web):0.5;ports:[1-3,7-9];tags:{b,a}")
    shown = json.loads(bytes(values.resources(of)))
    assert shown == {
        "disk": 0.0,
        "mem": 0.0,
        "gpus": 0.0,
        "cpus": 2.0,
        "ports": "[1-3, 7-9]",
        "tags": "{a, b}",
    }
    assert list(shown)[:4] == ["disk", "mem", "gpus", "cpus"]
    assert values.quantities(of) == {"cpus": 2.0, "ports": 6.0, "tags": 2}
    assert list(values.reserved(of)) == ["web"]
    (reserved,) = values.reserved_full(of)["web"]
    assert reserved["role"] == "web"
    assert reserved["reservations"] == [{"type": "STATIC", "role": "web"}]


def test_attributes_are_numbers_or_text() -> None:
    shown = values.attributes(parse_attributes("rack:r1;slot:3;range:[1-10];set:{b,a}"))
    assert shown == {"rack": "r1", "slot": 3.0, "range": "[1-10]", "set": "{a, b}"}


def test_a_framework_has_role_or_roles() -> None:
    assert objects.framework_roles(m.FrameworkInfo(user="u", name="n", role="r")) == {"role": "r"}
    multi = m.FrameworkInfo(user="u", name="n", roles=["a", "b"])
    multi.capabilities.add(type=m.FrameworkInfo.Capability.MULTI_ROLE)
    assert objects.framework_roles(multi) == {"roles": ["a", "b"]}


def test_a_task_without_a_time_is_from_the_beginning_of_time() -> None:
    status = m.TaskStatus(task_id=m.TaskID(value="t"), state=m.TASK_RUNNING)
    assert objects.status(status) == {"state": "TASK_RUNNING", "timestamp": 0.0}
