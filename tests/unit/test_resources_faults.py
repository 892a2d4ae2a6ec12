import math

import pytest

from meseta.resources import (
    Disk,
    DiskType,
    Kind,
    Ranges,
    Reservation,
    ReservationRecord,
    ResourceRecord,
    Resources,
    ValueType,
    resources_fault,
)
from meseta.resources.faults import (
    is_overlapping,
    mixed_revocable_fault,
    provider_fault,
    record_fault,
    unique_persistence_fault,
    use_fault,
    volume_fault,
)
from meseta.resources.records import DYNAMIC, STATIC

WEB = ReservationRecord(DYNAMIC, "web", "ops")


def scalar(value: float = 1.0, name: str = "cpus", **fields: object) -> ResourceRecord:
    return ResourceRecord(name, 0, scalar=value, **fields)  # type: ignore[arg-type]


def test_the_sentence_names_the_resource() -> None:
    record = scalar(-1, allocation_role="golden")
    assert resources_fault([scalar(), record]) == (
        "Resource 'cpus(allocated: golden):-1' is invalid: Invalid scalar resource: value <= 0"
    )
    assert resources_fault([scalar(), scalar(0)]) is None


@pytest.mark.parametrize(
    ("record", "fault"),
    [
        (scalar(name=""), "Empty resource name"),
        (ResourceRecord("x", 7), "Invalid resource type"),
        (ResourceRecord("x", 3), "Unsupported resource type"),
        (ResourceRecord("x", 0), "Invalid scalar resource"),
        (scalar(ranges=()), "Invalid scalar resource"),
        (ResourceRecord("x", 1, items=()), "Invalid ranges resource"),
        (ResourceRecord("x", 2, items=(), scalar=1.0), "Invalid set resource"),
        (scalar(0.0001), "Invalid scalar resource: value <= 0"),
        (scalar(math.nan), "Invalid scalar resource: value is not finite or too large"),
        (scalar(math.inf), "Invalid scalar resource: value is not finite or too large"),
        (scalar(1e300), "Invalid scalar resource: value is not finite or too large"),
        (ResourceRecord("x", 1, ranges=((2, 1),)), "Invalid ranges resource: begin > end"),
        (ResourceRecord("x", 1, ranges=((1, 5), (5, 9))), "Invalid ranges resource: overlapping ranges"),
        (ResourceRecord("x", 2, items=("a", "a")), "Invalid set resource: duplicated elements"),
        (scalar(disk=Disk()), "DiskInfo should not be set for cpus resource"),
        (
            scalar(name="disk", disk=Disk(source_type=DiskType.UNKNOWN)),
            "Unsupported 'DiskInfo.Source.Type' in 'UNKNOWN'",
        ),
        (
            scalar(name="disk", disk=Disk(source_type=DiskType.RAW, source_root="/a")),
            "Path should not be set for RAW disk source",
        ),
        (scalar(shared=True), "Resource cpus cannot be shared"),
        (scalar(name="disk", shared=True), "Only persistent volumes can be shared"),
    ],
)
def test_values_disks_and_sharing(record: ResourceRecord, fault: str) -> None:
    assert record_fault(record) == fault


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"role": "/a"}, "Role '/a' cannot start with a slash"),
        (
            {"role": "web", "reservation": ReservationRecord(type=DYNAMIC)},
            "'Resource.ReservationInfo.type' must not be set for the 'Resource.reservation' field",
        ),
        (
            {"role": "web", "reservation": ReservationRecord(role="web")},
            "'Resource.ReservationInfo.role' must not be set for the 'Resource.reservation' field",
        ),
        (
            {"reservation": ReservationRecord()},
            'Invalid reservation: role "*" cannot be dynamically reserved',
        ),
        (
            {"reservations": (ReservationRecord(role="web"),)},
            "Invalid reservation: 'Resource.ReservationInfo.type' field must be set.",
        ),
        (
            {"reservations": (ReservationRecord(STATIC),)},
            "Invalid reservation: 'Resource.ReservationInfo.role' field must be set.",
        ),
        (
            {"reservations": (ReservationRecord(STATIC, "*"),)},
            'Invalid reservation: role "*" cannot be reserved',
        ),
        ({"reservations": (ReservationRecord(0, "a"),)}, "Unsupported 'Resource.ReservationInfo.Type'"),
        (
            {"reservations": (WEB, ReservationRecord(STATIC, "web/a"))},
            "Invalid refined reservation: A refined reservation cannot be STATIC",
        ),
        (
            {"reservations": (WEB, ReservationRecord(DYNAMIC, "web2"))},
            "Invalid refined reservation: role 'web2' is not a refinement of 'web'",
        ),
        (
            {"reservations": (WEB,), "role": "ads"},
            "Invalid resource format: 'Resource.role' field with 'ads' does not match"
            " the role 'web' in 'Resource.reservations'",
        ),
        (
            {"reservations": (WEB,), "role": "web"},
            "Invalid resource format: 'Resource.role' and 'Resource.reservation' must either be both set"
            " or both not set if the single reservation in 'Resource.reservations' is DYNAMIC",
        ),
        (
            {"reservations": (WEB,), "role": "web", "reservation": ReservationRecord(principal="eve")},
            "Invalid resource format: 'Resource.reservation.principal' field with 'eve'"
            " does not match the principal 'ops' in 'Resource.reservations'",
        ),
        (
            {
                "reservations": (WEB,),
                "role": "web",
                "reservation": ReservationRecord(principal="ops", labels=(("a", None),)),
            },
            "Invalid resource format: 'Resource.reservation.labels' field with '{a}'"
            " does not match the labels '{}' in 'Resource.reservations'",
        ),
        (
            {"reservations": (ReservationRecord(STATIC, "web"),), "reservation": ReservationRecord()},
            "Invalid resource format: 'Resource.reservation' must not be set if"
            " the single reservation in 'Resource.reservations' is STATIC",
        ),
        (
            {"reservations": (WEB, ReservationRecord(DYNAMIC, "web/a")), "role": "web"},
            "Invalid resource format: 'Resource.role' must not be set if"
            " there is more than one reservation in 'Resource.reservations'",
        ),
        (
            {"reservations": (WEB, ReservationRecord(DYNAMIC, "web/a")), "reservation": ReservationRecord()},
            "Invalid resource format: 'Resource.reservation' must not be set if"
            " there is more than one reservation in 'Resource.reservations'",
        ),
    ],
)
def test_reservations(fields: dict[str, object], fault: str) -> None:
    assert record_fault(scalar(**fields)) == fault  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": "*"},
        {"role": "web", "reservation": ReservationRecord(principal="ops")},
        {"reservations": (WEB,)},
        {"reservations": (WEB,), "role": "web", "reservation": ReservationRecord(principal="ops")},
        {"reservations": (ReservationRecord(STATIC, "web"), ReservationRecord(DYNAMIC, "web/a"))},
    ],
)
def test_all_formats_are_valid(fields: dict[str, object]) -> None:
    assert record_fault(scalar(**fields)) is None  # type: ignore[arg-type]


# Use ----------------------------------------------------------------------------------------------------

RESERVED = (Reservation("web", True, "ops"),)


def volume(persistence_id: str = "v", **fields: object) -> Kind:
    disk = {"container_path": "data", "mode": "RW", **fields}
    return Kind("disk", reservations=RESERVED, disk=Disk(persistence_id, **disk))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (volume(container_path=None), "Expecting 'volume' to be set for persistent volume"),
        (volume(host_path="/a"), "Expecting 'host_path' to be unset for persistent volume"),
        (
            volume("a/b"),
            "Invalid persistence ID for persistent volume: 'a/b' contains invalid characters",
        ),
        (
            volume().replace(revocable=True),
            "Persistent volumes cannot be created from revocable resources",
        ),
        (
            volume().replace(reservations=()),
            "Persistent volumes cannot be created from unreserved resources",
        ),
        (Kind("disk", disk=Disk(container_path="a")), "Non-persistent volume not supported"),
        (Kind("disk", disk=Disk()), "DiskInfo is set but empty"),
    ],
)
def test_unusable_disks(kind: Kind, fault: str) -> None:
    assert use_fault(Resources.of({kind: 1000})) == f"Invalid DiskInfo: {fault}"


def test_usable_resources_have_no_fault() -> None:
    mount = Kind("disk", disk=Disk(source_type=DiskType.MOUNT))
    resources = Resources.of({volume(): 1, mount: 2}) + Resources.scalars(cpus=0.5, gpus=2)
    assert use_fault(resources) is None


def test_gpus_are_whole() -> None:
    assert use_fault(Resources.scalars(gpus=0.5)) == (
        "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"
    )


def test_what_may_be_taken_back_cannot_be_reserved() -> None:
    assert use_fault(Resources.of({Kind("cpus", reservations=RESERVED, revocable=True): 1000})) == (
        "Invalid ReservationInfo: Dynamically reserved resource"
        " cpus(reservations: [(DYNAMIC,web,ops)]){REV}:1 cannot be created from revocable resources"
    )


def test_persistence_ids_are_unique_in_a_role() -> None:
    again = volume().replace(disk=Disk("v", source_type=DiskType.PATH))
    twice = Resources.of([(volume(), 1), (again, 2)])
    assert unique_persistence_fault(twice) == "Persistence ID 'v' is not unique"
    other = volume().replace(reservations=(Reservation("ads", True),))
    assert unique_persistence_fault(Resources.of([(volume(), 1), (other, 2)])) is None
    shared = Resources.of({volume().replace(shared=True): 1})
    assert unique_persistence_fault(shared + shared) is None


def test_revocable_and_not_at_once() -> None:
    revocable = Resources.of({Kind("cpus", revocable=True): 1})
    assert mixed_revocable_fault(revocable + Resources.scalars(mem=1)) is None
    assert mixed_revocable_fault(revocable + Resources.scalars(cpus=1)) == (
        "Cannot use both revocable and non-revocable 'cpus' at the same time"
    )


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Kind("cpus"), "Resource cpus:0.001 does not have DiskInfo"),
        (Kind("disk", disk=Disk(source_type=DiskType.PATH)), "'persistence' is not set in DiskInfo"),
        (volume(container_path=None), "Expecting 'volume' to be set for persistent volume"),
        (volume(mode="RO"), "Read-only persistent volume not supported"),
        (volume(), None),
    ],
)
def test_volumes_to_create(kind: Kind, fault: str | None) -> None:
    assert volume_fault(Resources.of({kind: 1})) == fault


def test_one_provider() -> None:
    a, b = (Resources.of({Kind("disk", provider_id=name): 1}) for name in "ab")
    assert provider_fault(a) is None
    assert provider_fault(a + b) == "The resources have multiple resource providers: a, b"
    assert provider_fault(a + Resources.scalars(cpus=1)) == (
        "Some resources have a resource provider and some do not"
    )


def test_overlaps_between_tasks() -> None:
    first = Resources.of({Kind("ports", ValueType.RANGES): Ranges.from_pairs([(1, 5)])})
    second = Resources.of({Kind("ports", ValueType.RANGES): Ranges.from_pairs([(5, 6)])})
    names = Resources.of({Kind("names", ValueType.SET): frozenset("a")})
    assert is_overlapping(first, second)
    assert is_overlapping(names, names)
    assert not is_overlapping(first, names, Resources.scalars(cpus=1), Resources.scalars(cpus=1))
