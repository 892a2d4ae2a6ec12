"""`meseta version`."""

from __future__ import annotations

import typer

from meseta.cli.options import Json
from meseta.version import MESETA_VERSION, MESOS_VERSION

app = typer.Typer(add_completion=False)


@app.command()
def version(as_json: Json = False) -> None:
    """Print the version of this program."""
    if as_json:
        print(f'{{"version":"{MESETA_VERSION}","mesos_version":"{MESOS_VERSION}"}}')
    else:
        print(f"meseta {MESETA_VERSION} (speaks as Mesos {MESOS_VERSION})")
