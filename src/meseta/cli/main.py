"""`meseta`: finds the command, and turns errors into a sentence and an exit status.

A command's module is imported when the command is run: `meseta version` needs no protobuf, no event loop
and no tables, and answers at once.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from meseta.cli.faults import EXIT_INTERRUPTED, EXIT_USAGE, exit_status_of
from meseta.errors import MesetaError

COMMANDS = (
    "demo",
    "local",
    "run",
    "agents",
    "frameworks",
    "tasks",
    "task",
    "roles",
    "quota",
    "weights",
    "offers",
    "explain",
    "maintenance",
    "state",
    "master",
    "agent",
    "simulate",
    "version",
)
"""Each is a module of this package with an `app`; in the order in which `--help` shows them."""

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What is wrong with a command line; typer exports only this subclass of it."""


class Commands(TyperGroup):
    """The commands, imported on demand."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"meseta.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)


@app.callback()
def meseta() -> None:
    """Meseta: a two-level cluster manager that speaks the protocols of Apache Mesos.

    `meseta demo` shows it at work; `meseta local` starts a cluster on this machine to try the rest on.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command; return its exit status."""
    try:
        status = typer.main.get_command(app).main(arguments, prog_name="meseta", standalone_mode=False)
    except USAGE_ERROR as fault:
        return _say_usage(fault)
    except MesetaError as fault:
        _say(f"meseta: {fault}")
        return exit_status_of(fault)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Nothing may be flushed to it any more.
        sys.stdout = sys.stderr
        return 0
    return status if isinstance(status, int) else 0


def _say_usage(fault: Any) -> int:
    path = fault.ctx.command_path if fault.ctx is not None else "meseta"
    text = fault.format_message().rstrip(".")
    if not text:  # Nothing was given at all: what was shown is the help.
        return EXIT_USAGE
    _say(f"{path}: {text[0].lower()}{text[1:]}; see '{path} --help'")
    return EXIT_USAGE


def _say(text: str) -> None:
    print(text, file=sys.stderr)
