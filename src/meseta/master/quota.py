"""Quota at run time: what operators may set, when it counts, and which offers it takes back.

    asked ──checks──▶ Persist(UpdateQuota) ──Persisted──▶ allocator, offers rescinded, 200
              └─────▶ 400, 403 or 409 with the reason

There are two generations of calls. An update replaces guarantees and limits of any number of roles: all of
them, or none. The older pair sets a guarantee that is the limit too, for a role that has no quota, and takes
a role's quota away. Both are held against what the registry is about to hold (`State.asked.quotas`), so that
two requests under way at once cannot together promise more than there is.

Rescinding is a best effort, as in Mesos (src/master/quota_handler.cpp): an offer that is already being
accepted is not stopped. What is promised to a role comes true as others give back what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meseta.allocator.amounts import Sums, add, amounts_of, amounts_text, exceeds, subtract
from meseta.allocator.quota import NO_QUOTA, Quota, top_of
from meseta.ids import OfferId
from meseta.master.approval import UPDATE_QUOTA
from meseta.master.effects import Reply
from meseta.master.events import (
    QuotaConfig,
    QuotaRemovalRequested,
    QuotaSetRequested,
    QuotaUpdateRequested,
)
from meseta.master.pending import PendingQuota
from meseta.master.quota_validation import config_fault, quota_of
from meseta.master.registry import UpdateQuota
from meseta.master.rescinding import rescind_offers
from meseta.master.state import Offer, State
from meseta.master.sums import role_sums
from meseta.resources import Resources
from meseta.roles import STAR

QUOTAS_MAX = 10_000
"""Roles with quota; further ones are refused."""
_BYPASS = "(use 'force' flag to bypass this check)"
Refusal = tuple[int, str]
"""A status code and a sentence."""
NOT_ALLOWED: Refusal = (403, "")

# Updates ----------------------------------------------------------------------------------------------


def on_quota_update_requested(state: State, event: QuotaUpdateRequested, now: float) -> None:
    """UPDATE_QUOTA: replace the quotas of some roles; of one that is named twice the last counts."""
    refusal = _update_refusal(state, event)
    if refusal is None:
        quotas = {config.role: quota_of(config) for config in event.configs}
        _write(state, PendingQuota(event.request, quotas))
    else:
        state.effects.append(Reply(event.request, *refusal))


def _update_refusal(state: State, event: QuotaUpdateRequested) -> Refusal | None:
    fault = next(_config_faults(state, event.configs), None)
    if fault is not None:
        return 400, fault
    asked = state.asked.quotas | {config.role: quota_of(config) for config in event.configs}
    if len(asked) > QUOTAS_MAX:
        return 400, f"Invalid QuotaConfig: there can be {QUOTAS_MAX} roles with quota, not {len(asked)}"
    if not event.force:
        fault = _consumption_fault(state, event.configs) or _overcommit_fault(state, asked)
        if fault is not None:
            return 400, f"Invalid QuotaConfig: {fault} {_BYPASS}"
    roles = [config.role for config in event.configs]
    return None if _may_update(state, event.principal, roles) else NOT_ALLOWED


def _config_faults(state: State, configs: Iterable[QuotaConfig]) -> Iterator[str]:
    for config in configs:
        if not is_known_role(state, config.role):
            yield f"Invalid QuotaConfig: '{config.role}' is not on the roles whitelist"
        if "/" in config.role:
            yield f"Updating quota on nested role '{config.role}' is not supported yet"
        if (fault := config_fault(config)) is not None:
            yield f"Invalid QuotaConfig: {fault}"


def _consumption_fault(state: State, configs: Iterable[QuotaConfig]) -> str | None:
    """Say which role has more already than it is to have at most."""
    limited = [config for config in configs if config.limits]
    sums = role_sums(state) if limited else {}
    for config in limited:
        limits = quota_of(config).limits
        consumed = amounts_of(sums[config.role].consumed) if config.role in sums else {}
        if exceeds(consumed, limits):
            return (
                f"Role '{config.role}' is already consuming '{amounts_text(consumed)}'; this is more than"
                f" the requested limits '{amounts_text(limits)}'"
            )
    return None


def _overcommit_fault(state: State, quotas: Mapping[str, Quota]) -> str | None:
    """Say that all guarantees together are more than all agents have, connected or not."""
    guaranteed: Sums = {}
    for quota in quotas.values():
        add(guaranteed, quota.guarantees)
    capacity: Sums = {}
    for agent in state.agents.values():
        add(capacity, agent.total.nonrevocable().quantities())
    if exceeds(guaranteed, capacity, missing=0):
        return (
            f"total quota guarantees '{amounts_text(guaranteed)}'"
            f" exceed cluster capacity '{amounts_text(capacity)}'"
        )
    return None


# The older pair ---------------------------------------------------------------------------------------


def on_quota_set_requested(state: State, event: QuotaSetRequested, now: float) -> None:
    """SET_QUOTA: guarantee something to a role that has no quota, and limit it to that."""
    refusal = _set_refusal(state, event)
    if refusal is None:
        _write(state, PendingQuota(event.request, {event.role: Quota.legacy(event.guarantee)}))
    else:
        state.effects.append(Reply(event.request, *refusal))


def _set_refusal(state: State, event: QuotaSetRequested) -> Refusal | None:
    role = event.role
    fault = event.fault
    if fault is None and not is_known_role(state, role):
        fault = f"Unknown role '{role}'"
    if fault is None and role in state.asked.quotas:
        fault = f"Cannot set quota for role '{role}' which already has quota"
    if fault is None and len(state.asked.quotas) >= QUOTAS_MAX:
        fault = f"There are {QUOTAS_MAX} roles with quota already"
    if fault is not None:
        return 400, f"Failed to validate set quota request: {fault}"
    if "/" in role:
        return 400, f"Setting quota on nested role '{role}' is not supported yet"
    if not event.force:
        overcommit = _overcommit_fault(state, state.asked.quotas | {role: Quota.legacy(event.guarantee)})
        if overcommit is not None:
            why = overcommit[0].upper() + overcommit[1:]
            return 409, f"Quota guarantees overcommit the cluster (use 'force' to bypass this check): {why}"
    return None if _may_update(state, event.principal, [role]) else NOT_ALLOWED


def on_quota_removal_requested(state: State, event: QuotaRemovalRequested, now: float) -> None:
    """REMOVE_QUOTA: take a role's quota away. (Mesos dies when there is none.)"""
    refusal = _removal_refusal(state, event)
    if refusal is None:
        _write(state, PendingQuota(event.request, {event.role: NO_QUOTA}))
    else:
        state.effects.append(Reply(event.request, *refusal))


def _removal_refusal(state: State, event: QuotaRemovalRequested) -> Refusal | None:
    where = "" if event.path is None else f" for path '{event.path}'"
    if not is_known_role(state, event.role):
        return 400, f"Failed to validate remove quota request{where}: Unknown role '{event.role}'"
    if event.role not in state.asked.quotas:
        return 400, f"Failed to remove quota{where}: Role '{event.role}' has no quota set"
    return None if _may_update(state, event.principal, [event.role]) else NOT_ALLOWED


# Both -------------------------------------------------------------------------------------------------


def is_known_role(state: State, role: str) -> bool:
    """Tell whether there can be such a role: the operator may have named the only ones."""
    return state.config.roles is None or role == STAR or role in state.config.roles


def _may_update(state: State, principal: str | None, roles: Iterable[str]) -> bool:
    return all(state.approvers.approves(UPDATE_QUOTA, principal, role) for role in roles)


def _write(state: State, pending: PendingQuota) -> None:
    apply_quotas(state.asked.quotas, pending.quotas)
    state.persist(UpdateQuota(tuple(pending.quotas.items())), pending)


def apply_quotas(quotas: dict[str, Quota], changes: Mapping[str, Quota]) -> None:
    """Replace quotas; those that bound nothing are left out."""
    for role, quota in changes.items():
        if quota == NO_QUOTA:
            quotas.pop(role, None)
        else:
            quotas[role] = quota


def on_quota_written(state: State, pending: PendingQuota, now: float) -> None:
    """Let quotas count that the registry has written."""
    apply_quotas(state.quotas, pending.quotas)
    for role, quota in pending.quotas.items():
        state.allocator.update_quota(role, quota.guarantees, quota.limits)
        state.note(f"Quota of role '{role}': {_quota_text(quota)}")
    _rescind(state, pending.quotas, now)
    state.effects.append(Reply(pending.request, 200))


def _quota_text(quota: Quota) -> str:
    return f"guarantees {amounts_text(quota.guarantees)}, limits {amounts_text(quota.limits)}"


# Rescinding -------------------------------------------------------------------------------------------


def _rescind(state: State, quotas: Mapping[str, Quota], now: float) -> None:
    """Take back what roles are offered beyond their limits, and what others are offered of guarantees."""
    if not state.offers or not any(quota != NO_QUOTA for quota in quotas.values()):
        return
    sums = role_sums(state)
    offers = _Offers(state)
    for role, quota in quotas.items():
        held = amounts_of(sums[role].consumed) if role in sums else {}
        add(held, amounts_of(offers.held_in(role)))
        within_reach = dict(held)  # What the role has, and what is free for it.
        for offer in offers.within(role):
            if not exceeds(held, quota.limits):
                break
            subtract(held, amounts_of(offer.resources))
            offers.rescind(offer, now)
        for offer in offers.outside(role):
            if not exceeds(quota.guarantees, within_reach, missing=0):
                break
            add(within_reach, amounts_of(offer.resources))
            offers.rescind(offer, now)


class _Offers:
    """Open offers by the agent and by the top-level role that they are for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._open: dict[OfferId, Offer] = {}
        self._by_role: dict[str, dict[OfferId, Offer]] = {}
        for agent in state.agents.values():
            for offer in agent.offers.values():
                self._open[offer.id] = offer
                self._by_role.setdefault(top_of(offer.role), {})[offer.id] = offer

    def within(self, role: str) -> list[Offer]:
        """Return the open offers to a top-level role and those below it."""
        return list(self._by_role.get(role, {}).values())

    def outside(self, role: str) -> Iterator[Offer]:
        """Yield the open offers to other roles, agent by agent."""
        yield from [offer for offer in self._open.values() if top_of(offer.role) != role]

    def held_in(self, role: str) -> Resources:
        """Return what a top-level role and those below it are offered."""
        return sum((offer.resources for offer in self.within(role)), Resources.EMPTY)

    def rescind(self, offer: Offer, now: float) -> None:
        """Take an offer back."""
        del self._open[offer.id], self._by_role[top_of(offer.role)][offer.id]
        rescind_offers(self._state, (offer,), now)
