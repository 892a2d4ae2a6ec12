"""`meseta master`: hands its flags to the daemon as they are."""

from __future__ import annotations

import typer

from meseta.cli.options import RAW

app = typer.Typer(add_completion=False)


@app.command(context_settings=RAW, add_help_option=False)
def master(context: typer.Context) -> int:
    """Run a master, with Mesos's flags; 'meseta master --help' lists them."""
    from meseta.daemon.master import main

    return main(context.args)
