"""The memory of what was worked out from the very same objects."""

from __future__ import annotations

from meseta.resources import Kind, Remembered, Resources, total_of


def test_the_very_same_objects_are_remembered() -> None:
    asked: list[tuple[object, ...]] = []

    def function(*objects: object) -> int:
        asked.append(objects)
        return len(asked)

    remembered = Remembered(function, 2)
    first, second = [1], [1]
    assert [remembered(first), remembered(first), remembered(second)] == [1, 1, 2]
    assert remembered(first, second) == 3
    assert remembered(first) == 4, "the memory of two was full"


def test_a_sum_has_the_order_of_its_parts() -> None:
    parts = [Resources.of([(Kind(name), 1000)]) for name in ("cpus", "mem")]
    there, back = total_of(*parts), total_of(*reversed(parts))
    assert there == back == parts[0] + parts[1]
    assert [kind.name for kind, _ in there] == ["cpus", "mem"]
    assert [kind.name for kind, _ in back] == ["mem", "cpus"]
    assert total_of(*parts) is there


def test_what_was_worked_out_from_very_many_is_not_kept() -> None:
    asked: list[int] = []
    remembered = Remembered(lambda *objects: asked.append(len(objects)), 2)
    many = [object()] * 257
    for _ in range(2):
        remembered(*many)
        remembered(*many[:256])
    assert asked == [257, 256, 257]
