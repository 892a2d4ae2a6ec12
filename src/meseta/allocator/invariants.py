"""What is always true of the built-in allocator, checked at a cost that follows the cluster.

For tests and the simulator. A check that fails raises AssertionError with a sentence that says what does
not add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meseta.allocator.agents import AgentAccount
from meseta.allocator.hierarchical import HierarchicalAllocator
from meseta.allocator.ledger import Ledger, charges
from meseta.allocator.quota import stake_of
from meseta.allocator.sorter import OWN, Client, Node
from meseta.allocator.verdict import Reason
from meseta.resources import EMPTY, Resources


def check(allocator: HierarchicalAllocator) -> None:
    """Check everything."""
    ledger = allocator.ledger
    clients = dict.fromkeys(ledger.tree.clients())
    bits = sum(client.bit for client in clients)
    for agent in ledger.agents.values():
        _check_agent(agent, clients, bits)
        assert not ledger.held_back.bits(agent.id) & ~bits, f"{agent.id}: is kept from clients that are gone"
    _check_tree(ledger)
    _check_clients(ledger)
    _check_quotas(ledger)
    _check_demands(ledger)
    _check_refusals(allocator)
    _check_holding(allocator)
    _check_nothing_is_forgotten(allocator)


def _check_agent(agent: AgentAccount, clients: Mapping[Client, None], bits: int) -> None:
    """Every resource is free or held, once; only shared ones are both."""
    held = sum(agent.held.values(), EMPTY)
    total = agent.total
    if agent.simple:
        assert agent.available + held == total, (
            f"{agent.id}: free {agent.available} + held {held} is not the total {total}"
        )
    else:
        free = total.nonshared().subtract(held.nonshared()) + total.shared()
        assert agent.available == free, f"{agent.id}: free is {agent.available}, should be {free}"
    for client, resources in agent.held.items():
        assert client in clients, f"{agent.id}: {client.path} holds {resources} and is not in the tree"
        assert resources, f"{agent.id}: {client.path} holds nothing"
    for client, offered in agent.offered.items():
        mine = agent.held.get(client, EMPTY)
        assert offered, f"{agent.id}: {client.path} is offered nothing"
        assert mine.contains(offered), f"{agent.id}: {client.path} holds {mine}, and {offered} is offered"
    assert not agent.blocked & ~bits, f"{agent.id}: blocks clients that are gone"


def _check_tree(ledger: Ledger) -> None:
    """Totals, allocations, masks and orders are what the agents and clients add up to."""
    tree = ledger.tree
    totals = _sum_quantities(agent.total for agent in ledger.agents.values())
    assert _nonzero(tree.totals) == totals, f"the total is {tree.totals}, should be {totals}"
    expected: dict[Node, dict[str, int]] = {}
    for agent in ledger.agents.values():
        for node, quantities in charges(agent).items():
            _add(expected.setdefault(node, {}), quantities)
    for node in _nodes(tree.root):
        allocated = _nonzero(expected.get(node, {}))
        assert _nonzero(node.allocated) == allocated, (
            f"{node.path} is charged {node.allocated}, its clients hold {allocated}"
        )
        _check_node(node, tree.is_current(node))


def _check_node(node: Node, current: bool) -> None:
    if isinstance(node, Client):
        assert node.mask in (0, node.bit), f"{node.path} has the mask {node.mask:b}, its bit is {node.bit:b}"
        return
    assert node.children or node.parent is None, f"{node.path} is empty"
    mask = 0
    for child in node.children.values():
        assert not mask & child.mask, f"{child.path} shares bits with a sibling"
        mask |= child.mask
    assert node.mask == mask, f"{node.path} has the mask {node.mask:b}, should be {mask:b}"
    if current:
        wanting = {child.name for child in node.children.values() if child.mask}
        assert {entry[2] for entry in node.order} == wanting, f"{node.path} has the wrong children in order"
        assert node.order == sorted(node.order), f"{node.path} is out of order"
        assert all(entry[3].entry is entry for entry in node.order), f"{node.path} has strange entries"


def _check_clients(ledger: Ledger) -> None:
    """There is one client per framework and role, known for a reason, wanting if the framework does."""
    clients = dict.fromkeys(ledger.tree.clients())
    for framework in ledger.frameworks.values():
        for role, client in framework.clients.items():
            assert client in clients, f"{framework.id} has a client in {role} that is not in the tree"
            del clients[client]
            assert (client.role, client.framework_id) == (role, framework.id)
            holdings = sum(client in agent.held for agent in ledger.agents.values())
            assert client.holdings == holdings, f"{client.path} counts {client.holdings} of {holdings} agents"
            assert holdings or role in framework.roles, f"{client.path} is known for nothing"
            assert bool(client.mask) == framework.wants(role), f"{client.path} has turns or lacks them"
        assert framework.clients or framework.info is not None, f"{framework.id} is known for nothing"
    assert not clients, f"clients of no framework: {[client.path for client in clients]}"


def _check_quotas(ledger: Ledger) -> None:
    """What is consumed, free and missing is what the agents and quotas add up to."""
    quotas = ledger.quotas
    consumed: dict[str, dict[str, int]] = {}
    free: dict[str, int] = {}
    required: dict[str, int] = {}
    if quotas.enforced:
        for agent in ledger.agents.values():
            stake = stake_of(agent)
            _add(free, stake.free)
            for role, quantities in stake.consumed.items():
                _add(consumed.setdefault(role, {}), quantities)
        for role in quotas.roles():
            _add(required, quotas.missing(role))
    kept = {role: _nonzero(quantities) for role, quantities in quotas.consumed.items()}
    expected = {role: _nonzero(quantities) for role, quantities in consumed.items()}
    expected = {role: quantities for role, quantities in expected.items() if quantities}
    assert kept == expected, f"consumed is {kept}, should be {expected}"
    assert _nonzero(quotas.free) == _nonzero(free), f"free is {quotas.free}, should be {free}"
    assert quotas.required == required, f"required is {quotas.required}, should be {required}"
    needy = [role for role in quotas.roles() if quotas.missing(role)]
    assert sorted(quotas.needy) == sorted(needy), f"needy are {list(quotas.needy)}, should be {needy}"


def _check_demands(ledger: Ledger) -> None:
    """What clients lack of their demands is what their frameworks state without what they hold."""
    expected = {}
    for framework in ledger.frameworks.values():
        for role in framework.roles:
            assert framework.info is not None
            if (wanted := framework.info.options.demands.get(role)) is not None:
                client = framework.clients[role]
                held = _sum_quantities(
                    agent.held[client].nonrevocable()
                    for agent in ledger.agents.values()
                    if client in agent.held
                )
                expected[client] = {name: amount - held.get(name, 0) for name, amount in wanted.items()}
    demands = ledger.demands
    assert demands.lacks == expected, f"lacking is {demands.lacks}, should be {expected}"
    met = sum(client.bit for client, lacks in expected.items() if all(left <= 0 for left in lacks.values()))
    assert demands.met == met, f"the mask of demands that are met is {demands.met:b}, should be {met:b}"


def _check_refusals(allocator: HierarchicalAllocator) -> None:
    ledger = allocator.ledger
    for refusal in allocator.refusals:
        client = ledger.frameworks[refusal.client.framework_id].clients.get(refusal.client.role)
        assert client is refusal.client, f"{refusal.client.path} is gone and still refuses"
        assert refusal.agent_id in ledger.agents, f"a refusal of {refusal.agent_id}, which is gone"
        assert refusal in allocator.refusals.of(client, refusal.agent_id)


def _check_holding(allocator: HierarchicalAllocator) -> None:
    """Agents are held back only for clients that want offers."""
    for agent_id, client in allocator.holders.items():
        assert agent_id in allocator.ledger.agents, f"{agent_id} is held back and gone"
        assert client.mask, f"{agent_id} is held back for {client.path}, which wants nothing"


def _check_nothing_is_forgotten(allocator: HierarchicalAllocator) -> None:
    """Whoever will not be asked about an agent would say no."""
    for agent in allocator.ledger.agents.values():
        pending = allocator.pending(agent)
        for client in allocator.ledger.tree.clients():
            if client.bit & pending:
                continue
            reason = allocator.reason(client, agent)
            assert reason is not Reason.NEXT, f"{agent.id} has something for {client.path} and will not ask"


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for name, child in node.children.items():
        assert (child.name, child.parent) == (name, node)
        assert name != OWN or all(isinstance(below, Client) for below in child.children.values())
        yield from _nodes(child)


def _sum_quantities(many: Iterator[Resources]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for resources in many:
        _add(totals, resources.quantities())
    return totals


def _add(totals: dict[str, int], quantities: Mapping[str, int]) -> None:
    for name, quantity in quantities.items():
        totals[name] = totals.get(name, 0) + quantity


def _nonzero(quantities: Mapping[str, int]) -> dict[str, int]:
    assert all(quantity >= 0 for quantity in quantities.values()), f"negative: {quantities}"
    return {name: quantity for name, quantity in quantities.items() if quantity}
