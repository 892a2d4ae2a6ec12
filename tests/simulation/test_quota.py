"""Quotas and weights that an operator changes at random, while machines and links fail."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from meseta.allocator.quota import Quotas
from meseta.resources import Resources
from meseta.sim.failures import SafetyViolation
from meseta.sim.plan import Plan, swarm_plan
from meseta.sim.simulation import Outcome, Simulation
from meseta.sim.trace import Trace

SEEDS = range(1, 41)
CHECK_EVERY = 20


def administered(seed: int) -> Plan:
    """A plan with an operator who acts often."""
    return replace(swarm_plan(seed), operator_s=2.0)


def outcome_of(plan: Plan) -> Outcome:
    return Simulation(plan, Trace(on=False), check_every=CHECK_EVERY).run()


@pytest.mark.parametrize("first", range(0, len(SEEDS), 10))
def test_limits_hold_and_clusters_come_to_rest(first: int) -> None:
    for seed in SEEDS[first : first + 10]:
        outcome = outcome_of(administered(seed))
        assert outcome.failure is None, f"seed {seed}: {outcome.failure}"


def test_an_offer_beyond_a_limit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_is(self: Quotas, role: str, offer: Resources) -> Resources:
        return offer

    monkeypatch.setattr(Quotas, "within_limit", as_it_is)
    failures = (outcome_of(administered(seed)).failure for seed in SEEDS[:10])
    assert any(isinstance(fault, SafetyViolation) and "may have" in str(fault) for fault in failures)
