"""What an agent has for a client, or the first reason why it has nothing.

Both the allocation and the explanation ask here, so an explanation is never a guess. The order of the
questions is from cheap and lasting to costly and passing.
"""

from __future__ import annotations

from enum import Enum

from meseta.allocator.agents import AgentAccount
from meseta.allocator.constraints import is_excluded
from meseta.allocator.filters import Refusals
from meseta.allocator.offer_filter import Rest, is_wanted
from meseta.allocator.quota import Quotas
from meseta.allocator.sorter import Client
from meseta.allocator.terms import Terms, Trait, is_enough
from meseta.resources import EMPTY, Resources


class Reason(Enum):
    """Why an agent is not offered. The value is a sentence for people."""

    AGENT_INACTIVE = "the agent is deactivated"
    NOT_WHITELISTED = "the agent's host is not on the whitelist"
    NOT_SUBSCRIBED = "the framework has left the role and only holds resources in it"
    FRAMEWORK_INACTIVE = "the framework is not active: it is disconnected or was deactivated"
    SUPPRESSED = "the framework has suppressed offers in the role"
    DEMAND_MET = "the framework holds, or is offered, all that it says it wants to hold in the role"
    GPUS = "the agent has gpus, and the framework lacks the capability GPU_RESOURCES"
    REMOTE = "the agent is in another region, and the framework lacks the capability REGION_AWARE"
    SINGLE_ROLE = "the framework has the capability MULTI_ROLE, and the agent has not"
    FLAT_ROLES = "the role is hierarchical, and the agent lacks the capability HIERARCHICAL_ROLE"
    CONSTRAINTS = "the framework's offer constraints exclude the agent"
    UNWANTED = "the framework's offer filter excludes the agent"
    NOTHING_FREE = "nothing is free on the agent"
    OFFERED = "what was free on the agent is offered to somebody"
    NOTHING_FOR_ROLE = "what is free on the agent is reserved for other roles"
    INCAPABLE = "what is free on the agent needs capabilities that the framework lacks"
    TOO_LITTLE = "what is free on the agent is below the minimum that is worth an offer"
    TOO_LITTLE_WANTED = "what is free on the agent is less than the framework's offer filter asks for"
    QUOTA_LIMIT = "the quota limit of the role leaves too little of the agent"
    HEADROOM = "what is free on the agent is kept back for the guarantees of other roles"
    HELD_BACK = "what is free on the agent is held back for another framework"
    NO_GUARANTEE = "the agent has nothing of what the role misses of its guarantees"
    REFUSED = "the framework has refused what is free on the agent"
    REFUSED_PART = "the framework has refused the part of the agent that quota leaves it"
    PAUSED = "nothing is offered yet: too few of the agents are back since the master's failover"
    BEHIND = "others have a lower share and are served first"
    NEXT = "the agent will be offered in the next allocation"


QUOTA_REASONS = frozenset((Reason.QUOTA_LIMIT, Reason.HEADROOM, Reason.REFUSED_PART))
"""Such a no holds until the quota has more room; others hold as long as there is no more on the agent."""

TRAIT_REASONS = {
    Trait.GPUS: Reason.GPUS,
    Trait.REMOTE: Reason.REMOTE,
    Trait.SINGLE_ROLE: Reason.SINGLE_ROLE,
    Trait.FLAT_ROLES: Reason.FLAT_ROLES,
}


def offerable(
    agent: AgentAccount,
    client: Client,
    terms: Terms,
    refusals: Refusals,
    quotas: Quotas,
    taken: Resources = EMPTY,
    *,
    guaranteed: bool = False,
) -> Resources | Reason:
    """Return what of `agent` is to be offered to `client`, or why nothing is.

    `taken` are the shared resources that this allocation has offered to others already. If `guaranteed`,
    the client's role misses some of its guarantees, and is to be offered only what helps.
    """
    hindrance = agent.traits & ~terms.copes_with
    if hindrance:
        return TRAIT_REASONS[Trait(hindrance & -hindrance)]
    if terms.constraints is not None and is_excluded(terms.constraints, client.role, agent.info):
        return Reason.CONSTRAINTS
    rest: Rest = True if terms.wanted is None else agent.rest_of(terms.wanted)
    if rest is False:
        return Reason.UNWANTED
    offer = agent.available
    if not agent.plain:
        offer = offer.allocatable_to(client.role).subtract(taken)
        if not offer:
            return Reason.NOTHING_FOR_ROLE if agent.available else Reason.NOTHING_FREE
        offer = within_terms(offer, terms)
        if not offer:
            return Reason.INCAPABLE
    if not is_enough(offer, terms.minimum):
        return Reason.TOO_LITTLE if offer else Reason.NOTHING_FREE
    if rest is not True and not is_wanted(rest, offer):
        return Reason.TOO_LITTLE_WANTED
    whole = offer
    if quotas.enforced:
        cut = _within_quota(offer, client, terms, quotas, guaranteed)
        if isinstance(cut, Reason):
            return cut
        if cut is not offer and rest is not True and not is_wanted(rest, cut):
            return Reason.QUOTA_LIMIT
        offer = cut
    for refusal in refusals.of(client, agent.id):
        if refusal.resources.contains(offer):
            return Reason.REFUSED if offer is whole else Reason.REFUSED_PART
    return offer


def _within_quota(
    offer: Resources, client: Client, terms: Terms, quotas: Quotas, guaranteed: bool
) -> Resources | Reason:
    """Cut an offer down to what quota allows; say what leaves too little."""
    if guaranteed:
        given = quotas.with_guarantee(client.top, offer)
        if given is None:
            return Reason.NO_GUARANTEE
        return given if is_enough(given, terms.minimum) else Reason.QUOTA_LIMIT
    allowed = quotas.within_limit(client.top, offer)
    if not is_enough(allowed, terms.minimum):
        return Reason.QUOTA_LIMIT
    allowed = quotas.within_surplus(allowed)
    return allowed if is_enough(allowed, terms.minimum) else Reason.HEADROOM


def within_terms(offer: Resources, terms: Terms) -> Resources:
    """Leave out what a framework with these terms could not cope with."""
    if not terms.shared:
        offer = offer.nonshared()
    if not terms.revocable:
        offer = offer.nonrevocable()
    if not terms.refined:
        offer = offer.unrefined()
    return offer
