import copy
import gc
import pickle

import pytest

from meseta.resources import EMPTY, Disk, DiskType, Kind, Ranges, Reservation, Resources, ValueType, to_milli
from meseta.resources import vector as vector_module

WEB = Reservation("web", dynamic=True, principal="ops")
PORTS = Kind("ports", ValueType.RANGES)
VOLUME = Kind("disk", reservations=(WEB,), disk=Disk("v1", "ops", "data", mode="RW"))
SHARED = VOLUME.replace(shared=True)
MOUNT = Kind("disk", disk=Disk(source_type=DiskType.MOUNT, source_root="/mnt/a"))


def ports(*pairs: tuple[int, int]) -> Resources:
    return Resources.of({PORTS: Ranges.from_pairs(pairs)})


# Kinds --------------------------------------------------------------------------------------------------


def test_equal_kinds_are_one_object() -> None:
    assert Kind("cpus") is Kind("cpus")
    assert Kind("cpus", reservations=(Reservation("web", True, "ops"),)) is Kind("cpus", reservations=(WEB,))
    assert Kind("cpus") is not Kind("cpus", revocable=True)
    assert copy.deepcopy(VOLUME) is VOLUME
    assert pickle.loads(pickle.dumps(VOLUME)) is VOLUME


def test_kinds_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Kind("cpus").name = "mem"


def test_kinds_that_nobody_uses_are_forgotten() -> None:
    def known() -> int:
        return sum(kind.name == "ephemeral" for kind in gc.get_objects() if type(kind) is Kind)

    kind = Kind("ephemeral")
    assert known() == 1
    del kind
    assert known() == 0


def test_the_role_is_that_of_the_last_reservation() -> None:
    refined = Kind("cpus", reservations=(Reservation("eng", False), Reservation("eng/web", True)))
    assert refined.role == "eng/web"
    assert refined.is_refined
    assert refined.is_dynamically_reserved
    assert Kind("cpus").role == "*"


def test_what_can_be_divided() -> None:
    raw = Kind("disk", disk=Disk(source_type=DiskType.RAW))
    path = Kind("disk", disk=Disk(source_type=DiskType.PATH, source_root="/a"))
    assert raw.is_divisible
    assert path.is_divisible
    assert not raw.replace(disk=Disk(source_type=DiskType.RAW, source_id="i")).is_divisible
    assert not MOUNT.is_divisible
    assert not VOLUME.is_divisible


def test_what_agents_write_down() -> None:
    assert VOLUME.is_checkpointed
    assert Kind("cpus", reservations=(WEB,)).is_checkpointed
    assert not Kind("cpus", reservations=(Reservation("web", False),)).is_checkpointed
    assert not VOLUME.replace(provider_id="p").is_checkpointed


# Scalars ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "milli"),
    [(1.5, 1500), (0.1, 100), (0.0005, 1), (0.0004, 0), (0.0025, 3), (-1, -1000), (-0.0005, -1)],
)
def test_scalars_have_three_decimals(value: float, milli: int) -> None:
    assert to_milli(value) == milli


def test_sums_are_exact() -> None:
    total = sum((Resources.scalars(cpus=0.1) for _ in range(10)), EMPTY)
    assert total == Resources.scalars(cpus=1)


def test_nothing_is_left_out() -> None:
    assert Resources.scalars(cpus=0, mem=-1) is EMPTY
    assert Resources.of({PORTS: Ranges()}) is EMPTY
    assert not EMPTY


def test_subtracting_more_than_there_is_leaves_nothing() -> None:
    left = Resources.scalars(cpus=1, mem=2).subtract(Resources.scalars(cpus=3, disk=5))
    assert left == Resources.scalars(mem=2)
    assert ports((1, 5)).subtract(ports((4, 9))) == ports((1, 3))


def test_taking_away_what_is_not_there_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="cpus:1 does not contain cpus:2"):
        Resources.scalars(cpus=1) - Resources.scalars(cpus=2)
    with pytest.raises(AssertionError, match="does not contain"):
        Resources.scalars(cpus=1) - ports((1, 1))


def test_contains_needs_the_same_kind() -> None:
    reserved = Resources.scalars(cpus=2).push_reservation(WEB)
    assert not reserved.contains(Resources.scalars(cpus=1))
    assert not Resources.scalars(cpus=2).contains(reserved)
    assert Resources.scalars(cpus=2, mem=1).contains(Resources.scalars(cpus=2))
    assert EMPTY.contains(EMPTY)


def test_totals_are_over_all_kinds() -> None:
    resources = (
        Resources.scalars(cpus=1, mem=5).push_reservation(WEB) + Resources.scalars(cpus=0.5) + ports((1, 3))
    )
    assert resources.quantities() == {"cpus": 1500, "mem": 5000}
    assert resources.scalar("cpus") == 1500
    assert resources.scalar("gpus") == 0
    assert resources.ports == Ranges.from_pairs([(1, 3)])
    assert resources.names() == {"cpus", "mem", "ports"}


# Whole things -------------------------------------------------------------------------------------------


def test_whole_disks_are_not_added_up() -> None:
    two = Resources.of([(MOUNT, 100), (MOUNT, 100)])
    assert not two.contains(Resources.of({MOUNT: 200}))
    assert not two.contains(Resources.of({MOUNT: 50}))
    assert two - Resources.of({MOUNT: 100}) == Resources.of({MOUNT: 100})
    assert two.scalar("disk") == 200
    assert Resources.of({MOUNT: 100}).subtract(Resources.of({MOUNT: 50})) == Resources.of({MOUNT: 100})


def test_volumes_are_compared_without_their_mount() -> None:
    elsewhere = VOLUME.replace(disk=Disk("v1", "other", "elsewhere"))
    mine, theirs = Resources.of({VOLUME: 512}), Resources.of({elsewhere: 512})
    assert mine == theirs
    assert hash(mine) == hash(theirs)
    assert mine.contains(theirs)
    assert mine - theirs == EMPTY
    assert [kind for kind, _ in mine] == [VOLUME]
    assert [kind for kind, _ in theirs] == [elsewhere]
    assert [kind for kind, _ in EMPTY + theirs + Resources.scalars(cpus=1)] == [elsewhere, Kind("cpus")]


def test_shared_volumes_count_copies_but_have_one_size() -> None:
    one = Resources.of({SHARED: 512_000})
    two = one + one
    assert two != one
    assert two.contains(one)
    assert not one.contains(two)
    assert two - one == one
    assert two.scalar("disk") == 512_000
    assert list(two) == [(SHARED, 512_000)] * 2
    assert list(two.entries()) == [(SHARED, 512_000, 2)]
    assert str(two) == "disk(reservations: [(DYNAMIC,web,ops)])[v1:data]<SHARED>:512<2>"


# Parts --------------------------------------------------------------------------------------------------


def test_who_may_use_what() -> None:
    free = Resources.scalars(cpus=1)
    eng = Resources.scalars(cpus=2).push_reservation(Reservation("eng", False))
    web = eng.push_reservation(Reservation("eng/web", True))
    everything = free + eng + web
    assert everything.allocatable_to("eng/web/front") == everything
    assert everything.allocatable_to("eng") == free + eng
    assert everything.allocatable_to("engine") == free
    assert everything.reserved() == eng + web
    assert everything.reserved("eng") == eng
    assert everything.unreserved() == free
    assert everything.unrefined() == free + eng
    assert everything.reservations() == {"eng": eng, "eng/web": web}


def test_filters_that_keep_everything_return_the_vector_itself() -> None:
    plain = Resources.scalars(cpus=1, mem=1)
    assert plain.allocatable_to("web") is plain
    assert plain.nonrevocable() is plain
    assert plain.nonshared() is plain
    assert plain.filter(lambda kind: True) is plain
    assert plain.shared() is EMPTY
    assert plain + EMPTY is plain
    assert EMPTY + plain is plain


def test_equal_vectors_of_one_order_are_one_object() -> None:
    assert Resources.scalars(cpus=1, mem=2) is Resources.scalars(cpus=1, mem=2)


def test_a_vector_keeps_its_order_whatever_equal_ones_came_before() -> None:
    for names in (("cpus", "mem"), ("mem", "cpus"), ("cpus", "mem")):
        vector = Resources.scalars(**dict.fromkeys(names, 7.125))
        assert [kind.name for kind, _ in vector] == list(names)
        assert vector == Resources.scalars(cpus=7.125, mem=7.125)


def test_the_table_of_small_vectors_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_module, "_INTERNED", {})  # what other tests left there must not matter
    monkeypatch.setattr(vector_module, "INTERNED_MAX", 2)
    for cpus in range(1, 10):
        assert Resources.scalars(cpus=cpus) == Resources.scalars(cpus=cpus)
        assert len(vector_module._INTERNED) <= 2


# Conversions --------------------------------------------------------------------------------------------


def test_reserving_and_unreserving() -> None:
    agent = Resources.scalars(cpus=4, mem=100)
    part = Resources.scalars(cpus=1)
    reserved = agent.convert(part, part.push_reservation(WEB))
    assert reserved == Resources.scalars(cpus=3, mem=100) + part.push_reservation(WEB)
    assert reserved is not None
    assert reserved.convert(part.push_reservation(WEB), part) == agent
    assert agent.convert(Resources.scalars(cpus=5), EMPTY) is None
    assert reserved.to_unreserved() == agent
    assert part.push_reservation(WEB).pop_reservation() == part


def test_creating_and_destroying_a_volume() -> None:
    reserved = Resources.scalars(disk=1).push_reservation(WEB)
    volume = Resources.of({SHARED: 1000})
    assert volume.without_volumes() == reserved
    assert (volume + volume).without_volumes() == reserved
    created = reserved.convert(volume.without_volumes(), volume)
    assert created == volume
    assert created is not None
    assert created.persistent_volumes() == volume
    on_path = VOLUME.replace(disk=Disk("v", container_path="d", source_type=DiskType.PATH, source_root="/a"))
    bare = on_path.replace(disk=Disk(source_type=DiskType.PATH, source_root="/a"))
    assert Resources.of({on_path: 7}).without_volumes() == Resources.of({bare: 7})


def test_an_agent_restarts_with_its_reservations_and_volumes() -> None:
    eng = Reservation("eng", False)
    flags = Resources.scalars(cpus=4, disk=2) + Resources.scalars(mem=10).push_reservation(eng)
    refined = Resources.scalars(mem=3).push_reservation(eng).push_reservation(Reservation("eng/web", True))
    checkpointed = Resources.of({SHARED: 1500}) + refined
    total = flags.with_checkpointed(checkpointed)
    assert total == (
        Resources.scalars(cpus=4, disk=0.5) + Resources.scalars(mem=7).push_reservation(eng) + checkpointed
    )
    assert total is not None
    assert total.checkpointed() == checkpointed
    assert Resources.scalars(disk=1).with_checkpointed(checkpointed) is None
    assert flags.with_checkpointed(EMPTY) is flags


def test_shrinking_serves_earlier_kinds_first_and_keeps_the_rest() -> None:
    resources = (
        Resources.scalars(cpus=2) + Resources.scalars(cpus=2, mem=5).push_reservation(WEB) + ports((1, 2))
    )
    shrunk = resources.shrink({"cpus": 3000, "gpus": 1000})
    assert shrunk == Resources.scalars(cpus=2) + Resources.scalars(cpus=1, mem=5).push_reservation(
        WEB
    ) + ports((1, 2))
    assert resources.shrink({"cpus": 9000}) is resources
    assert resources.shrink({"cpus": 0, "mem": 0}) == ports((1, 2))


def test_shrinking_takes_whole_disks_or_none() -> None:
    resources = Resources.of([(MOUNT, 100), (Kind("disk"), 50)])
    assert resources.shrink({"disk": 80}) == Resources.of({Kind("disk"): 50})
    assert resources.shrink({"disk": 120}) == Resources.of([(MOUNT, 100), (Kind("disk"), 20)])


def test_vectors_can_be_copied_and_sent() -> None:
    resources = Resources.scalars(cpus=1) + Resources.of({VOLUME: 5}) + ports((1, 2))
    assert pickle.loads(pickle.dumps(resources)) == resources
    assert copy.deepcopy(resources) == resources


def test_nothing_is_one_object() -> None:
    some = Resources.scalars(cpus=1) + ports((1, 2))
    nothings = (
        Resources.of([]),
        Resources.scalars(cpus=0),
        some - some,
        some.subtract(some + some),
        some.filter(lambda kind: False),
        some.revocable(),
        some.shared(),
        EMPTY + EMPTY,
        EMPTY - EMPTY,
        some.shrink({"cpus": 0}).subtract(some),
        pickle.loads(pickle.dumps(EMPTY)),
        copy.deepcopy(EMPTY),
    )
    assert all(nothing is EMPTY for nothing in nothings)
