"""The memory of what was worked out from the very same objects."""

from __future__ import annotations

from meseta.resources import Kind, Resources, remembered, total_of


def test_the_very_same_objects_are_remembered() -> None:
    asked: list[tuple[object, ...]] = []

    def function(*objects: object) -> int:
        asked.append(objects)
        return len(asked)

    recall = remembered(function, 2)
    first, second = [1], [1]
    assert [recall(first), recall(first), recall(second)] == [1, 1, 2]
    assert recall(first, second) == 3
    assert recall(first) == 4, "the memory of two was full"


def test_a_sum_has_the_order_of_its_parts() -> None:
    parts = [Resources.of([(Kind(name), 1000)]) for name in ("cpus", "mem")]
    there, back = total_of(*parts), total_of(*reversed(parts))
    assert there == back == parts[0] + parts[1]
    assert [kind.name for kind, _ in there] == ["cpus", "mem"]
    assert [kind.name for kind, _ in back] == ["mem", "cpus"]
    assert total_of(*parts) is there


def test_what_was_worked_out_from_very_many_is_not_kept() -> None:
    asked: list[int] = []
    recall = remembered(lambda *objects: asked.append(len(objects)), 2)
    many = [object()] * 257
    for _ in range(2):
        recall(*many)
        recall(*many[:256])
    assert asked == [257, 256, 257]
