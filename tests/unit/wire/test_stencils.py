"""What is recognised as being like a message that was read, and what is not."""

from __future__ import annotations

import pytest

from meseta.wire import stencils
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.holes import Fields, Kind, Own, find_holes, own_fields, read_number
from meseta.wire.splice import field, number
from meseta.wire.stencils import Stencils

NAMED: Fields = {
    1: Own("name", Kind.TEXT),
    2: {1: Own("id.value", Kind.TEXT, "id")},
    3: {1: Own("again.value", Kind.TEXT, "id")},
}


def learned(raw: bytes, fields: Fields) -> Stencils[str]:
    memory: Stencils[str] = Stencils(fields)
    memory.learn(raw, lambda holes: "known")
    return memory


def named(name: bytes, id: bytes, again: bytes, rest: bytes = b"") -> bytes:
    return field(1, name) + field(2, field(1, id)) + field(3, field(1, again)) + rest


def test_own_values_are_found_in_messages_that_are_alike() -> None:
    memory = learned(named(b"web", b"t1", b"t1", number(4, 7)), NAMED)
    assert memory.fit(named(b"sql", b"t2", b"t2", number(4, 7))) == ("known", (b"sql", b"t2", b"t2"))


@pytest.mark.parametrize(
    "raw",
    [
        named(b"web", b"t2", b"t3", number(4, 7)),  # the id is not the same again
        named(b"web", b"t2", b"t2", number(4, 8)),
        named(b"web", b"t2", b"t2", number(5, 7)),
        named(b"we", b"t22", b"t2", number(4, 7)),
        named(b"w\xffb", b"t2", b"t2", number(4, 7)),
        named("wé".encode(), b"t2", b"t2", number(4, 7)),  # text, but left to who reads with care
        named(b"web", b"t2", b"t2"),
        b"\n",
        b"",
    ],
)
def test_what_is_not_alike(raw: bytes) -> None:
    assert learned(named(b"web", b"t1", b"t1", number(4, 7)), NAMED).fit(raw) is None


def test_values_that_differed_may_be_whatever_they_are() -> None:
    memory = learned(named(b"web", b"t1", b"e1"), NAMED)
    assert memory.fit(named(b"web", b"t2", b"t2")) == ("known", (b"web", b"t2", b"t2"))


def test_one_stencil_serves_what_differs_between_its_holes() -> None:
    memory: Stencils[str] = Stencils(NAMED)
    for kind in (7, 8):
        raw = named(b"web", b"t1", b"t1", number(4, kind))
        memory.learn(raw, lambda _, kind=kind: f"of kind {kind}")  # type: ignore[misc]
    for kind in (7, 8):
        fit = memory.fit(named(b"sql", b"t9", b"t9", number(4, kind)))
        assert fit is not None
        assert fit[0] == f"of kind {kind}"


def test_stencils_of_one_length_do_not_get_in_each_others_way() -> None:
    memory: Stencils[str] = Stencils(NAMED)
    raws = [
        named(b"web", b"t1", b"t1", field(4, b"x" * 5)),
        named(b"web", b"t1x", b"t1x", field(4, b"x" * 3)),
    ]
    assert len(raws[0]) == len(raws[1])
    for raw in raws:
        memory.learn(raw, lambda _, raw=raw: raw.hex())  # type: ignore[misc]
    assert [memory.fit(raw) for raw in raws] == [
        (raws[0].hex(), (b"web", b"t1", b"t1")),
        (raws[1].hex(), (b"web", b"t1x", b"t1x")),
    ]


NUMBERED: Fields = {2: Own("pid", Kind.NUMBER), 3: Own("time", Kind.FIXED), 4: Own("uuid", Kind.BYTES)}


def numbered(value: bytes, fixed: bytes = b"12345678", data: bytes = b"\xff\x00") -> bytes:
    return field(1, b"web") + b"\x10" + value + b"\x19" + fixed + field(4, data)


@pytest.mark.parametrize("value", [0x80, 0x1234, 0x3FFF])
def test_numbers_of_as_many_bytes(value: int) -> None:
    written = bytes((value & 0x7F | 0x80, value >> 7))
    fit = learned(numbered(b"\xff\x01"), NUMBERED).fit(numbered(written, b"abcdefgh", b"\x80\x80"))
    assert fit == ("known", (written, b"abcdefgh", b"\x80\x80"))
    assert read_number(written) == value


@pytest.mark.parametrize("value", [b"\x7f\x01", b"\xff\x81", b"\x7f\x81"])
def test_bytes_that_are_no_number_of_that_length(value: bytes) -> None:
    assert learned(numbered(b"\xff\x01"), NUMBERED).fit(numbered(value)) is None


def test_own_fields_are_named_by_their_paths() -> None:
    assert own_fields(m.TaskStatus, {"task_id.value": "id", "timestamp": "", "uuid": ""}) == {
        1: {1: Own("task_id.value", Kind.TEXT, "id")},
        6: Own("timestamp", Kind.FIXED),
        11: Own("uuid", Kind.BYTES),
    }


def test_fields_of_another_type_are_nobodys_own_and_long_numbers_are_unusual() -> None:
    assert [hole.own.path for hole in find_holes(number(4, 1) + field(2, b"x"), NUMBERED)] == []
    assert find_holes(numbered(b"\xff\xff\xff\xff\x0f"), NUMBERED) == ()


def test_nothing_is_learned_where_there_is_a_group() -> None:
    raw = field(1, b"web") + b"\x23" + field(1, b"within") + b"\x24"
    assert find_holes(raw, NAMED) == ()
    assert learned(raw, NAMED).fit(raw) is None


def test_when_it_has_learned_very_much_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "LESSONS_MAX", 2)
    memory: Stencils[str] = Stencils(NAMED)
    raws = [named(b"web", b"t1", b"t1", number(4, kind)) for kind in range(3)]
    for raw in raws:
        memory.learn(raw, lambda _: "known")
    assert [memory.fit(raw) is not None for raw in raws] == [False, False, True]


def test_a_lesson_from_one_that_does_not_fit_asks_for_less() -> None:
    memory: Stencils[str] = Stencils(NAMED)
    for again in (b"t1", b"e1"):
        memory.learn(named(b"web", b"t1", again), lambda _: "known")
    for again in (b"t2", b"e2"):
        assert memory.fit(named(b"sql", b"t2", again)) == ("known", (b"sql", b"t2", again))
    assert memory.fit(named(b"sql", b"t2", b"\xff\xff")) is None
    memory.learn(named(b"web", b"t1", b"t1"), lambda _: "known")
    assert memory.fit(named(b"sql", b"t2", b"e2")) is not None, "it asks for no more again"


def test_stencils_of_one_length_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "STENCILS_MAX", 1)
    memory: Stencils[str] = Stencils(NAMED)
    raws = [
        named(b"web", b"t1", b"t1", field(4, b"x" * 5)),
        named(b"web", b"t1x", b"t1x", field(4, b"x" * 3)),
    ]
    for raw in raws:
        memory.learn(raw, lambda _: "known")
    assert [memory.fit(raw) is not None for raw in raws] == [True, False]


def test_nothing_is_learned_from_what_is_long() -> None:
    raw = named(b"web", b"t1", b"t1", field(4, b"x" * stencils.LESSON_BYTES_MAX))
    assert learned(raw, NAMED).fit(raw) is None


def test_nothing_is_learned_from_what_is_unusual() -> None:
    raw = named(b"web", b"t1", b"t1")
    memory: Stencils[str] = Stencils(NAMED)
    memory.learn(raw, lambda _: None)
    assert memory.fit(raw) is None


def test_lessons_are_few_beside_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stencils, "LESSONS_FREE", 1)
    memory: Stencils[str] = Stencils(NAMED)
    raws = [named(b"web", b"t1", b"t1", number(4, kind)) for kind in range(4)]
    for raw in raws:
        memory.learn(raw, lambda _: "known")
    assert [memory.fit(raw) is not None for raw in raws] == [True, True, False, False]
    for _ in range(stencils.MESSAGES_PER_LESSON):
        memory.fit(b"unlike all others")
    for raw in raws[2:]:
        memory.learn(raw, lambda _: "known")
    assert [memory.fit(raw) is not None for raw in raws] == [True, True, True, False]


def test_nothing_is_learned_where_a_value_ends_outside_of_its_message() -> None:
    assert find_holes(field(1, b"web") + field(2, b"\x0a\x10") + field(3, field(1, b"t1")), NAMED) == ()
