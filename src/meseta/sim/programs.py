"""What simulated processes do, written in their command: `run <what> seconds=12.5 status=0 …`.

So the workload decides it when it launches a task, and nothing else has to be known where the process runs.
"""

from __future__ import annotations

from typing import Self

import msgspec

FOREVER_S = 1e12


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What a simulated process does."""

    what: str
    """The name of its task."""
    seconds: float = FOREVER_S
    status: int = 0
    """Exit status."""
    stubborn: float = 0.0
    """How long it goes on after SIGTERM."""
    hungry: bool = False
    """Instead of exiting it is killed for having used too much memory."""

    def command(self) -> str:
        """Write the program as a command line."""
        words = [f"{name}={getattr(self, name):g}" for name in self.__struct_fields__ if name != "what"]
        return " ".join([_WORDS[type(self)], self.what, *words])

    @classmethod
    def of(cls, command: str) -> Self:
        """Read a command line that `command` wrote of a program of this kind."""
        word, what, *words = command.split()
        assert word == _WORDS[cls], f"{command!r} is no {cls.__name__}"
        fields = dict(word.split("=") for word in words)
        return msgspec.convert({"what": what, **fields}, cls, strict=False)


class ExecutorProgram(Program, frozen=True, kw_only=True):
    """What an executor of a framework's own does, beside what its tasks tell it. `what` is its id.

    `seconds` is when it ends by mistake, `stubborn` how long it takes to leave when it is asked to.
    """

    libprocess: bool = False
    """It speaks libprocess (v0), not HTTP (v1)."""
    late: float = 0.0
    """How long it takes until it comes to its agent."""
    idle: float = FOREVER_S
    """How long it stays without tasks."""


_WORDS = {Program: "run", ExecutorProgram: "serve"}


def program_of(command: str) -> Program:
    """Read a command line that a program's `command` wrote."""
    return ExecutorProgram.of(command) if command.startswith("serve ") else Program.of(command)
