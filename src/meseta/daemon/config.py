"""The flags of `meseta master` and `meseta agent`: names, kinds and defaults of Mesos where it has them."""

from __future__ import annotations

from meseta.allocator.constraints import MEMORY_MAX
from meseta.daemon.flags import Flag

TICK_S = 0.001
"""Nothing is done over and over again with less time between."""

COMMON_FLAGS = (
    Flag("config", "path", None, "TOML file with flags; the command line and the environment win over it"),
    Flag("ip", "text", None, "address to listen on and to tell others; default: all, and that of this host"),
    Flag("hostname", "text", None, "name to tell others; default: the address, looked up"),
    Flag("hostname_lookup", "bool", "true", "whether to look up the name of the address"),
    Flag("work_dir", "path", None, "directory for what must survive; made if missing"),
    Flag("logging_level", "text", "INFO", "least level to log: INFO, WARNING or ERROR"),
    Flag("quiet", "bool", "false", "log nothing to stderr"),
    Flag("domain", "text", None, "where this host stands: region and zone, as Mesos's DomainInfo in JSON"),
    Flag("log_dir", "path", None, "directory for log files; also shows them under /files"),
)

ZK_SESSION_TIMEOUT = Flag(
    "zk_session_timeout",
    "duration",
    "10secs",
    "how long ZooKeeper, or etcd, waits for a sign of life before it gives one up for dead",
    1.0,
)

MASTER_FLAGS = (
    *COMMON_FLAGS,
    Flag(
        "zk",
        "text",
        None,
        "where masters elect who leads, zk://[user:password@]host:port[,…]/path or etcd://…",
    ),
    ZK_SESSION_TIMEOUT,
    Flag("port", "int", "5050", "port to listen on; 0 picks a free one", most=65535),
    Flag("cluster", "text", None, "name of the cluster, shown in state"),
    Flag(
        "registry",
        "text",
        None,
        "where agents are remembered: where masters elect who leads, zookeeper or etcd; sqlite in "
        "--work_dir; or in_memory; by default the first that there is",
    ),
    Flag("registry_fetch_timeout", "duration", "1mins", "how long reading the registry may take", TICK_S),
    Flag(
        "registry_store_timeout", "duration", "20secs", "how long a change of the registry may take", TICK_S
    ),
    Flag("agent_ping_timeout", "duration", "15secs", "how long an agent may take to answer a ping", TICK_S),
    Flag("max_agent_ping_timeouts", "int", "5", "so many missed pings in a row make an agent unreachable", 1),
    Flag("agent_reregister_timeout", "duration", "10mins", "how long after a failover agents may come back"),
    Flag("agent_removal_rate_limit", "text", None, "unreachable agents are given up at this rate: 1/10mins"),
    Flag(
        "recovery_agent_removal_limit",
        "text",
        "100%",
        "share of the agents that may be given up after a failover; the master ends rather than more",
    ),
    Flag("registry_gc_interval", "duration", "15mins", "time between looks for agents to forget", TICK_S),
    Flag("registry_max_agent_age", "duration", "2weeks", "how long unreachable and gone agents are kept"),
    Flag("registry_max_agent_count", "int", "102400", "how many unreachable, and gone, agents are kept"),
    Flag("allocation_interval", "duration", "1secs", "time between batches of allocations", TICK_S),
    Flag("allocator", "text", "HierarchicalDRF", "HierarchicalDRF, priority, or the allocator of a plugin"),
    Flag(
        "allocator_agent_recovery_factor",
        "float",
        "0.8",
        "with quota: share of the known agents that must be back after a failover before offers",
        most=1,
    ),
    Flag("allocator_recovery_timeout", "duration", "10mins", "or so much time must have passed"),
    Flag(
        "offer_constraints_re2_max_mem",
        "bytes",
        "4KB",
        "memory that a regular expression of offer constraints may take",
        1,
        MEMORY_MAX,
    ),
    Flag(
        "offer_constraints_re2_max_program_size",
        "int",
        "100",
        "how large its compiled form may be, in instructions",
        1,
    ),
    Flag("revocation", "bool", "false", "whether tasks end where a role does not get its guarantee"),
    Flag("revocation_check_interval", "duration", "5secs", "how long a role must miss something", TICK_S),
    Flag("revocation_grace_period", "duration", "30secs", "how long before such tasks are killed"),
    Flag("revocation_policy", "text", "least_work", "whose tasks end: least_work, or the policy of a plugin"),
    Flag("role_priorities", "text", None, "role=priority, with commas: the higher first; default 0"),
    Flag(
        "min_allocatable_resources",
        "text",
        "cpus:0.01|mem:32",
        "least worth offering: `;` is and, `|` is or",
    ),
    Flag("role_min_offer_size", "text", None, "the same by role: role=cpus:4;mem:8192, with commas"),
    Flag(
        "starvation_timeout", "duration", "30secs", "when agents are held back for large requests; 0: never"
    ),
    Flag("require_agent_domain", "bool", "false", "whether agents must say where they stand (--domain)"),
    Flag("offer_timeout", "duration", None, "offers not answered for so long are rescinded; default: never"),
    Flag(
        "standby_takeover_timeout",
        "duration",
        "800ms",
        "how soon a standby follows a scheduler whose machine has vanished",
        0.5,
        60,
    ),
    Flag("roles", "text", None, "the only roles frameworks may have, with commas; default: any"),
    Flag("weights", "text", None, "weights of roles: role=weight, with commas"),
    Flag("root_submissions", "bool", "true", "whether frameworks may run as root"),
    Flag("filter_gpu_resources", "bool", "true", "whether only GPU-aware frameworks see agents with gpus"),
    Flag("fair_sharing_excluded_resource_names", "text", None, "resources that do not count for fairness"),
    Flag("max_completed_frameworks", "int", "50", "how many ended frameworks are remembered"),
    Flag("max_completed_tasks_per_framework", "int", "1000", "how many ended tasks of each"),
    Flag("max_unreachable_tasks_per_framework", "int", "1000", "how many unreachable tasks of each"),
    Flag(
        "publish_per_framework_metrics", "bool", "true", "whether /metrics/snapshot tells of each framework"
    ),
    Flag("max_operator_event_stream_subscribers", "int", "1000", "how many event streams operators may open"),
    Flag("role_sorter", "text", "drf", "whose turn it is among roles: drf (by share) or random (by lot)"),
    Flag("framework_sorter", "text", "drf", "whose turn it is among the frameworks of a role: drf or random"),
    Flag("whitelist", "path", None, "file of host names, one a line; only these are offered"),
)

AGENT_FLAGS = (
    *COMMON_FLAGS,
    Flag("port", "int", "5051", "port to listen on; 0 picks a free one", most=65535),
    Flag(
        "master",
        "text",
        None,
        "the master: host:port, zk://host:port[,…]/path, etcd://…, or file:///path to such",
    ),
    ZK_SESSION_TIMEOUT,
    Flag("runtime_dir", "path", None, "directory for what a reboot may lose; default: below --work_dir"),
    Flag("resources", "text", None, "what this agent has, such as cpus:4;mem:2048;ports:[31000-32000]"),
    Flag("attributes", "text", None, "facts about this agent, such as rack:r1;zone:a"),
    Flag("default_role", "text", "*", "role of resources that name none"),
    Flag("isolation", "text", "auto", "auto, posix (no limits), or cgroups (limits needed)"),
    Flag("cgroups_root", "text", "mesos", "name of the control group that holds the containers"),
    Flag("cgroups_enable_cfs", "bool", "false", "whether cpus are a hard limit"),
    Flag("switch_user", "bool", "true", "whether tasks run as their framework's user, if this is root"),
    Flag("frameworks_home", "path", None, "directory that relative fetch paths start from"),
    Flag("fetcher_cache_dir", "path", None, "directory of the fetch cache; default: below --work_dir"),
    Flag("fetcher_cache_size", "bytes", "2GB", "how large the fetch cache may grow"),
    Flag("registration_backoff_factor", "duration", "1secs", "first registration waits up to this long"),
    Flag("executor_registration_timeout", "duration", "1mins", "how long an executor may take to register"),
    Flag("executor_reregistration_timeout", "duration", "2secs", "the same after an agent restart"),
    Flag(
        "executor_reregistration_retry_interval",
        "duration",
        None,
        "v0 executors are asked to come back so often meanwhile; default: once",
        TICK_S,
    ),
    Flag("executor_shutdown_grace_period", "duration", "5secs", "how long an executor may take to end"),
    Flag("recovery_timeout", "duration", "15mins", "executors end themselves if the agent is away longer"),
    Flag("reconfiguration_policy", "text", "equal", "what may change at a restart: equal or additive"),
    Flag("recover", "text", "reconnect", "what to do with what runs: reconnect, or cleanup: end it, and end"),
    Flag("strict", "bool", "true", "whether a damaged checkpoint stops the start, or is passed over"),
    Flag("gc_delay", "duration", "1weeks", "how old a sandbox may become"),
    Flag("gc_disk_headroom", "float", "0.1", "share of the disk to keep free by collecting earlier"),
    Flag("disk_watch_interval", "duration", "1mins", "time between looks at the disk", TICK_S),
    Flag("executor_environment_variables", "text", None, "JSON object: the environment of executors"),
    Flag("max_completed_executors_per_framework", "int", "150", "how many ended executors are remembered"),
)
