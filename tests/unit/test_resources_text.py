import json
from collections.abc import Mapping

import pytest

from meseta.errors import ConfigError
from meseta.resources import (
    EMPTY,
    Disk,
    DiskType,
    Kind,
    Ranges,
    Reservation,
    Resources,
    ValueType,
    format_resources,
    parse_resources,
)

WEB = Reservation("web", dynamic=False)


def test_all_types_and_roles() -> None:
    parsed = parse_resources("cpus:4; mem(web):1024 ;ports:[31000-31500, 31501-32000];names:{b,a};")
    assert parsed == Resources.of(
        [
            (Kind("cpus"), 4000),
            (Kind("mem", reservations=(WEB,)), 1_024_000),
            (Kind("ports", ValueType.RANGES), Ranges.from_pairs([(31000, 32000)])),
            (Kind("names", ValueType.SET), frozenset("ab")),
        ]
    )
    assert str(parsed) == (
        "cpus:4; mem(reservations: [(STATIC,web)]):1024; ports:[31000-32000]; names:{a, b}"
    )


def test_nothing_is_nothing() -> None:
    assert parse_resources("") is EMPTY
    assert parse_resources("cpus:0;ports:[]") is EMPTY
    assert parse_resources("[]") is EMPTY
    assert str(EMPTY) == "{}"


def test_the_default_role_reserves_what_names_none() -> None:
    parsed = parse_resources("cpus:1;cpus(*):2;cpus(ads):3", default_role="web")
    assert parsed.reserved("web").scalar("cpus") == 1000
    assert parsed.unreserved().scalar("cpus") == 2000
    assert parsed.reserved("ads").scalar("cpus") == 3000


def test_the_same_name_again_adds_up() -> None:
    assert parse_resources("cpus:1;cpus:0.5") == Resources.scalars(cpus=1.5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cpus", "missing or extra ':' in 'cpus'"),
        ("cpus:1:2", "missing or extra ':' in 'cpus:1:2'"),
        ("mem:5;cpus(web:1", "mismatched parentheses in 'cpus(web:1'"),
        ("cpus:-1", "Bad type for resource 'cpus' with value '-1'"),
        ("cpus:lots", "Bad type for resource 'cpus' with value 'lots'"),
        ("cpus:0.0001", "in 'cpus:0.0001': Invalid scalar resource: value <= 0"),
        ("ports:[1-2", "Failed to parse resource 'ports' with value '[1-2': Mismatched brackets"),
        ("ports:[2-1]", "Range '2-1' ends before it begins"),
        ("ports:[0-18446744073709551616]", "exceeds 64 bits"),
        ("ports:[1]", "not '1'"),
        ("names:{a,a}", "duplicated elements"),
        ("names:a{b}", "Unexpected '{' found"),
        ("cpus:1e-310", "Subnormal values not supported"),
        ("cpus(a//b):1", "Role 'a//b' cannot contain two adjacent slashes"),
        ("cpus:1;cpus:[1-2]", "Resources with the same name ('cpus') but different types are not allowed"),
        ("gpus:1.5", "The 'gpus' resource must be an unsigned integer"),
        (":1", "missing or extra ':'"),
    ],
)
def test_a_bad_piece_is_named(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_resources(text)
    assert complaint in str(caught.value)


def as_json(*resources: Mapping[str, object]) -> str:
    return json.dumps(resources)


CPUS = {"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.5}}


def test_json_in_both_formats() -> None:
    old = {**CPUS, "role": "web"}
    new = {**CPUS, "reservations": [{"type": "STATIC", "role": "web"}]}
    assert parse_resources(as_json(old)) == parse_resources(as_json(new))
    assert parse_resources(as_json(CPUS), default_role="web") == parse_resources(as_json(old))
    assert parse_resources(as_json(CPUS)) == Resources.scalars(cpus=1.5)


def test_json_ranges_sets_and_disks() -> None:
    source = {"type": "MOUNT", "mount": {"root": "/mnt/a"}}
    parsed = parse_resources(
        as_json(
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 5}]}},
            {"name": "names", "type": "SET", "set": {"item": ["x"]}},
            {"name": "disk", "type": "SCALAR", "scalar": {"value": 9}, "disk": {"source": source}},
        )
    )
    assert str(parsed) == "ports:[1-5]; names:{x}; disk[MOUNT:/mnt/a]:9"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": 1}, "Expected `str`, got `int` - at `$[0].name`"),
        ({"type": "TEXT"}, "Unsupported resource type"),
        ({"type": "LIST"}, "Invalid resource type"),
        ({"scalar": {"value": -1}}, "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
        ({"revocable": {}}, "Revocable resources cannot be specified at the command line"),
        ({"role": "web", "reservation": {}}, "Dynamic reservations cannot be specified at the command line"),
        ({"disk": {}}, "DiskInfo should not be set for cpus resource"),
        ({"name": "disk", "disk": {}}, "DiskInfo is set but empty"),
        (
            {"name": "disk", "role": "web", "disk": {"persistence": {"id": "v"}}},
            "Persistent volumes cannot be specified at the command line",
        ),
        ({"reservations": [{"type": "NEW", "role": "web"}]}, "Unsupported 'Resource.ReservationInfo.Type'"),
    ],
)
def test_bad_json_is_explained(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_resources(as_json({**CPUS, **change}))
    assert complaint in str(caught.value)


def test_resources_are_written_as_frameworks_know_them() -> None:
    labelled = Reservation("golden", True, "golden-principal", (("r", "1"), ("flag", None)))
    csi = Disk(source_type=DiskType.RAW, source_vendor="acme", source_id="i", source_profile="p")
    hosted = Disk("v", container_path="data", host_path="/host", mode="RW")
    resources = Resources.of(
        [
            (Kind("cpus", reservations=(labelled,)), 2800),
            (Kind("cpus", revocable=True), 1),
            (Kind("disk", disk=csi), 1000),
            (
                Kind("disk", reservations=(Reservation("a", False), Reservation("a/b", True)), disk=hosted),
                256_000,
            ),
        ]
    )
    assert format_resources(resources, "golden") == (
        "cpus(allocated: golden)(reservations: [(DYNAMIC,golden,golden-principal,{r: 1, flag})]):2.8; "
        "cpus(allocated: golden){REV}:0.001; "
        "disk(allocated: golden)[RAW(acme,i,p)]:1; "
        "disk(allocated: golden)(reservations: [(STATIC,a),(DYNAMIC,a/b)])[v:/host:data:rw]:256"
    )
