"""Operations in any order change what resources are, and never how much there is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meseta.records import OperationType, ResourceOperation
from meseta.records.conversions import Conversion, conversion_of
from meseta.resources import Disk, Kind, Reservation, Resources

OPPOSITES = {
    OperationType.RESERVE: OperationType.UNRESERVE,
    OperationType.CREATE: OperationType.DESTROY,
}
ROLES = ("web", "web/front", "db")
START = Resources.scalars(cpus=8, mem=1024, disk=1000)

amounts = st.integers(1, 400_000)
volume_ids = st.sampled_from(["v1", "v2"])


@st.composite
def operations(draw: st.DrawFn) -> ResourceOperation:
    """Operations that can often be applied one after the other."""
    type = draw(
        st.sampled_from(
            [
                OperationType.RESERVE,
                OperationType.UNRESERVE,
                OperationType.CREATE,
                OperationType.DESTROY,
                OperationType.GROW_VOLUME,
                OperationType.SHRINK_VOLUME,
            ]
        )
    )
    role = draw(st.sampled_from(ROLES))
    outer = (Reservation("web", True),) if role == "web/front" else ()
    held = (*outer, Reservation(role, True))
    size = draw(st.sampled_from([1000, 2000, 100_000]))
    disk = Disk(persistence_id=draw(volume_ids), container_path="d", mode="RW")
    plain, volume = Kind("disk", reservations=held), Kind("disk", reservations=held, disk=disk)
    if type in (OperationType.RESERVE, OperationType.UNRESERVE):
        resources = Resources.of({plain: size, Kind("cpus", reservations=held): draw(amounts)})
    else:
        resources = Resources.of({volume: size})
    source = Resources.of({plain: 1000}) if type is OperationType.GROW_VOLUME else Resources.EMPTY
    return ResourceOperation(type=type, resources=resources, source=source, subtract=1000)


@given(st.lists(operations(), max_size=30))
@settings(max_examples=150)
def test_amounts_stay(sequence: list[ResourceOperation]) -> None:
    have = START
    for operation in sequence:
        conversion = conversion_of(operation)
        if isinstance(conversion, Conversion):
            have = have.convert(*conversion) or have
        assert have.quantities() == START.quantities()


@given(operations().filter(lambda operation: operation.type in OPPOSITES))
def test_an_operation_and_its_opposite_change_nothing(operation: ResourceOperation) -> None:
    there = conversion_of(operation)
    back = conversion_of(ResourceOperation(type=OPPOSITES[operation.type], resources=operation.resources))
    assert isinstance(there, Conversion)
    assert isinstance(back, Conversion)
    assert there == tuple(reversed(back))
