"""From what is asked for to the plan of a container: pure, so that it can be read, logged and tested."""

from __future__ import annotations

from meseta.containers.effects import ContainerPlan, Sandbox
from meseta.ids import ContainerId
from meseta.records import CommandInfo
from meseta.resources import Resources

SHELL = "/bin/sh"


def build(
    container_id: ContainerId,
    command: CommandInfo,
    environment: dict[str, str],
    sandbox: Sandbox,
    *,
    user: str | None,
    resources: Resources,
    limits: tuple[tuple[str, float], ...] = (),
    isolators: tuple[str, ...] = (),
    container: bytes = b"",
) -> ContainerPlan:
    """Plan to run `command`. Its own variables win over those of `environment`."""
    file, argv = file_and_argv(command)
    variables = dict(environment)
    variables.update(command.environment)
    return ContainerPlan(
        container_id=container_id,
        file=file,
        argv=argv,
        environment=tuple(sorted(variables.items())),
        sandbox=sandbox,
        user=user,
        resources=resources,
        limits=limits,
        isolators=isolators,
        container=container,
    )


def file_and_argv(command: CommandInfo) -> tuple[str, tuple[str, ...]]:
    """Return what to execute and its argv.

    Without a shell, `arguments` is the whole argv (Mesos: argv[0] is its first), and the file's own name
    where there are no arguments.
    """
    value = command.value or ""
    if command.shell:
        return SHELL, ("sh", "-c", value)
    return value, command.arguments or (value,)
