"""Allocation modules by name."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from meseta.allocator.allocator import AllocatorOptions
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.victims import Runner, Shortage, least_work
from meseta.errors import ConfigError
from meseta.plugins import load

NOT_CALLABLE = "not an allocator"


class OtherAllocator(HierarchicalAllocator):
    """Stands for a third party's."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    points: list[EntryPoint] = []
    monkeypatch.setattr(load, "entry_points", lambda group: EntryPoints(points).select(group=group))
    return points


def point(name: str, attribute: str) -> EntryPoint:
    return EntryPoint(name, f"{__name__}:{attribute}", load.ALLOCATORS)


def test_the_built_in_allocator_has_the_name_that_it_has_in_mesos() -> None:
    factory = load.load_allocator("HierarchicalDRF")
    allocator = factory(random.Random(1), AllocatorOptions())
    assert isinstance(allocator, HierarchicalAllocator)


def test_an_installed_package_gives_another(installed: list[EntryPoint]) -> None:
    installed.append(point("other", "OtherAllocator"))
    allocator = load.load_allocator("other")(random.Random(1), AllocatorOptions())
    assert type(allocator).__name__ == "OtherAllocator"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([], "no plugin 'other' of group 'meseta.allocators'; installed are: HierarchicalDRF, priority"),
        (["Missing"], "cannot be imported: AttributeError"),
        (["NOT_CALLABLE"], "cannot be called to make an allocator"),
        (["OtherAllocator", "NOT_CALLABLE"], "given more than once"),
    ],
)
def test_what_is_wrong_is_said(installed: list[EntryPoint], points: list[str], words: str) -> None:
    installed.extend(point("other", attribute) for attribute in points)
    with pytest.raises(ConfigError, match=words):
        load.load_allocator("other")


def test_a_revocation_policy_is_found_in_the_same_way(installed: list[EntryPoint]) -> None:
    assert load.load_victim_policy("least_work") is least_work
    installed.append(EntryPoint("mine", f"{__name__}:mine", load.VICTIM_POLICIES))
    installed.append(EntryPoint("wrong", f"{__name__}:NOT_CALLABLE", load.VICTIM_POLICIES))
    assert load.load_victim_policy("mine") is mine
    with pytest.raises(ConfigError, match="cannot be called for victims"):
        load.load_victim_policy("wrong")
    with pytest.raises(ConfigError, match=r"no plugin 'other' of group .* installed are: least_work, mine"):
        load.load_victim_policy("other")


def mine(shortage: Shortage, runners: Sequence[Runner]) -> Collection[Runner]:
    """Stands for a third party's policy."""
    return ()
