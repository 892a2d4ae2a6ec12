"""Cost of resource arithmetic in µs per operation, the best of several runs.

    python benchmarks/resource_algebra.py

The floor is what the same arithmetic costs on bare dicts and integers in this interpreter.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

from meseta.resources import Kind, Ranges, Resources, ValueType, from_records, parse_resources, to_records

ROUNDS = 7
ROUND_S = 0.02

PORTS = Kind("ports", ValueType.RANGES)


def us_per_call(call: Callable[[], object]) -> float:
    """Return the time of one call, from the fastest of `ROUNDS` rounds."""
    once_s = timeit.timeit(call, number=1)
    number = max(1, min(100_000, int(ROUND_S / max(once_s, 1e-7))))
    return min(timeit.repeat(call, number=number, repeat=ROUNDS)) / number * 1e6


def ports(pairs: list[tuple[int, int]]) -> Resources:
    """Return nothing but ports."""
    return Resources.of({PORTS: Ranges.from_pairs(pairs)})


def cases() -> dict[str, tuple[Callable[[], object], float | None]]:
    """Return what is measured, with the goal in µs where there is one."""
    agent = Resources.scalars(cpus=16, mem=65536, disk=500000, gpus=4) + ports([(31000, 32000)])
    total = Resources.scalars(cpus=16, mem=65536, disk=500000, gpus=4)
    task = Resources.scalars(cpus=0.5, mem=512, disk=100, gpus=1)
    whole = ports([(1, 16_000)])
    fragments = ports([(n, n) for n in range(1, 16_001, 2)])
    hundred = Ranges.from_pairs([(n, n + 4) for n in range(31_000, 32_000, 10)])
    pairs = hundred.pairs()
    text = "cpus:16;mem:65536;disk:500000;ports:[31000-32000]"
    records = to_records(agent)
    bare, other = {1: 16000, 2: 65536000, 3: 1, 4: 5}, {1: 500, 2: 512000, 3: 1, 4: 1}
    return {
        "floor: add 4 ints in a dict": (lambda: {k: v + other[k] for k, v in bare.items()}, None),
        "add, 4 scalars": (lambda: total + task, 1.5),
        "subtract, 4 scalars": (lambda: total - task, 1.5),
        "floored subtract, 4 scalars": (lambda: total.subtract(task), 1.5),
        "contains, 4 scalars": (lambda: total.contains(task), 1.0),
        "equal, not identical": (lambda: total == total + task - task, None),
        "allocatable_to, plain": (lambda: total.allocatable_to("eng/web"), None),
        "floor: and of 16,000 bits": (lambda: WHOLE_BITS & PART_BITS, None),
        "[1-16000] contains 8,000 fragments": (lambda: whole.contains(fragments), 2.0),
        "[1-16000] minus 8,000 fragments": (lambda: whole - fragments, None),
        "8,000 fragments plus [1-16000]": (lambda: fragments + whole, None),
        "100 ranges to pairs": (hundred.pairs, None),
        "100 ranges from pairs": (lambda: Ranges.from_pairs(pairs), None),
        "parse --resources": (lambda: parse_resources(text), None),
        "to records": (lambda: to_records(agent), None),
        "from records": (lambda: from_records(records), None),
    }


WHOLE_BITS = (1 << 16_000) - 1
PART_BITS = int("01" * 8_000, 2)


def main() -> None:
    """Print one line for each case."""
    for name, (call, goal) in cases().items():
        cost = us_per_call(call)
        verdict = "" if goal is None else f"goal {goal:4.1f}  {'met' if cost <= goal else 'MISSED'}"
        print(f"{name:38} {cost:9.2f} µs  {verdict}".rstrip())


if __name__ == "__main__":
    main()
