"""Turns by lot: everybody has the chance of its weight, and nobody is left out or asked twice."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from meseta.allocator.shuffle import Shuffle
from meseta.allocator.sorter import Client, RoleTree
from meseta.ids import FrameworkId
from meseta.resources import Resources
from tests.unit.allocator.allocator_kit import Cluster

DRAWS = 4000


def wanting(tree: RoleTree, name: str, role: str) -> Client:
    client = tree.add(FrameworkId(name), role)
    tree.want(client)
    return client


def first_turns(tree: RoleTree, *, roles: bool, frameworks: bool, candidates: int = -1) -> dict[str, float]:
    """How often each had the first turn."""
    shuffle = Shuffle(tree, random.Random(7), roles=roles, frameworks=frameworks)
    firsts = Counter(next(shuffle.turns(candidates)).path for _ in range(DRAWS))
    return {path: count / DRAWS for path, count in firsts.items()}


def test_roles_have_the_chances_of_their_weights() -> None:
    tree = RoleTree()
    wanting(tree, "f", "a")
    wanting(tree, "f", "b")
    tree.set_weight("b", 3.0)
    chances = first_turns(tree, roles=True, frameworks=True)
    assert chances == pytest.approx({"a/./f": 0.25, "b/./f": 0.75}, abs=0.03)


def test_a_weight_counts_among_siblings() -> None:
    """`a` has half of the chances, which `a` itself and `a/b` share 1:4."""
    tree = RoleTree()
    wanting(tree, "f", "a")
    wanting(tree, "f", "a/b")
    wanting(tree, "f", "c")
    tree.set_weight("a/b", 4.0)
    chances = first_turns(tree, roles=True, frameworks=True)
    assert chances == pytest.approx({"a/./f": 0.1, "a/b/./f": 0.4, "c/./f": 0.5}, abs=0.03)


def test_frameworks_of_a_role_have_equal_chances() -> None:
    tree = RoleTree()
    for name in "fgh":
        wanting(tree, name, "a")
    tree.change_total({"cpus": 9000}, {})
    tree.charge(next(tree.clients()), {"cpus": 9000})
    chances = first_turns(tree, roles=False, frameworks=True)
    assert chances == pytest.approx({f"a/./{name}": 1 / 3 for name in "fgh"}, abs=0.03)


def test_frameworks_go_by_share_within_roles_by_lot() -> None:
    tree = RoleTree()
    rich, poor = wanting(tree, "f", "a"), wanting(tree, "g", "a")
    wanting(tree, "h", "b")
    tree.change_total({"cpus": 9000}, {})
    tree.charge(rich, {"cpus": 9000})
    shuffle = Shuffle(tree, random.Random(1), roles=True, frameworks=False)
    for _ in range(50):
        order = list(shuffle.turns(-1))
        assert order.index(poor) == order.index(rich) - 1


@pytest.mark.parametrize("roles", [False, True])
@pytest.mark.parametrize("count", [3, 40])
def test_every_candidate_has_one_turn(roles: bool, count: int) -> None:
    tree = RoleTree()
    clients = [wanting(tree, f"f{index}", f"r{index % 20}/s{index % 3}") for index in range(count)]
    shuffle = Shuffle(tree, random.Random(3), roles=roles, frameworks=True)
    some = clients[::2]
    for _ in range(20):
        turns = list(shuffle.turns(sum(client.bit for client in some)))
        assert len(turns) == len(some)
        assert set(turns) == set(some)


def test_few_candidates_among_many_have_equal_chances() -> None:
    """When draws miss, the rest is sorted by lot."""
    tree = RoleTree()
    clients = [wanting(tree, "f", f"r{index}") for index in range(200)]
    some = clients[50:54]
    chances = first_turns(tree, roles=True, frameworks=True, candidates=sum(one.bit for one in some))
    assert chances == pytest.approx({client.path: 0.25 for client in some}, abs=0.03)


def test_the_tree_may_change_between_draws() -> None:
    tree = RoleTree()
    first = wanting(tree, "f", "a")
    shuffle = Shuffle(tree, random.Random(1), roles=True, frameworks=True)
    assert list(shuffle.turns(-1)) == [first]
    second = wanting(tree, "g", "b")
    tree.unwant(first)
    assert list(shuffle.turns(-1)) == [second]
    tree.unwant(second)
    assert list(shuffle.turns(-1)) == []


def test_an_allocator_that_draws() -> None:
    """The one that holds most gets its part all the same."""
    cluster = Cluster(role_sorter="random", framework_sorter="random")
    total = Resources.scalars(cpus=1, mem=64)
    cluster.framework("rich", "a")
    cluster.framework("poor", "b")
    cluster.agent("big", Resources.scalars(cpus=999), {"rich": {"a": Resources.scalars(cpus=999)}})
    for index in range(40):
        cluster.agent(f"a{index}", total)
    served = Counter(one.framework_id for one in cluster.allocate())
    assert min(served["rich"], served["poor"]) > 5
