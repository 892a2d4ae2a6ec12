"""Versions: our own, and that of the Mesos whose protocols we speak."""

from __future__ import annotations

from meseta import __version__

MESETA_VERSION = __version__

MESOS_VERSION = "1.12.0"
"""What peers are told. Clients and agents decide by it what they may use; it must be dotted integers."""
