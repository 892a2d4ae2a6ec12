"""The unmodified PyPI package pymesos runs frameworks on `meseta master` and `meseta agent`.

Its driver and executor were written for Mesos by others; the framework and executor on top are ours.
"""

from __future__ import annotations

import getpass
import queue
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemons import DaemonProcess, cluster, wait_for

pymesos = pytest.importorskip("pymesos", reason="pymesos is not installed: python tools/install_pymesos.py")

EXECUTOR = Path(__file__).parent / "pymesos_executor.py"
WAIT_S = 60.0


class Recorder(pymesos.Scheduler):  # type: ignore[misc]
    """Keeps everything that the driver calls back with."""

    def __init__(self) -> None:
        self.registrations: queue.Queue[str] = queue.Queue()
        self.offers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.updates: queue.Queue[dict[str, Any]] = queue.Queue()
        self.messages: queue.Queue[bytes] = queue.Queue()
        self.errors: queue.Queue[str] = queue.Queue()

    def registered(self, driver: Any, framework_id: Any, master_info: Any) -> None:
        """A framework id was given."""
        self.registrations.put(framework_id["value"])

    def reregistered(self, driver: Any, master_info: Any) -> None:
        """The framework is back."""
        self.registrations.put("again")

    def resourceOffers(self, driver: Any, offers: Any) -> None:
        """Offers came."""
        for offer in offers:
            self.offers.put(offer)

    def statusUpdate(self, driver: Any, update: Any) -> None:
        """A task's status came."""
        self.updates.put(update)

    def frameworkMessage(self, driver: Any, executor_id: Any, agent_id: Any, message: Any) -> None:
        """An executor sent bytes."""
        self.messages.put(pymesos.decode_data(message))

    def error(self, driver: Any, message: Any) -> None:
        """The framework was refused or replaced: end without tearing it down, else the driver comes back."""
        driver.stop(failover=True)
        self.errors.put(message["message"] if isinstance(message, dict) else message)


class Framework:
    """A pymesos driver and what it recorded."""

    def __init__(self, master: DaemonProcess, framework_id: str | None = None) -> None:
        self.scheduler = Recorder()
        info: dict[str, Any] = {"user": getpass.getuser(), "name": "pymesos", "hostname": "localhost"}
        info["capabilities"] = [{"type": "PARTITION_AWARE"}]
        if framework_id is not None:
            info["id"] = {"value": framework_id}
        self.driver = pymesos.MesosSchedulerDriver(self.scheduler, info, master.address)
        self.driver.start()
        registration = self.scheduler.registrations.get(timeout=WAIT_S)
        self.id = framework_id or registration

    def offer(self) -> dict[str, Any]:
        """The next offer."""
        return self.scheduler.offers.get(timeout=WAIT_S)

    def update(self, state: str, task_id: str) -> dict[str, Any]:
        """The next update of a task to `state`."""
        while True:
            update = self.scheduler.updates.get(timeout=WAIT_S)
            if update["state"] == state and update["task_id"]["value"] == task_id:
                return update

    def launch(self, offer: dict[str, Any], **what: Any) -> str:
        """Launch a small task on an offer; returns its id."""
        task_id = str(uuid.uuid4())
        task = {
            "task_id": {"value": task_id},
            "agent_id": offer["agent_id"],
            "name": "small",
            "resources": [scalar("cpus", 0.2), scalar("mem", 32)],
            **what,
        }
        self.driver.launchTasks(offer["id"], [task], {"refuse_seconds": 0})
        return task_id


def scalar(name: str, value: float) -> dict[str, Any]:
    """A resource as JSON."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}}


def executor() -> dict[str, Any]:
    """Our executor on pymesos."""
    return {
        "executor_id": {"value": "echo"},
        "name": "echo",
        "command": {"value": f"exec {sys.executable} {EXECUTOR}"},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
    }


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A master and one agent."""
    with cluster(tmp_path_factory.mktemp("pymesos")) as (daemon, _agents):
        yield daemon


@contextmanager
def running(master: DaemonProcess, framework_id: str | None = None) -> Iterator[Framework]:
    """A framework that is torn down at the end."""
    framework = Framework(master, framework_id)
    try:
        yield framework
    finally:
        framework.driver.stop()
        framework.driver.join()


def test_command_tasks_finish_and_fail(master: DaemonProcess) -> None:
    with running(master) as framework:
        good = framework.launch(framework.offer(), command={"value": "exit 0"})
        framework.update("TASK_RUNNING", good)
        assert framework.update("TASK_FINISHED", good)["message"] == "Command exited with status 0"
        bad = framework.launch(framework.offer(), command={"value": "exit 3"})
        assert framework.update("TASK_FAILED", bad)["message"] == "Command exited with status 3"


def test_an_executor_runs_tasks_and_exchanges_messages(master: DaemonProcess) -> None:
    with running(master) as framework:
        offer = framework.offer()
        task = framework.launch(offer, executor=executor(), data=pymesos.encode_data(b"stay"))
        framework.update("TASK_RUNNING", task)
        framework.driver.sendFrameworkMessage(
            {"value": "echo"}, offer["agent_id"], pymesos.encode_data(b"hello")
        )
        assert framework.scheduler.messages.get(timeout=WAIT_S) == b"olleh"
        second = framework.launch(framework.offer(), executor=executor(), data=pymesos.encode_data(b"finish"))
        finished = framework.update("TASK_FINISHED", second)
        assert pymesos.decode_data(finished["data"]) == b"result of " + second.encode()
        framework.driver.killTask({"value": task})
        framework.update("TASK_KILLED", task)


def test_a_command_task_is_killed(master: DaemonProcess) -> None:
    with running(master) as framework:
        task = framework.launch(framework.offer(), command={"value": "sleep 600"})
        framework.update("TASK_RUNNING", task)
        framework.driver.killTask({"value": task})
        assert framework.update("TASK_KILLED", task)["message"] == "Command terminated with signal Terminated"


def test_declining_suppressing_and_reviving_steer_offers(master: DaemonProcess) -> None:
    with running(master) as framework:
        framework.driver.declineOffer(framework.offer()["id"], {"refuse_seconds": 600})
        with pytest.raises(queue.Empty):
            framework.scheduler.offers.get(timeout=1.5)
        framework.driver.reviveOffers()
        offer = framework.offer()
        framework.driver.suppressOffers()
        framework.driver.declineOffer(offer["id"], {"refuse_seconds": 0})
        with pytest.raises(queue.Empty):
            framework.scheduler.offers.get(timeout=1.5)
        framework.driver.reviveOffers()
        framework.offer()


def test_reconciliation_answers_for_known_and_unknown_tasks(master: DaemonProcess) -> None:
    with running(master) as framework:
        task = framework.launch(framework.offer(), command={"value": "sleep 600"})
        framework.update("TASK_RUNNING", task)
        framework.driver.reconcileTasks([{"task_id": {"value": "stranger"}}])
        assert framework.update("TASK_UNKNOWN", "stranger")["reason"] == "REASON_RECONCILIATION"
        framework.driver.reconcileTasks([])
        assert framework.update("TASK_RUNNING", task)["reason"] == "REASON_RECONCILIATION"


def test_a_second_scheduler_takes_over_with_the_same_id(master: DaemonProcess) -> None:
    first = Framework(master)
    task = first.launch(first.offer(), command={"value": "sleep 600"})
    first.update("TASK_RUNNING", task)
    with running(master, framework_id=first.id) as second:
        assert first.scheduler.errors.get(timeout=WAIT_S) == "Framework failed over"
        first.driver.join()
        second.driver.reconcileTasks([])
        second.update("TASK_RUNNING", task)
        second.driver.killTask({"value": task})
        second.update("TASK_KILLED", task)


def test_teardown_ends_everything(master: DaemonProcess) -> None:
    framework = Framework(master)
    task = framework.launch(framework.offer(), command={"value": "sleep 600"})
    framework.update("TASK_RUNNING", task)
    framework.driver.stop()
    framework.driver.join()

    def is_completed() -> bool:
        completed = master.get("/frameworks")["completed_frameworks"]
        return any(entry["id"] == framework.id for entry in completed)

    wait_for(is_completed, "the framework to be completed")
    known = master.get("/frameworks")["frameworks"]
    assert all(entry["id"] != framework.id for entry in known)


def test_a_task_with_an_image_fails_instead_of_running_without_it(master: DaemonProcess) -> None:
    with running(master) as framework:
        container = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "busybox"}}}}
        task = framework.launch(framework.offer(), command={"value": "exit 0"}, container=container)
        assert framework.update("TASK_FAILED", task)["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
