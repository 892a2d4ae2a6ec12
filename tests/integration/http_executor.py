"""A custom executor over HTTP with nothing but the standard library: runs as a task's executor in tests.

A task with data "finish" finishes at once; others run until they are killed. Messages are echoed. It comes
back when its agent does.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
import uuid
from typing import Any

HOST = os.environ["MESOS_AGENT_ENDPOINT"]
UPDATES: dict[str, Any] = {}
TASKS: dict[str, Any] = {}


def call(body: dict[str, Any], *, stream: bool = False) -> http.client.HTTPResponse:
    ids = {
        "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
        "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
    }
    connection = http.client.HTTPConnection(HOST, timeout=60)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", "/api/v1/executor", json.dumps(ids | body), headers)
    answer = connection.getresponse()
    if answer.status != (200 if stream else 202):  # 503, for one, while the agent recovers: come again.
        raise http.client.HTTPException(answer.status, answer.read())
    return answer


def update(task_id: str, state: str) -> None:
    name = base64.b64encode(uuid.uuid4().bytes).decode()
    status = {"task_id": {"value": task_id}, "state": state, "source": "SOURCE_EXECUTOR", "uuid": name}
    UPDATES[name] = {"status": status}
    call({"type": "UPDATE", "update": {"status": status}})


def on_event(event: dict[str, Any]) -> None:
    kind = event["type"]
    if kind == "LAUNCH":
        task = event["launch"]["task"]
        TASKS[task["task_id"]["value"]] = task
        update(task["task_id"]["value"], "TASK_RUNNING")
        if base64.b64decode(task.get("data", "")) == b"finish":
            update(task["task_id"]["value"], "TASK_FINISHED")
    elif kind == "KILL":
        update(event["kill"]["task_id"]["value"], "TASK_KILLED")
    elif kind == "ACKNOWLEDGED":
        UPDATES.pop(event["acknowledged"]["uuid"], None)
    elif kind == "MESSAGE":
        if base64.b64decode(event["message"]["data"]) == b"die":
            os._exit(5)
        call({"type": "MESSAGE", "message": event["message"]})
    elif kind == "SHUTDOWN":
        sys.exit(0)


def session() -> None:
    subscribe = {
        "unacknowledged_tasks": list(TASKS.values()),
        "unacknowledged_updates": list(UPDATES.values()),
    }
    answer = call({"type": "SUBSCRIBE", "subscribe": subscribe}, stream=True)
    print("subscribed", flush=True)
    while line := answer.readline():
        on_event(json.loads(answer.read(int(line))))


if __name__ == "__main__":
    while True:
        try:
            session()
        except (OSError, http.client.HTTPException) as error:
            print(f"away: {error!r}", flush=True)
        time.sleep(0.1)
