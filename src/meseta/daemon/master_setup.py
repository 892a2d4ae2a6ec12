"""What a master's flags amount to: the settings of its machine, and its allocator."""

from __future__ import annotations

from meseta.allocator.allocator import Allocator, AllocatorOptions
from meseta.daemon.flags import Flags
from meseta.daemon.quantities import (
    parse_names,
    parse_percent,
    parse_priorities,
    parse_quantity_sets,
    parse_rate,
    parse_role_minimums,
    parse_sorter,
    parse_weights,
)
from meseta.errors import ConfigError
from meseta.ids import MasterId, Pid
from meseta.machine import Entropy
from meseta.master.config import MasterConfig, RevocationTerms
from meseta.plugins.load import DEFAULT_ALLOCATOR, load_allocator, load_victim_policy
from meseta.records import Domain


def read_config(flags: Flags, id: MasterId, hostname: str, domain: Domain | None) -> MasterConfig:
    """Return the settings, but for the pid: that is known once the master listens. Raises ConfigError."""
    removal_limit = flags["recovery_agent_removal_limit"]
    return MasterConfig(
        id=id,
        pid=Pid(""),
        hostname=hostname,
        domain=domain,
        require_agent_domain=flags["require_agent_domain"],
        root_submissions=flags["root_submissions"],
        roles=parse_names(flags["roles"]) or None,
        weights=parse_weights(flags["weights"]),
        agent_ping_timeout_s=flags["agent_ping_timeout"],
        agent_ping_timeouts_max=flags["max_agent_ping_timeouts"],
        agent_reregister_timeout_s=flags["agent_reregister_timeout"],
        offer_timeout_s=flags["offer_timeout"],
        standby_takeover_timeout_s=flags["standby_takeover_timeout"],
        revocation=_revocation_terms(flags),
        agent_removal_interval_s=parse_rate("agent_removal_rate_limit", flags["agent_removal_rate_limit"]),
        recovery_agent_removal_limit=parse_percent("recovery_agent_removal_limit", removal_limit),
        forgetting_interval_s=flags["registry_gc_interval"],
        past_agents_max_s=flags["registry_max_agent_age"],
        past_agents_max=flags["registry_max_agent_count"],
        completed_frameworks_max=flags["max_completed_frameworks"],
        completed_tasks_max=flags["max_completed_tasks_per_framework"],
        unreachable_tasks_max=flags["max_unreachable_tasks_per_framework"],
    )


def _revocation_terms(flags: Flags) -> RevocationTerms | None:
    policy = load_victim_policy(flags["revocation_policy"])
    if not flags["revocation"]:
        return None
    return RevocationTerms(
        check_interval_s=flags["revocation_check_interval"],
        grace_s=flags["revocation_grace_period"],
        policy=policy,
        policy_name=flags["revocation_policy"],
    )


def make_allocator(flags: Flags, entropy: Entropy, domain: Domain | None) -> Allocator:
    """Return the allocator that the flags name, with their options. Raises ConfigError."""
    options = AllocatorOptions(
        allocation_interval_s=flags["allocation_interval"],
        agent_recovery_factor=flags["allocator_agent_recovery_factor"],
        recovery_timeout_s=flags["allocator_recovery_timeout"],
        min_allocatable_resources=parse_quantity_sets(
            "min_allocatable_resources", flags["min_allocatable_resources"]
        ),
        role_min_offer_size=parse_role_minimums("role_min_offer_size", flags["role_min_offer_size"]),
        starvation_timeout_s=flags["starvation_timeout"],
        fair_sharing_excluded_resource_names=parse_names(flags["fair_sharing_excluded_resource_names"]),
        role_sorter=parse_sorter("role_sorter", flags["role_sorter"]),
        framework_sorter=parse_sorter("framework_sorter", flags["framework_sorter"]),
        role_priorities=parse_priorities(flags["role_priorities"]),
        filter_gpu_resources=flags["filter_gpu_resources"],
        region=domain.region if domain is not None else None,
    )
    if options.role_priorities and flags["allocator"] == DEFAULT_ALLOCATOR:
        raise ConfigError("--role_priorities are for allocators that have them: set --allocator=priority")
    return load_allocator(flags["allocator"])(entropy, options)
