"""Tasks, executors and the like as v0 JSON, from their v1 messages."""

from __future__ import annotations

from typing import Any

import msgspec

from meseta.records import AgentInfo
from meseta.resources import Resources
from meseta.wire import json
from meseta.wire.gen import mesos_pb2 as m
from meseta.wire.v0_json import values

Json = dict[str, Any]


def task(of: m.Task, resources: Resources) -> Json:
    """Return a task that exists; `resources` is what its message says, lifted."""
    shown: Json = {
        "id": of.task_id.value,
        "name": of.name,
        "framework_id": of.framework_id.value,
        "executor_id": of.executor_id.value,
        "slave_id": of.agent_id.value,
        "state": m.TaskState.Name(of.state),
        "resources": values.resources(resources),
    }
    if of.limits:
        shown["limits"] = {name: limit.value for name, limit in sorted(of.limits.items())}
    shown["role"] = _role(of.resources)
    shown["statuses"] = [status(each) for each in of.statuses]
    if of.HasField("user"):
        shown["user"] = of.user
    if of.HasField("labels"):
        shown["labels"] = values.labels(of.labels)
    if of.HasField("discovery"):
        shown["discovery"] = json.to_dict(of.discovery)
    if of.HasField("container"):
        shown["container"] = json.to_dict(of.container)
    if of.HasField("health_check"):
        shown["health_check"] = json.to_dict(of.health_check)
    return shown


def status(of: m.TaskStatus) -> Json:
    """Return a status of a task."""
    shown: Json = {"state": m.TaskState.Name(of.state), "timestamp": of.timestamp}
    if of.HasField("labels"):
        shown["labels"] = values.labels(of.labels)
    if of.HasField("container_status"):
        shown["container_status"] = container_status(of.container_status)
    if of.HasField("healthy"):
        shown["healthy"] = of.healthy
    return shown


def container_status(of: m.ContainerStatus) -> Json:
    """Return what is known of a task's container."""
    shown: Json = {}
    if of.HasField("container_id"):
        shown["container_id"] = json.to_dict(of.container_id)
    if of.network_infos:
        shown["network_infos"] = [_network_info(info) for info in of.network_infos]
    if of.HasField("cgroup_info"):
        shown["cgroup_info"] = json.to_dict(of.cgroup_info)
    return shown


def _network_info(of: m.NetworkInfo) -> Json:
    shown: Json = {}
    if of.groups:
        shown["groups"] = list(of.groups)
    if of.HasField("labels"):
        shown["labels"] = values.labels(of.labels)
    if of.ip_addresses:
        shown["ip_addresses"] = [json.to_dict(address) for address in of.ip_addresses]
    if of.HasField("name"):
        shown["name"] = of.name
    if of.port_mappings:
        shown["port_mappings"] = [json.to_dict(mapping) for mapping in of.port_mappings]
    return shown


def task_info(of: m.TaskInfo, resources: Resources) -> Json:
    """Return a task that has been asked for and waits for its executor."""
    shown: Json = {
        "id": of.task_id.value,
        "name": of.name,
        "slave_id": of.agent_id.value,
        "resources": values.resources(resources),
        "role": _role(of.resources),
    }
    if of.HasField("command"):
        shown["command"] = command(of.command)
    if of.HasField("executor"):
        shown["executor_id"] = of.executor.executor_id.value
    if of.HasField("discovery"):
        shown["discovery"] = json.to_dict(of.discovery)
    return shown


def executor(of: m.ExecutorInfo, resources: Resources) -> Json:
    """Return an executor as the master's endpoints show it, without its agent."""
    shown: Json = {
        "executor_id": of.executor_id.value,
        "name": of.name,
        "framework_id": of.framework_id.value,
        "command": command(of.command),
        "resources": values.resources(resources),
    }
    return shown | executor_extras(of)


def executor_extras(of: m.ExecutorInfo) -> Json:
    """Return what master and agent show alike of an executor, if it has it."""
    shown: Json = {}
    if of.resources:
        shown["role"] = _role(of.resources)
    if of.HasField("labels"):
        shown["labels"] = values.labels(of.labels)
    if of.HasField("type"):
        shown["type"] = m.ExecutorInfo.Type.Name(of.type)
    return shown


def command(of: m.CommandInfo) -> Json:
    """Return a command."""
    shown: Json = {}
    if of.HasField("shell"):
        shown["shell"] = of.shell
    if of.HasField("value"):
        shown["value"] = of.value
    shown["argv"] = list(of.arguments)
    if of.HasField("environment"):
        shown["environment"] = json.to_dict(of.environment)
    shown["uris"] = [{"value": uri.value, "executable": uri.executable} for uri in of.uris]
    return shown


def framework_roles(of: m.FrameworkInfo) -> Json:
    """Return `roles` of a framework that may have many, `role` of one of old."""
    if any(c.type == m.FrameworkInfo.Capability.MULTI_ROLE for c in of.capabilities):
        return {"roles": list(of.roles)}
    return {"role": of.role}


def framework_capabilities(of: m.FrameworkInfo) -> list[str]:
    """Return the names of a framework's capabilities, as it gave them."""
    names = m.FrameworkInfo.Capability.Type
    return [names.Name(capability.type) for capability in of.capabilities]


def agent_info(of: AgentInfo) -> Json:
    """Return what an agent says of itself."""
    shown: Json = {
        "id": of.id or "",
        "hostname": of.hostname,
        "port": of.port,
        "attributes": values.attributes(of.attributes),
    }
    if of.domain is not None:
        shown["domain"] = values.domain(of.domain)
    return shown


def offer(id: str, framework_id: str, role: str, agent_id: str, resources: Resources) -> Json:
    """Return an offer."""
    return {
        "id": id,
        "framework_id": framework_id,
        "allocation_info": {"role": role},
        "slave_id": agent_id,
        "resources": values.resources(resources),
    }


def encode(value: Any) -> msgspec.Raw:
    """Return `value` as JSON text that other JSON can hold."""
    return msgspec.Raw(msgspec.json.encode(value))


def _role(resources: Any) -> str:
    """Return the role that a message's resources are allocated to."""
    return resources[0].allocation_info.role if resources else ""
