"""The role tree: order of turns, virtual leaves, snapshots, bits."""

from __future__ import annotations

import random

from meseta.allocator.sorter import FEW, Client, RoleTree
from meseta.ids import FrameworkId


class Tree(RoleTree):
    """A role tree with a total of 100 cpus, told in short."""

    def __init__(self) -> None:
        super().__init__()
        self.change_total({"cpus": 100_000, "mem": 100_000}, {})

    def join(self, framework: str, role: str, cpus: int = 0) -> Client:
        client = self.add(FrameworkId(framework), role)
        self.want(client)
        if cpus:
            self.charge(client, {"cpus": cpus * 1000})
        return client

    def names(self) -> list[str]:
        return [client.path for client in self.turns(self.root.mask)]


def test_smaller_share_first_then_count_then_name() -> None:
    tree = Tree()
    tree.join("c", "c")
    tree.join("b", "b")
    tree.join("a", "a", cpus=1)
    often = tree.join("d", "d")
    tree.charge(often, {})
    assert tree.names() == ["b/./b", "c/./c", "d/./d", "a/./a"]


def test_preorder_visits_subtrees_as_a_whole() -> None:
    """The least served leaf waits if its branch has more than others."""
    tree = Tree()
    tree.join("f", "a/x", cpus=10)
    tree.join("g", "a/y")
    tree.join("h", "b", cpus=5)
    assert tree.names() == ["b/./h", "a/y/./g", "a/x/./f"]


def test_frameworks_of_an_inner_role_compete_with_its_children() -> None:
    tree = Tree()
    tree.join("f", "a", cpus=3)
    tree.join("g", "a", cpus=1)
    tree.join("h", "a/x", cpus=2)
    assert tree.names() == ["a/x/./h", "a/./g", "a/./f"]


def test_weight_of_an_inner_role_holds_for_roles_added_later() -> None:
    tree = Tree()
    tree.set_weight("a", 4.0)
    tree.join("f", "a/x", cpus=8)
    tree.join("g", "b", cpus=4)
    assert tree.names() == ["a/x/./f", "b/./g"]


def test_roles_without_clients_disappear() -> None:
    tree = Tree()
    client = tree.join("f", "a/b/c")
    other = tree.join("g", "a")
    paths = ("a", "a/b", "a/b/c")
    assert [tree.node(path) is not None for path in paths] == [True, True, True]
    tree.remove(client)
    assert [tree.node(path) is not None for path in paths] == [True, False, False]
    tree.remove(other)
    assert tree.node("a") is None


def test_a_role_that_becomes_a_leaf_again_keeps_the_count_of_what_was_below() -> None:
    tree = Tree()
    tree.join("f", "a")
    below = tree.join("g", "a/b", cpus=1)
    tree.discharge(below, {"cpus": 1000})
    tree.remove(below)
    node = tree.node("a")
    assert node is not None
    assert node.children["."].count == node.count == 1


def test_what_several_are_given_may_be_charged_together_above_them() -> None:
    one_by_one, together = Tree(), Tree()
    for tree in (one_by_one, together):
        clients = [tree.join("f", "a/b"), tree.join("g", "a/b"), tree.join("h", "a")]
        if tree is one_by_one:
            for client in clients:
                tree.charge(client, {"cpus": 1000})
            continue
        for first, *others in (clients[:2], clients[2:]):
            assert first.parent is not None
            given = {client: {"cpus": 1000} for client in (first, *others)}
            tree.charge_together(first.parent, given, {"cpus": 1000 * len(given)})
    charged = [
        {n.path: (dict(n.allocated), n.count) for n in (tree.root, *tree.roles(), *tree.clients())}
        for tree in (one_by_one, together)
    ]
    assert charged[0] == charged[1]
    assert charged[0][""] == ({"cpus": 3000}, 3)
    assert one_by_one.names() == together.names()


def test_who_was_given_something_together_with_others_has_a_later_turn() -> None:
    tree = Tree()
    first, second, *others = [tree.join(f"f{index:02}", "r") for index in range(FEW + 2)]
    assert tree.names()[0] == first.path
    assert first.parent is not None
    tree.charge_together(first.parent, {first: {"cpus": 2000}, second: {"cpus": 1000}}, {"cpus": 3000})
    assert tree.names() == [client.path for client in (*others, second, first)]


def test_a_turn_list_is_a_snapshot() -> None:
    tree = Tree()
    for index in range(FEW + 2):
        tree.join(f"f{index:02}", "r")
    seen = []
    for client in tree.turns(tree.root.mask):
        tree.charge(client, {"cpus": 1000 * (len(seen) + 1)})
        seen.append(client.name)
    assert seen == sorted(seen)
    assert [path.rsplit("/", 1)[1] for path in tree.names()] == seen


def test_only_candidates_have_turns() -> None:
    tree = Tree()
    clients = [tree.join(f"f{index:02}", f"r{index % 3}") for index in range(30)]
    chosen = clients[::2]
    mask = sum(client.bit for client in chosen)
    assert sorted(client.name for client in tree.turns(mask)) == [client.name for client in chosen]


def test_few_and_many_candidates_are_in_the_same_order() -> None:
    """A few are sorted among themselves, many by the tree: the order has to be the same."""
    chance = random.Random(3)
    tree = Tree()
    roles = ("a", "a/b", "a/b/c", "d", "e/f")
    clients = [tree.join(f"f{index:02}", chance.choice(roles)) for index in range(40)]
    for _ in range(30):
        tree.charge(chance.choice(clients), {"cpus": chance.randint(0, 900), "mem": chance.randint(0, 900)})
        tree.set_weight(chance.choice(roles), chance.choice((1.0, 2.0)))
        everyone = list(tree.turns(tree.root.mask))
        few = chance.sample(clients, FEW)
        order = list(tree.turns(sum(client.bit for client in few)))
        assert order == [client for client in everyone if client in few]


def test_bits_are_used_again() -> None:
    tree = Tree()
    first, second = tree.join("f", "a"), tree.join("g", "a")
    tree.remove(first)
    third = tree.join("h", "b")
    assert third.bit == first.bit
    assert tree.root.mask == second.bit | third.bit


def test_who_does_not_want_has_no_turn_and_still_counts() -> None:
    tree = Tree()
    quiet = tree.join("f", "a/x", cpus=50)
    tree.join("g", "a/y")
    tree.join("h", "b", cpus=1)
    tree.unwant(quiet)
    assert tree.names() == ["b/./h", "a/y/./g"]


def test_shares_follow_the_total() -> None:
    """What is dominant can change with the total, and with it the order."""
    tree = Tree()
    for index in range(FEW):
        tree.join(f"x{index}", "x", cpus=90)
    tree.charge(tree.join("f", "a"), {"cpus": 20_000})
    tree.charge(tree.join("g", "b"), {"mem": 30_000})
    assert tree.names()[:2] == ["a/./f", "b/./g"]
    tree.change_total({"mem": 900_000}, {})
    assert tree.names()[:2] == ["b/./g", "a/./f"]
