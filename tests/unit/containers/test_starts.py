"""Starts wait for the disk, with what concerns the same container behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meseta.containers.effects import (
    ContainerPlan,
    DestroyContainer,
    RemoveContainer,
    Sandbox,
    SignalContainer,
    StartContainer,
    UpdateContainer,
)
from meseta.containers.starts import Starts
from meseta.ids import ContainerId
from meseta.resources import Resources

A, B = ContainerId("a"), ContainerId("b")


class Place:
    """A disk that takes what is written when it is told to, and what was performed."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.waiting: list[Callable[[], None]] = []
        kinds = (StartContainer, SignalContainer, DestroyContainer, UpdateContainer, RemoveContainer)
        self._performers = Starts(dict.fromkeys(kinds, self.done.append), self.waiting.append).performers()

    def perform(self, *effects: Any) -> None:
        for effect in effects:
            self._performers[type(effect)](effect)

    def write(self) -> None:
        waiting, self.waiting[:] = list(self.waiting), []
        for action in waiting:
            action()


def start(id: ContainerId) -> StartContainer:
    return StartContainer(
        ContainerPlan(
            container_id=id,
            file="true",
            argv=("true",),
            environment=(),
            sandbox=Sandbox(path="/s"),
            user=None,
        )
    )


def test_nothing_starts_before_it_is_written_down() -> None:
    place = Place()
    place.perform(start(A), start(B))
    assert place.done == []
    place.write()
    assert place.done == [start(A), start(B)]


def test_what_follows_a_start_waits_for_it_in_order() -> None:
    place = Place()
    behind = [
        SignalContainer(container_id=A, signal=15),
        DestroyContainer(A),
        UpdateContainer(container_id=A, resources=Resources.EMPTY),
        RemoveContainer(A),
    ]
    place.perform(start(A), *behind)
    assert place.done == []
    place.write()
    assert place.done == [start(A), *behind]


def test_other_containers_are_not_held_up() -> None:
    place = Place()
    place.perform(start(B))
    place.write()
    place.perform(start(A), DestroyContainer(B))
    assert place.done == [start(B), DestroyContainer(B)]
    place.write()
    place.perform(RemoveContainer(A))
    assert place.done[2:] == [start(A), RemoveContainer(A)]
