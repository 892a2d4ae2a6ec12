"""Processes that are killed and started again."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from meseta.daemon.process import EXIT_DEPOSED, EXIT_STORE
from tests.integration.places import HERE, Place

GIVEN_UP = (EXIT_DEPOSED, EXIT_STORE)
"""How a daemon may end by itself: another one leads, or its store does not answer."""


class Program:
    """One process through all its lives; its output is added to a file."""

    def __init__(self, kind: str, name: str, command: list[str], log: Path, place: Place = HERE) -> None:
        self.kind = kind
        self.name = name
        self.ip = place.ip
        self.kills = 0
        self.crashes: list[int] = []
        """Statuses with which it has ended by itself, though nothing asked it to."""
        self.is_stopped = False
        self._command = [*place.inside, *command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._due: float | None = None
        """When it is to be started again, or continued."""

    @property
    def runs(self) -> bool:
        """Tell whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Take over a process of it that runs."""
        self._process = process

    def start(self) -> None:
        """Start it."""
        self._due = None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self, again_at: float) -> None:
        """End it at once, to be started again later."""
        if self._process is not None and self.runs:
            self._process.kill()
            self._process.wait(timeout=60)
            self.is_stopped = False
            self.kills += 1
            self._due = again_at

    def stop(self, until: float) -> None:
        """Let it hang for a while."""
        if self._process is not None and self.runs:
            self._process.send_signal(signal.SIGSTOP)
            self.is_stopped = True
            self._due = until

    def look(self, now: float, restart_s: float) -> None:
        """Do what is due. One that has ended by itself is started again, unless it ended well."""
        if self._process is None:
            return
        if not self.runs and self._due is None and self._process.returncode != 0:
            self._due = now + restart_s
            if self._process.returncode not in GIVEN_UP:
                self.crashes.append(self._process.returncode)
        if self._due is not None and now >= self._due:
            self.resume()

    def resume(self) -> None:
        """Start or continue what does not run."""
        if self._process is None or (not self.runs and self._due is not None):
            self.start()
        elif self.is_stopped and self.runs:
            self._process.send_signal(signal.SIGCONT)
        self.is_stopped = False
        self._due = None

    def end(self) -> None:
        """End it for good."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)
