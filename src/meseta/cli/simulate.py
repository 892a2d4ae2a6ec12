"""`meseta simulate`: hands its options to the simulator as they are."""

from __future__ import annotations

import typer

from meseta.cli.options import RAW

app = typer.Typer(add_completion=False)


@app.command(context_settings=RAW, add_help_option=False)
def simulate(context: typer.Context) -> int:
    """Run a virtual cluster: how it would be used, or how it bears faults; '--help' lists the options."""
    from meseta.sim.main import main

    return main(context.args)
