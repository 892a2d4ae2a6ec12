"""A master's part in the election: it contends, knows who leads, and stops to serve before another may.

    standing by ──elected──▶ recovering the registry ──▶ serving ──deposed──▶ the process ends

A master that was deposed does not stand by again, as in Mesos: what it knows is out of date, and its peers
are about to leave. A service manager starts it again; its exit status tells this end from others.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from meseta.daemon.flags import Flags
from meseta.election.candidate import OVERDUE
from meseta.errors import DeposedError
from meseta.machine import Entropy
from meseta.runtime.detectors.contender import Contender
from meseta.runtime.detectors.find import find_detector, find_group
from meseta.wire.master_info import MasterInfo, json_of_info

log = structlog.get_logger()


class Election:
    """One master's candidacy and its view of the leader."""

    def __init__(
        self,
        flags: Flags,
        info: MasterInfo,
        entropy: Entropy,
        on_elected: Callable[[str], None],
        on_end: Callable[[BaseException], None],
    ) -> None:
        """`on_elected` gets the name of our entry; `on_end` is told why this master must serve no more.

        Raises:
            ConfigError: the address of the election cannot be used.
        """
        address, timeout_s = flags["zk"], flags["zk_session_timeout"]
        self.leader: MasterInfo | None = None
        self._id = info.id
        self._on_elected = on_elected
        self._on_end = on_end
        self._was_elected = False
        self._contender = Contender(
            find_group(address, json_of_info(info), timeout_s),
            timeout_s,
            self._on_won,
            self._on_deposed,
            on_end,
        )
        self._detector = find_detector(
            address, entropy, self._on_detected, warn=log.warning, session_timeout_s=timeout_s
        )

    def start(self) -> None:
        """Contend, and look for the leader."""
        self._detector.start()
        self._contender.start()

    def check(self) -> bool:
        """Tell whether this master may serve at this instant; `on_end` is called when it no longer may.

        Timers and what comes from peers are served in any order after a process was stopped for a while:
        therefore this is asked each time, not only when the timer of the lease rings.
        """
        if self._contender.leads():
            return True
        if self._was_elected:
            self._on_deposed(OVERDUE)
        return False

    async def stop(self) -> None:
        """Leave, so that another one may lead. The master has stopped serving."""
        self._was_elected = False
        self._detector.stop()
        await self._contender.resign()

    def _on_won(self, entry: str) -> None:
        log.info(f"this master is elected, by {entry}")
        self._was_elected = True
        self._on_elected(entry)

    def _on_deposed(self, reason: str) -> None:
        if self._was_elected:
            self._was_elected = False
            self._on_end(DeposedError(f"this master leads no more: {reason}"))

    def _on_detected(self, leader: MasterInfo | None) -> None:
        self.leader = leader
        if leader is None:
            log.info("no master leads")
        elif leader.id != self._id:
            log.info(f"the leading master is {leader.pid}: this one stands by")
