"""Meseta: a two-level cluster manager that speaks the protocols of Apache Mesos."""

__version__ = "0.1.0"
