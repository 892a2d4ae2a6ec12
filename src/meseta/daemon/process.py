"""A daemon as a process: flags, log, signals, exit status."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from meseta.daemon.flags import Flag, Flags, parse_flags
from meseta.daemon.logs import set_up_logging
from meseta.errors import DeposedError, MesetaError, StoreError
from meseta.runtime import loop

EXIT_BUG = 70
EXIT_CONFIG = 64
EXIT_STORE = 74
EXIT_DEPOSED = 75
"""Starting again is all that it takes: sysexits.h calls it a temporary failure."""

log = structlog.get_logger()


class Daemon(Protocol):
    """What `run_daemon` runs."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


def run_daemon(
    name: str,
    arguments: Sequence[str],
    flags: Iterable[Flag],
    foreign: Iterable[str],
    make: Callable[[Flags, Callable[[BaseException], None]], Daemon],
) -> int:
    """Run a daemon until SIGTERM or SIGINT; return its exit status."""
    flags = tuple(flags)
    if "--help" in arguments or "-h" in arguments:
        print(help_text(name, flags))
        return 0
    try:
        values, warnings = parse_flags(arguments, os.environ, flags, foreign)
        set_up_logging(name, level=values["logging_level"], quiet=values["quiet"], log_dir=values["log_dir"])
        for warning in warnings:
            log.warning(warning)
        return loop.run(_serve(make(values, _end)))
    except MesetaError as fault:
        print(f"meseta {name}: {fault}", file=sys.stderr)
        return EXIT_STORE if isinstance(fault, StoreError) else EXIT_CONFIG
    except OSError as fault:
        where = "" if fault.filename is None else f"{fault.filename}: "
        print(f"meseta {name}: cannot start: {where}{fault.strerror or fault}", file=sys.stderr)
        return EXIT_CONFIG


COLLECT_AFTER = (50_000, 20, 100)
"""After so many new objects the youngest are looked through; the older after so many of the rounds before."""


async def _serve(daemon: Daemon) -> int:
    stopped = asyncio.Event()
    running = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(signum, stopped.set)
    await daemon.start()
    # What is there now stays; the collector need not look at it again. The state holds no cycles, so it is
    # enough to look for those of libraries now and then: looking at all tasks again and again takes seconds.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    await stopped.wait()
    await daemon.stop()
    return 0


def _end(fault: BaseException) -> None:
    """End at once: nobody may rely on a machine that failed an assertion, lost its store, or was deposed."""
    if isinstance(fault, StoreError | DeposedError):
        print(f"meseta: {fault}", file=sys.stderr)
        print("meseta: the process ends, its peers will find another or wait", file=sys.stderr)
    else:
        traceback.print_exception(fault)
        print("meseta: this is a bug; the process ends, its peers will find another or wait", file=sys.stderr)
    sys.stderr.flush()
    os._exit(_exit_status(fault))


def _exit_status(fault: BaseException) -> int:
    if isinstance(fault, DeposedError):
        return EXIT_DEPOSED
    return EXIT_STORE if isinstance(fault, StoreError) else EXIT_BUG


def transport_metrics(*sources: Mapping[str, int]) -> dict[str, float]:
    """Return what a daemon's server and links count, as metrics of our own."""
    return {f"meseta/{name}": float(count) for source in sources for name, count in source.items()}


def help_text(name: str, flags: Iterable[Flag]) -> str:
    """Return what `--help` prints: every flag, its kind, default and purpose."""
    lines = [f"usage: meseta {name} [--name=value …]", "", "Flags:"]
    for flag in flags:
        default = "" if flag.default is None else f" [{flag.default}]"
        lines.append(f"  --{flag.name}=<{flag.kind}>{default}")
        lines.append(f"        {flag.help}")
    return "\n".join(lines)
