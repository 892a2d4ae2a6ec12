"""Looks again and again whether a master leads, and how long none did."""

from __future__ import annotations

import json
import threading
import time
import urllib.request

EVERY_S = 0.1
TIMEOUT_S = 1.0


class Probe:
    """A thread that looks from `start` to `stop`. `longest_s` is the longest time without a leader."""

    def __init__(self, masters: list[str]) -> None:
        self.longest_s = 0.0
        self._masters = masters
        self._seen = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin; the time counts from now."""
        self._seen = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            is_led = any(map(leads, self._masters))
            now = time.monotonic()
            self.longest_s = max(self.longest_s, now - self._seen)
            if is_led:
                self._seen = now


def leads(master: str) -> bool:
    """Ask a master whether it leads."""
    try:
        with urllib.request.urlopen(f"http://{master}/metrics/snapshot", timeout=TIMEOUT_S) as answer:
            return bool(json.load(answer).get("master/elected"))
    except (OSError, ValueError):
        return False
