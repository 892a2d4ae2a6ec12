"""Logging of a daemon: one line per event, to stderr and, with --log_dir, to a file that /files shows."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import structlog

LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}


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


def _line(logger: object, method: str, event: Any) -> str:
    """`2026-01-31 12:00:00.000000 INFO    what happened key=value`"""
    level = str(event.pop("level")).upper()
    when, text = event.pop("timestamp"), event.pop("event")
    fields = "".join(f" {name}={value}" for name, value in event.items())
    return f"{when} {level:7} {text}{fields}"
