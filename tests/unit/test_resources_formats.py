import pytest

from meseta.resources import (
    EMPTY,
    Disk,
    Format,
    Kind,
    Ranges,
    Reservation,
    ReservationRecord,
    ResourceFault,
    ResourceRecord,
    Resources,
    ValueType,
    from_records,
    to_records,
)
from meseta.resources.records import DYNAMIC, STATIC

STATIC_ENG = Reservation("eng", False)
DYNAMIC_WEB = Reservation("web", True, "ops", (("a", None),))
REFINED = (STATIC_ENG, Reservation("eng/web", True))


def one(reservations: tuple[Reservation, ...]) -> Resources:
    return Resources.of({Kind("cpus", reservations=reservations): 1500})


def only(resources: Resources, format: Format) -> ResourceRecord:
    (record,) = to_records(resources, format=format)
    return record


def test_unreserved() -> None:
    plain = one(())
    assert only(plain, Format.POST) == ResourceRecord("cpus", 0, scalar=1.5)
    assert only(plain, Format.PRE) == ResourceRecord("cpus", 0, scalar=1.5, role="*")
    assert only(plain, Format.ENDPOINT) == only(plain, Format.PRE)


def test_static() -> None:
    new = (ReservationRecord(STATIC, "eng"),)
    assert only(one((STATIC_ENG,)), Format.POST) == ResourceRecord("cpus", 0, scalar=1.5, reservations=new)
    assert only(one((STATIC_ENG,)), Format.PRE) == ResourceRecord("cpus", 0, scalar=1.5, role="eng")
    both = only(one((STATIC_ENG,)), Format.ENDPOINT)
    assert (both.role, both.reservation, both.reservations) == ("eng", None, new)


def test_dynamic() -> None:
    new = (ReservationRecord(DYNAMIC, "web", "ops", (("a", None),)),)
    old = ReservationRecord(principal="ops", labels=(("a", None),))
    resources = one((DYNAMIC_WEB,))
    assert only(resources, Format.POST).reservations == new
    pre = only(resources, Format.PRE)
    assert (pre.role, pre.reservation, pre.reservations) == ("web", old, ())
    both = only(resources, Format.ENDPOINT)
    assert (both.role, both.reservation, both.reservations) == ("web", old, new)


@pytest.mark.parametrize("format", list(Format))
def test_refined_reservations_have_one_form(format: Format) -> None:
    record = only(one(REFINED), format)
    assert (record.role, record.reservation) == (None, None)
    assert [r.role for r in record.reservations] == ["eng", "eng/web"]


@pytest.mark.parametrize("format", list(Format))
@pytest.mark.parametrize("reservations", [(), (STATIC_ENG,), (DYNAMIC_WEB,), REFINED])
def test_every_format_is_read(format: Format, reservations: tuple[Reservation, ...]) -> None:
    resources = one(reservations)
    assert from_records(to_records(resources, format=format)) == (resources, None)


def test_all_fields_survive() -> None:
    disk = Disk("v", "ops", "data", mode="RW")
    kind = Kind("disk", ValueType.SCALAR, (DYNAMIC_WEB,), disk, False, True, "provider")
    ports = Kind("ports", ValueType.RANGES, revocable=True)
    names = Kind("names", ValueType.SET)
    resources = Resources.of(
        [(kind, 512_000), (ports, Ranges.from_pairs([(1, 2), (5, 9)])), (names, frozenset("ab"))]
    )
    records = to_records(resources, allocation_role="web")
    assert [record.allocation_role for record in records] == ["web"] * 3
    read, role = from_records(records)
    assert role == "web"
    assert read == resources
    assert next(iter(read)) == (kind, 512_000)


def test_copies_of_a_shared_volume_are_one_object() -> None:
    kind = Kind("disk", reservations=(DYNAMIC_WEB,), disk=Disk("v"), shared=True)
    copies = Resources.of([(kind, 5), (kind, 5)])
    assert len(to_records(copies)) == 1


def test_zeros_are_left_out() -> None:
    assert from_records([ResourceRecord("cpus", 0, scalar=0.0), ResourceRecord("p", 1, ranges=())]) == (
        EMPTY,
        None,
    )


def test_invalid_records_are_refused_with_a_sentence() -> None:
    with pytest.raises(
        ResourceFault, match=r"Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    ):
        from_records([ResourceRecord("cpus", 0, scalar=-1.0)])


def test_one_allocation_role() -> None:
    records = [ResourceRecord("cpus", 0, scalar=1.0, allocation_role=role) for role in (None, "a", "b")]
    assert from_records(records[:2])[1] == "a"
    with pytest.raises(ResourceFault, match=r"multiple allocation roles \('b' and 'a'\)"):
        from_records(records)
