"""The machine that a daemon runs on, as /system/stats.json and the metrics tell of it."""

from __future__ import annotations

import os


def stats() -> dict[str, float | int]:
    """Return load, cpus and memory under the names of /system/stats.json."""
    last_minute, last_5, last_15 = os.getloadavg()
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return {
        "avg_load_15min": last_15,
        "avg_load_1min": last_minute,
        "avg_load_5min": last_5,
        "cpus_total": os.sysconf("SC_NPROCESSORS_ONLN"),
        "mem_free_bytes": os.sysconf("SC_AVPHYS_PAGES") * page_bytes,
        "mem_total_bytes": os.sysconf("SC_PHYS_PAGES") * page_bytes,
    }


def metrics() -> dict[str, float]:
    """Return the same under the names of metrics."""
    known = stats()
    return {
        "system/cpus_total": float(known["cpus_total"]),
        "system/load_15min": known["avg_load_15min"],
        "system/load_1min": known["avg_load_1min"],
        "system/load_5min": known["avg_load_5min"],
        "system/mem_free_bytes": float(known["mem_free_bytes"]),
        "system/mem_total_bytes": float(known["mem_total_bytes"]),
    }
