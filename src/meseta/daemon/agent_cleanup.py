"""What `--recover` of an agent comes to: take up what ran before, or end it."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import structlog

from meseta.agent import paths
from meseta.agent.compatibility import POLICIES
from meseta.daemon.agent_setup import Places
from meseta.daemon.flags import Flags
from meseta.errors import ConfigError
from meseta.ids import ContainerId
from meseta.runtime.container_groups import ContainerGroups
from meseta.runtime.container_host import CHECK_MARK
from meseta.runtime.linux.supervisor_client import SupervisorClient, SupervisorEvent, SupervisorLost

RECONNECT = "reconnect"
CLEANUP = "cleanup"
END_TIMEOUT_S = 30.0
"""How long processes that are killed may take to be gone."""

log = structlog.get_logger()


def is_cleanup(flags: Flags) -> bool:
    """Tell whether the agent is only to end what ran before. Raises ConfigError for values unknown."""
    if flags["reconfiguration_policy"] not in POLICIES:
        raise _unusable(flags, "reconfiguration_policy", POLICIES)
    if flags["recover"] not in (RECONNECT, CLEANUP):
        raise _unusable(flags, "recover", (RECONNECT, CLEANUP))
    return bool(flags["recover"] == CLEANUP)


def _unusable(flags: Flags, name: str, known: tuple[str, ...]) -> ConfigError:
    return ConfigError(f"--{name}={flags[name]} is not usable: expected {' or '.join(known)}")


async def clean_up(places: Places, groups: ContainerGroups | None) -> None:
    """Kill all that an earlier agent has left, and let the next one start as a new agent.

    Raises:
        MesetaError: there is no supervisor, or what is in a control group does not end.
        TimeoutError: processes do not end.
    """
    for key in await _end_processes(places):
        if groups is not None and CHECK_MARK not in key:
            container_id = ContainerId(key)
            groups.adopt(container_id)
            await groups.destroy(container_id)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(places.work, paths.LATEST_AGENT))


async def _end_processes(places: Places) -> list[str]:
    """Kill all processes, and end their supervisor; return the keys of those that it has known."""
    supervisor = SupervisorClient(places.socket, places.journal)
    ended = asyncio.Event()

    def on_event(event: SupervisorEvent) -> None:
        if isinstance(event, SupervisorLost):
            ended.set()

    supervisor.on_event(on_event)
    listed = await supervisor.connect_or_start()
    log.info(f"cleaning up: {len(listed.running)} processes of an earlier agent are killed")
    supervisor.shutdown(kill=True)
    try:
        await asyncio.wait_for(ended.wait(), END_TIMEOUT_S)
    finally:
        supervisor.close()
    return [*(entry.key for entry in listed.running), *(entry.key for entry in listed.exited)]
