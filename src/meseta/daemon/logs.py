"""Logging of a daemon: one line per event, to stderr and, with --log_dir, to a file that /files shows."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}

LINES_PER_S_MAX = 1000
"""What peers cause is logged, so they must not be able to fill the disk with it. Errors do not count."""
LINE_CHARS_MAX = 4096

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

log_counters = {"log_lines_dropped": 0}
"""For metrics."""


def set_up_logging(name: str, *, level: str, quiet: bool, log_dir: str | None) -> Path | None:
    """Send what is logged to stderr (unless `quiet`) and to a file in `log_dir`; return that file."""
    handlers: list[logging.Handler] = [] if quiet else [logging.StreamHandler(sys.stderr)]
    path = None
    if log_dir is not None:
        path = log_path(name, log_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path))
    if not handlers:
        handlers.append(logging.NullHandler())
    threshold = LEVELS.get(level, logging.INFO)
    logging.basicConfig(format="%(message)s", level=threshold, handlers=handlers, force=True)
    structlog.configure(
        processors=[
            LineLimit(time.monotonic),
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
            _line,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        cache_logger_on_first_use=False,
    )
    return path


def log_path(name: str, log_dir: str) -> Path:
    """Return the file that the daemon `name` logs to."""
    return Path(log_dir) / f"meseta-{name}.log"


def set_verbosity(level: int) -> None:
    """Log more for a level above 0, as operators ask for with SET_LOGGING_LEVEL."""
    logging.getLogger().setLevel(logging.DEBUG if level else logging.INFO)


class LineLimit:
    """Drops lines of a second that has had too many, and says so with the first of a later one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._second = 0
        self._lines = 0

    def __call__(self, logger: object, method: str, event: Any) -> Any:
        if method in ("error", "critical", "exception"):
            return event
        second = int(self._clock())
        if second != self._second:
            dropped = max(0, self._lines - LINES_PER_S_MAX)
            self._second, self._lines = second, 0
            if dropped:
                event["event"] = f"({dropped} lines were dropped) {event['event']}"
        self._lines += 1
        if self._lines > LINES_PER_S_MAX:
            log_counters["log_lines_dropped"] += 1
            raise structlog.DropEvent
        return event


def _line(logger: object, method: str, event: Any) -> str:
    """`2026-01-31 12:00:00.000000 INFO    what happened key=value`"""
    level = str(event.pop("level")).upper()
    when, text = event.pop("timestamp"), event.pop("event")
    fields = "".join(f" {name}={value}" for name, value in event.items())
    return f"{when} {level:7} {one_line(text + fields)}"


def one_line(text: str) -> str:
    """Return a text, which may come from a peer, without what could make it look like several lines."""
    if len(text) > LINE_CHARS_MAX:
        text = f"{text[:LINE_CHARS_MAX]}… ({len(text) - LINE_CHARS_MAX} more)"
    return text if text.isprintable() else _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
