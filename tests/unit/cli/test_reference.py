"""`docs/reference/cli.md` names every command and option, and every exit status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from meseta.cli import faults
from meseta.cli.main import COMMANDS, app

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The commands that do something, with the words that call them."""
    children = getattr(command, "commands", None)
    if not children:
        yield path, command
        return
    for name, child in children.items():
        yield from leaves(child, f"{path} {name}")


def all_leaves() -> list[tuple[str, Any]]:
    group = typer.main.get_command(app)
    return [leaf for name in COMMANDS for leaf in leaves(group.get_command(None, name), f"meseta {name}")]


@pytest.mark.parametrize(
    ("path", "command"), all_leaves(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_commands_and_options_are_described(path: str, command: Any) -> None:
    assert f"`{path}" in REFERENCE
    options = [option for each in command.params for option in each.opts if option.startswith("--")]
    missing = [option for option in options if option != "--help" and option not in REFERENCE]
    assert missing == []


def test_exit_statuses_are_described() -> None:
    described = {int(number) for number in re.findall(r"^\| (\d+)", REFERENCE, re.MULTILINE)}
    statuses = {
        value for name, value in vars(faults).items() if name.startswith("EXIT_") and isinstance(value, int)
    }
    assert statuses <= described
