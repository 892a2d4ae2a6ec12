"""The exceptions that cross a layer.

    MesetaError
    ├── ConfigError        a flag, file or environment variable is unusable; shown to the operator
    ├── PolicyError        a third party's allocation policy cannot be used
    ├── DeposedError       a master leads no more, and must end
    ├── StoreError         where the registry is kept cannot be used, or is lost
    ├── WireError          bytes from outside do not form what they claim to be
    └── UnreachableError   a peer cannot be reached or broke off

A refusal that a peer must be told about is not an exception: machines return it as data.
"""

from __future__ import annotations


class MesetaError(Exception):
    """Base of all errors with a sentence fit to show to a person."""


class ConfigError(MesetaError):
    """A flag, file or environment variable is unusable; the message names it, its value, the way out."""


class StoreError(MesetaError):
    """Where the registry is kept cannot be used, or a change is not sure to be there; the master must end."""


class DeposedError(MesetaError):
    """A master leads no more: another one may, so this one must serve nobody from now on."""


class PolicyError(MesetaError):
    """A third party's allocation policy raised or returned what is no share; the message names it."""


class WireError(MesetaError):
    """Bytes from outside do not form the message that they claim to be."""


class UnreachableError(MesetaError):
    """A peer cannot be reached, or broke off in the middle."""
