"""Flags in Mesos's names and forms, so that a unit file written for Mesos keeps working.

    --work_dir=/var/lib/meseta   --work-dir /var/lib/meseta   --checkpoint   --no-checkpoint
    MESETA_WORK_DIR=…            MESOS_WORK_DIR=…             a TOML file named by --config

The command line wins over `MESETA_*`, then `MESOS_*`, then the file, then the default. A value
`file:///path` is read from that file. A flag of Mesos that has no meaning here is accepted with a warning;
an unknown one is refused with the nearest name.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from meseta.errors import ConfigError

DURATION_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "secs": 1.0,
    "mins": 60.0,
    "hrs": 3600.0,
    "days": 86400.0,
    "weeks": 604800.0,
}
SIZE_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}

_PASSWORD = re.compile(r"^(\w+://[^/:]+:)[^/]*@")


class Flag(msgspec.Struct, frozen=True):
    """One flag: its name, what kind of text it takes, its default as text (None: unset), what it does."""

    name: str
    kind: str
    """bool, int, float, duration, bytes, text or path."""
    default: str | None
    help: str
    least: float = 0
    """The smallest number, or seconds, or bytes, that can be used."""
    most: float = math.inf


class Flags:
    """The values of a daemon's flags, by name; and, less passwords, as the texts that `/flags` shows."""

    def __init__(self, texts: Mapping[str, str], known: Mapping[str, Flag]) -> None:
        self.texts = {name: hide_password(text) for name, text in texts.items()}
        self._values = {name: parse_value(known[name], text) for name, text in texts.items()}

    def __getitem__(self, name: str) -> Any:
        """Return a flag's value: None if it is unset."""
        return self._values.get(name)

    def require(self, name: str) -> Any:
        """Return a flag's value.

        Raises:
            ConfigError: it is unset.
        """
        value = self._values.get(name)
        if value is None:
            raise ConfigError(f"--{name} must be given: see --help")
        return value


def parse_flags(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    flags: Iterable[Flag],
    foreign: Iterable[str],
) -> tuple[Flags, list[str]]:
    """Return the values of `flags`, and warnings about flags of Mesos that mean nothing here (`foreign`).

    Raises:
        ConfigError: a flag is unknown or its value unusable.
    """
    known = {flag.name: flag for flag in flags}
    ignored = frozenset(foreign) - known.keys()
    given = _from_arguments(arguments, known, ignored)
    path = given.get("config") or environment.get("MESETA_CONFIG")
    layers = [
        _from_file(path) if path else {},
        _from_environment(environment, "MESOS_", known, ignored),
        _from_environment(environment, "MESETA_", known, ignored),
        given,
    ]
    texts = {name: flag.default for name, flag in known.items() if flag.default is not None}
    warnings = []
    for layer in layers:
        for name, text in layer.items():
            if name in ignored:
                warnings.append(f"--{name} is a flag of Mesos that has no meaning here: ignored")
            elif name in known:
                texts[name] = _contents(name, text)
            else:
                raise ConfigError(_unknown(name, known))
    return Flags(texts, known), warnings


def hide_password(text: str) -> str:
    """Return a flag's text as everybody may see it: without the password in an address such as `zk://`."""
    return _PASSWORD.sub(r"\1…@", text)


def parse_value(flag: Flag, text: str) -> Any:
    """Return the typed value of a flag's text.

    Raises:
        ConfigError: the text is not of the flag's kind; says what would be.
    """
    try:
        value = _PARSERS[flag.kind](text)
    except (ValueError, KeyError, OverflowError):
        raise ConfigError(f"--{flag.name}={text} is not usable: expected {_EXPECTED[flag.kind]}") from None
    if isinstance(value, int | float) and not flag.least <= value <= flag.most:
        raise ConfigError(f"--{flag.name}={text} is not usable: expected {_bounds(flag)}")
    return value


def _bounds(flag: Flag) -> str:
    unit = {"duration": "secs", "bytes": "B"}.get(flag.kind, "")
    least = f"at least {flag.least:g}{unit}"
    return least if flag.most == math.inf else f"{least} and at most {flag.most:g}{unit}"


def parse_duration_s(text: str) -> float:
    """Return seconds of a duration in Mesos's form, such as `15secs` or `1.5mins`."""
    number, unit = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text, re.ASCII).groups()  # type: ignore[union-attr]
    return float(number) * DURATION_UNITS_S[unit]


def parse_size(text: str) -> int:
    """Return bytes of a size in Mesos's form, such as `2GB`."""
    number, unit = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Z]+)\s*", text, re.ASCII).groups()  # type: ignore[union-attr]
    return int(float(number) * SIZE_UNITS[unit])


def _parse_bool(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _guarded(parse: Any) -> Any:
    def parse_or_refuse(text: str) -> Any:
        try:
            return parse(text)
        except AttributeError:
            raise ValueError(text) from None

    return parse_or_refuse


_PARSERS: dict[str, Any] = {
    "bool": _parse_bool,
    "int": int,
    "float": float,
    "duration": _guarded(parse_duration_s),
    "bytes": _guarded(parse_size),
    "text": str,
    "path": str,
}
_EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "duration": f"a number and one of {', '.join(DURATION_UNITS_S)}, such as 15secs",
    "bytes": f"a number and one of {', '.join(SIZE_UNITS)}, such as 2GB",
    "text": "text",
    "path": "a path",
}


def _from_arguments(
    arguments: Sequence[str], known: Mapping[str, Flag], ignored: frozenset[str]
) -> dict[str, str]:
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--") or argument == "--":
            raise ConfigError(f"'{argument}' is no flag: flags are written --name=value")
        name, equals, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        negated = name.removeprefix("no_")
        if not equals and name.startswith("no_") and name not in known and _is_bool(negated, known, ignored):
            given[negated] = "false"
        elif equals:
            given[name] = value
        elif _is_bool(name, known, ignored) or not rest or rest[0].startswith("--"):
            given[name] = "true"
        else:
            given[name] = rest.pop(0)
    return given


def _is_bool(name: str, known: Mapping[str, Flag], ignored: frozenset[str]) -> bool:
    return known[name].kind == "bool" if name in known else name in ignored


def _from_environment(
    environment: Mapping[str, str], prefix: str, known: Mapping[str, Flag], ignored: frozenset[str]
) -> dict[str, str]:
    """Unknown variables are left alone: the environment is shared with others."""
    found = {}
    for variable, value in environment.items():
        name = variable.removeprefix(prefix).lower()
        if variable.startswith(prefix) and (name in known or name in ignored):
            found[name] = value
    return found


def _from_file(path: str) -> dict[str, str]:
    try:
        table = tomllib.loads(read_text(f"--config={path}", path))
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"--config={path} is not TOML: {fault}") from None
    return {name.replace("-", "_"): _toml_text(value) for name, value in table.items()}


def _toml_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _contents(name: str, text: str) -> str:
    if not text.startswith("file://"):
        return text
    return read_text(f"--{name}={text}", text.removeprefix("file://")).strip()


def read_text(given: str, path: str) -> str:
    """Return what is in a file that the flag `given` names.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    try:
        return Path(path).read_text("utf-8")
    except OSError as fault:
        raise ConfigError(f"{given} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{given} cannot be read: it is no UTF-8 text") from None


def _unknown(name: str, known: Mapping[str, Flag]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean --{near[0]}?" if near else ": see --help for those there are"
    return f"--{name} is not a flag of Meseta or Mesos{hint}"
