"""What can go wrong at the command line, and with which exit status it ends."""

from __future__ import annotations

from meseta.errors import ConfigError, MesetaError, UnreachableError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 69
EXIT_PROTOCOL = 76
EXIT_REFUSED = 77
EXIT_INTERRUPTED = 130
"""As in sysexits.h, and 128 plus the number of SIGINT as shells have it."""


class NotFoundError(MesetaError):
    """There is no such task, framework, …, or more than one."""


class FailedError(MesetaError):
    """The master has not done what it was asked to."""


class RefusedError(MesetaError):
    """The peer does not let us."""


class AnswerError(MesetaError):
    """The peer answers, but not as a master or agent does."""


def exit_status_of(fault: MesetaError) -> int:
    """Return the exit status for an error."""
    for kind, status in EXIT_STATUSES.items():
        if isinstance(fault, kind):
            return status
    return EXIT_FAILED


EXIT_STATUSES: dict[type[MesetaError], int] = {
    UnreachableError: EXIT_UNREACHABLE,
    ConfigError: EXIT_USAGE,
    RefusedError: EXIT_REFUSED,
    AnswerError: EXIT_PROTOCOL,
}
