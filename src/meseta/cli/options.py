"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_MASTER = "127.0.0.1:5050"

Master = Annotated[
    str,
    typer.Option(
        "--master",
        "-m",
        envvar=["MESETA_MASTER", "MESOS_MASTER"],
        metavar="HOST:PORT",
        help="Address of a master; several with commas, one of which leads; or zk://host:port/path, or etcd://….",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
All = Annotated[bool, typer.Option("--all", "-a", help="Also those that have ended.")]

RAW = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": True}
"""Settings of a command that leaves its arguments to somebody else."""
