"""The classic driver API, as programs for Mesos use it: callbacks, and messages of protobuf.

python examples/classic_driver.py --master 127.0.0.1:5050
"""

from __future__ import annotations

import argparse
import sys

from meseta.sdk.drivers import MesosSchedulerDriver, Scheduler
from meseta.wire.gen import mesos_pb2


class OneTask(Scheduler):
    """Launches one task on the first offer that comes, and stops when it has ended."""

    launched = False

    def resourceOffers(self, driver: MesosSchedulerDriver, offers: list[mesos_pb2.Offer]) -> None:
        for offer in offers:
            if self.launched:
                driver.declineOffer(offer.id)
                continue
            task = mesos_pb2.TaskInfo(name="classic", task_id={"value": "classic-1"}, agent_id=offer.agent_id)
            task.command.value = "echo hello"
            for name, amount in (("cpus", 0.1), ("mem", 32.0)):
                task.resources.add(name=name, type=mesos_pb2.Value.SCALAR, scalar={"value": amount})
            driver.launchTasks(offer.id, [task])
            self.launched = True

    def statusUpdate(self, driver: MesosSchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        print(status.task_id.value, mesos_pb2.TaskState.Name(status.state), status.message, flush=True)
        if status.state not in (mesos_pb2.TASK_STARTING, mesos_pb2.TASK_RUNNING):
            driver.stop()

    def error(self, driver: MesosSchedulerDriver, message: str) -> None:
        print(message, file=sys.stderr)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", default="127.0.0.1:5050")
    framework = mesos_pb2.FrameworkInfo(user="", name="classic", failover_timeout=60)
    driver = MesosSchedulerDriver(OneTask(), framework, parser.parse_args().master)
    sys.exit(0 if driver.run() == mesos_pb2.DRIVER_STOPPED else 1)


if __name__ == "__main__":
    main()
