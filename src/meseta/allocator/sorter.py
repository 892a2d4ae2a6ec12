"""Whose turn it is: a tree of roles with frameworks as leaves, each level in order of its shares.

                 (root)
               /        \\
             eng         ads            roles, one node per component of the path
            /   \\         |
           .    web       .             where a role's own frameworks hang: "eng" competes there as an
          / \\    |       / \\            equal of "eng/web"
        F1   F2  .      F1  F3          clients: one framework in one role
                 |
                F2

Turns are a pre-order walk in which every node sorts its children by (share, count, name): a smaller share
first, then who was allocated to less often, then the name. Sorting roles and then the frameworks of each
role, as Mesos does, is the same walk.

The walk is cheap because almost nothing is done ahead of it:

- A node keeps its children in a sorted list, but only those with a client below that wants offers. The
  list is repaired in O(log n) per changed share (the shift of a few kilobytes costs less than a heap's
  Python steps), and only when a walk starts: during one walk the order is a snapshot, whatever is
  allocated meanwhile.
- All shares change when the cluster's total does. Then lists are rebuilt, each when a walk reaches it.
- Each client owns one bit; a node holds the union of the bits of the wanting clients below it. A walk
  takes the set of candidates as an integer and skips subtrees without any. A few candidates are sorted
  among themselves, without a look at the tree.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from meseta.allocator.policies import dominant_share
from meseta.ids import FrameworkId

Share = Callable[[Mapping[str, int], Sequence[tuple[str, float]], float], float]
"""From what is allocated (milli-units), the totals (units) and a weight to a share. Smaller goes first."""

Entry = tuple[Any, int, str, "Node"]
"""A child in its parent's order: share (or what a subclass puts in its place), count, name. Names of siblings
differ, so a comparison never reaches a node that is not the same."""

OWN = "."
FEW = 8
"""Up to so many candidates are sorted by themselves."""


class Node:
    """A component of a role's path, the place of a role's own frameworks, or a client."""

    __slots__ = (
        "allocated",
        "children",
        "count",
        "entry",
        "mask",
        "name",
        "order",
        "parent",
        "path",
        "version",
        "weight",
    )

    def __init__(self, name: str, path: str, parent: Node | None, weight: float = 1.0) -> None:
        self.name = name
        self.path = path
        self.parent = parent
        self.weight = weight
        self.children: dict[str, Node] = {}
        self.allocated: defaultdict[str, int] = defaultdict(int)
        """Scalars allocated here and below, in milli-units."""
        self.count = 0
        """How often something was allocated here or below; never falls."""
        self.mask = 0
        """Bits of the clients here and below that want offers."""
        self.order: list[Entry] = []
        """The children with a mask, sorted; valid if `version` is the tree's."""
        self.version = -1
        self.entry: Entry | None = None
        """This node in the parent's order, if it is there."""


class Client(Node):
    """A framework in one role."""

    __slots__ = ("bit", "framework_id", "holdings", "role", "top")

    def __init__(self, framework_id: FrameworkId, role: str, parent: Node, bit: int) -> None:
        super().__init__(framework_id, f"{parent.path}/{framework_id}", parent)
        self.framework_id = framework_id
        self.role = role
        self.top = role.partition("/")[0]
        """The top-level role that the role is or is below."""
        self.bit = bit
        """The one bit, in place, that stands for this client in masks."""
        self.holdings = 0
        """On how many agents it holds something."""


def lineage(client: Client) -> Iterator[Node]:
    """Iterate over a client and its ancestors, the root last."""
    node: Node | None = client
    while node is not None:
        yield node
        node = node.parent


class RoleTree:
    """The tree, its shares, and the total that they are shares of."""

    __slots__ = (
        "_clients",
        "_excluded",
        "_free",
        "_moved",
        "_roles",
        "_share",
        "_version",
        "_wanting",
        "_weights",
        "root",
        "shape",
        "totals",
        "units",
    )

    def __init__(self, share: Share = dominant_share, excluded: frozenset[str] = frozenset()) -> None:
        self.root = Node("", "", None)
        self.totals: dict[str, int] = {}
        """Scalars of all agents, in milli-units."""
        self.units: list[tuple[str, float]] = []
        """The totals that count for shares, in units."""
        self._share = share
        self._excluded = excluded
        self._weights: dict[str, float] = {}
        self._roles: dict[str, Node] = {"": self.root}
        self._clients: list[Client | None] = []
        self._free: list[int] = []
        self._moved: dict[Node, None] = {}
        """Nodes whose entries are out of date and wait for repair."""
        self._version = 0
        self._wanting = 0
        """How many clients want offers."""
        self.shape = 0
        """Changes with who is there, who wants offers, and weights."""

    # Who takes part.

    def add(self, framework_id: FrameworkId, role: str) -> Client:
        """Add a framework to a role; it wants nothing yet."""
        index = self._free.pop() if self._free else len(self._clients)
        place = self._place(role)
        assert framework_id not in place.children, f"{framework_id} is in {role} already"
        client = Client(framework_id, role, place, 1 << index)
        place.children[framework_id] = client
        if index == len(self._clients):
            self._clients.append(client)
        else:
            self._clients[index] = client
        return client

    def remove(self, client: Client) -> None:
        """Remove a client to which nothing is allocated, and the roles that are empty then.

        Its bit is used again: whoever keeps masks has to clear it.
        """
        assert not client.holdings, f"{client.path} still holds {client.allocated}"
        self.unwant(client)
        index = client.bit.bit_length() - 1
        self._clients[index] = None
        self._free.append(index)
        node: Node = client
        while (parent := node.parent) is not None and not node.children:
            del parent.children[node.name]
            self._roles.pop(node.path, None)
            self._moved.pop(node, None)
            node = parent
        if len(node.children) == 1 and node is not self.root and OWN in node.children:
            node.children[OWN].count = node.count

    def want(self, client: Client) -> None:
        """Let the client have turns."""
        self.shape += 1
        self._wanting += not client.mask
        node: Node | None = client
        while node is not None:
            first, node.mask = not node.mask, node.mask | client.bit
            if first and node.parent is not None and node.parent.version == self._version:
                self._enter(node, node.parent)
            node = node.parent

    def unwant(self, client: Client) -> None:
        """Give the client no more turns; what it holds goes on to count."""
        self.shape += 1
        self._wanting -= bool(client.mask)
        node: Node | None = client
        while node is not None:
            node.mask &= ~client.bit
            if not node.mask and node.parent is not None:
                self._leave(node, node.parent)
            node = node.parent

    def clients(self) -> Iterator[Client]:
        """Iterate over all clients in the order of their bits."""
        return (client for client in self._clients if client is not None)

    def roles(self) -> Iterator[Node]:
        """Iterate over the nodes of all roles, inner ones included, without the root."""
        return (node for node in self._roles.values() if node is not self.root)

    def node(self, role: str) -> Node | None:
        """Return the node of a role; "" is the root."""
        return self._roles.get(role)

    def is_current(self, node: Node) -> bool:
        """Tell whether the node's order is up to date but for nodes that wait for repair."""
        return node.version == self._version

    # What shares are made of.

    def charge(self, bottom: Node, quantities: Mapping[str, int], times: int = 1) -> None:
        """Count quantities (milli-units) as allocated here and on the way up, as `times` allocations."""
        node: Node | None = bottom
        moved, items = self._moved, quantities.items()
        while node is not None:
            allocated = node.allocated
            for name, quantity in items:
                allocated[name] += quantity
            node.count += times
            parent = node.parent
            if parent is not None and len(parent.order) > 1:
                moved[node] = None
            node = parent

    def charge_together(
        self, place: Node, given: Mapping[Client, Mapping[str, int]], together: Mapping[str, int]
    ) -> None:
        """Count what several clients of one role are given; from their `place` on as one, `together`."""
        has_turns = len(place.order) > 1
        for client, quantities in given.items():
            allocated = client.allocated
            for name, quantity in quantities.items():
                allocated[name] += quantity
            client.count += 1
            if has_turns:
                self._moved[client] = None
        self.charge(place, together, len(given))

    def discharge(self, client: Client, quantities: Mapping[str, int]) -> None:
        """Take back quantities from a client."""
        node: Node | None = client
        while node is not None:
            self._subtract(node, quantities)
            parent = node.parent
            if parent is not None and len(parent.order) > 1:
                self._moved[node] = None
            node = parent

    def exchange(self, node: Node, added: Mapping[str, int], removed: Mapping[str, int]) -> None:
        """Change what is allocated at one node; it does not count as an allocation."""
        for name, quantity in added.items():
            node.allocated[name] += quantity
        self._subtract(node, removed)
        self._moved[node] = None

    def change_total(self, added: Mapping[str, int], removed: Mapping[str, int]) -> None:
        """Change the total that shares are shares of (milli-units)."""
        if added == removed:
            return
        for name, quantity in added.items():
            self.totals[name] = self.totals.get(name, 0) + quantity
        for name, quantity in removed.items():
            self.totals[name] -= quantity
            assert self.totals[name] >= 0, f"the total of {name} would be {self.totals[name]}"
        self.units = [
            (name, total / 1000.0)
            for name, total in self.totals.items()
            if total and name not in self._excluded
        ]
        self._version += 1

    def set_weight(self, role: str, weight: float) -> None:
        """Set a role's weight; it divides the share at the role's own level only."""
        assert weight > 0, f"the weight of {role} is {weight}"
        self._weights[role] = weight
        node = self._roles.get(role)
        if node is not None:
            node.weight = weight
        self._reposition(role)

    def share(self, node: Node) -> float:
        """Return the node's share as it is now."""
        return self._share(node.allocated, self.units, node.weight)

    def priority(self, node: Node) -> int:
        """Return the node's priority, which goes before shares where there are priorities."""
        return 0

    # Whose turn it is.

    def turns(self, candidates: int) -> Iterator[Client]:
        """Iterate over the candidates (a mask) in the order of their turns.

        The order is a snapshot: what is charged meanwhile shows in the next call. Clients must not be
        added, removed or made to want during the walk.
        """
        wanting = self.root.mask
        if candidates is wanting:  # Most often, and then it need not be counted.
            few = self._wanting <= FEW
        else:
            candidates &= wanting
            few = candidates.bit_count() <= FEW
        if few:
            return iter(sorted(self._members(candidates), key=self._position))
        self._repair()
        node = self.root
        while node.version == self._version and len(node.order) == 1:
            node = node.order[0][3]  # No client: several candidates are below.
        return self._walk(node, candidates)

    def _walk(self, node: Node, candidates: int) -> Iterator[Client]:
        if node.version != self._version:
            self._rebuild(node)
        for entry in node.order:
            child = entry[3]
            below = child.mask & candidates
            if below:
                if type(child) is Client:
                    yield child
                else:
                    yield from self._walk(child, below)

    def _members(self, mask: int) -> Iterator[Client]:
        while mask:
            client = self._clients[mask.bit_length() - 1]
            assert client is not None
            mask ^= client.bit
            yield client

    def _reposition(self, role: str) -> None:
        """Note that a role's place may have changed by a word of the operator."""
        self.shape += 1
        node = self._roles.get(role)
        if node is not None:
            self._moved[node] = None

    def _position(self, client: Client) -> list[Entry]:
        """Return the entries on the way down to a client: their order is that of the walk."""
        keys = []
        node: Node = client
        while node.parent is not None:
            keys.append(self._entry(node))
            node = node.parent
        keys.reverse()
        return keys

    def _entry(self, node: Node) -> Entry:
        return (self._share(node.allocated, self.units, node.weight), node.count, node.name, node)

    def _rebuild(self, node: Node) -> None:
        order = [self._entry(child) for child in node.children.values() if child.mask]
        order.sort()
        for entry in order:
            entry[3].entry = entry
        node.order = order
        node.version = self._version

    def _repair(self) -> None:
        """Bring the moved nodes to their places. An only child's entry may be old until it has company."""
        for node in self._moved:
            parent = node.parent
            if parent is None or node.entry is None or parent.version != self._version:
                continue
            order = parent.order
            if len(order) > 1:
                del order[0 if order[0] is node.entry else bisect_left(order, node.entry)]
                node.entry = self._entry(node)
                insort(order, node.entry)
        self._moved.clear()

    def _enter(self, node: Node, parent: Node) -> None:
        order = parent.order
        if len(order) == 1:
            only = order[0][3]
            order[0] = only.entry = self._entry(only)
        node.entry = self._entry(node)
        insort(order, node.entry)

    def _leave(self, node: Node, parent: Node) -> None:
        if node.entry is not None:
            if parent.version == self._version:
                del parent.order[bisect_left(parent.order, node.entry)]
            node.entry = None

    def _subtract(self, node: Node, quantities: Mapping[str, int]) -> None:
        allocated = node.allocated
        for name, quantity in quantities.items():
            left = allocated[name] - quantity
            assert left >= 0, f"{node.path} would hold {left} milli-units of {name}"
            allocated[name] = left

    def _place(self, role: str) -> Node:
        """Return the node where the frameworks of `role` hang, made with its ancestors if need be."""
        node, path = self.root, ""
        for name in role.split("/"):
            path = f"{path}/{name}" if path else name
            child = node.children.get(name)
            if child is None:
                child = Node(name, path, node, self._weights.get(path, 1.0))
                node.children[name] = self._roles[path] = child
            node = child
        place = node.children.get(OWN)
        if place is None:
            place = node.children[OWN] = Node(OWN, f"{path}/{OWN}", node)
        return place
