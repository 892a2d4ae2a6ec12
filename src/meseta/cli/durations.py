"""Durations on the command line, as Mesos's flags have them: `15secs`, `1.5hrs`."""

from __future__ import annotations

from meseta.api.durations import parse_duration_s
from meseta.errors import ConfigError

Duration = str | None
"""What an option takes; None: it is not given."""


def seconds_of(text: str) -> float:
    """Return seconds. Raises ConfigError if the text is no duration."""
    try:
        return parse_duration_s(text)
    except ValueError:
        raise ConfigError(f"'{text}' is no duration: expected a number and a unit, such as 2mins") from None
