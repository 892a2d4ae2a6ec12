"""`meseta agent`: hands its flags to the daemon as they are."""

from __future__ import annotations

import typer

from meseta.cli.options import RAW

app = typer.Typer(add_completion=False)


@app.command(context_settings=RAW, add_help_option=False)
def agent(context: typer.Context) -> int:
    """Run an agent, with Mesos's flags; 'meseta agent --help' lists them."""
    from meseta.daemon.agent import main

    return main(context.args)
