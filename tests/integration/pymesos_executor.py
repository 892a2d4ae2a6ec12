"""An executor on pymesos: runs tasks in threads, answers messages, says goodbye when killed."""

from __future__ import annotations

import threading
import time
from typing import Any

from pymesos import Executor, MesosExecutorDriver, decode_data, encode_data


class EchoExecutor(Executor):  # type: ignore[misc]
    """Task data `finish` ends at once; anything else runs until it is killed."""

    def __init__(self) -> None:
        self.killed: set[str] = set()

    def launchTask(self, driver: Any, task: Any) -> None:
        """Run a task in a thread."""
        threading.Thread(target=self.run, args=(driver, task), daemon=True).start()

    def run(self, driver: Any, task: Any) -> None:
        """Report RUNNING, then how it ended."""
        task_id = task["task_id"]["value"]
        self.report(driver, task_id, "TASK_RUNNING")
        if decode_data(task["data"]) != b"finish":
            while task_id not in self.killed:
                time.sleep(0.02)
            self.report(driver, task_id, "TASK_KILLED")
            return
        self.report(driver, task_id, "TASK_FINISHED", data=b"result of " + task_id.encode())

    def report(self, driver: Any, task_id: str, state: str, data: bytes = b"") -> None:
        """Send one status update."""
        update = {"task_id": {"value": task_id}, "state": state, "timestamp": time.time()}
        if data:
            update["data"] = encode_data(data)
        driver.sendStatusUpdate(update)

    def killTask(self, driver: Any, task_id: Any) -> None:
        """End a task."""
        self.killed.add(task_id["value"])

    def frameworkMessage(self, driver: Any, message: str) -> None:
        """Send a message back, turned round."""
        driver.sendFrameworkMessage(encode_data(decode_data(message)[::-1]))


if __name__ == "__main__":
    MesosExecutorDriver(EchoExecutor()).run()
