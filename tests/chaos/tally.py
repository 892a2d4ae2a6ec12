"""What a run came to: journals of frameworks beside what the tasks themselves have written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from meseta.records import TaskState
from tests.chaos.journal import Journal, Memory
from tests.chaos.programs import Program

SHOWN_MAX = 10
NEVER_RAN = (TaskState.TASK_LOST, TaskState.TASK_DROPPED, TaskState.TASK_GONE, TaskState.TASK_ERROR)
"""Ends that say that nothing has become of a task."""


class Tally(NamedTuple):
    """Sums, and sentences about what must not be."""

    launched: int
    finished: int
    again: int
    """Tasks that ended otherwise than well, whose jobs were or would be run again."""
    duplicates: int
    lost: list[str]
    twice: list[str]
    contradictions: list[str]
    crashed: list[str]

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing was lost, started twice, or forgotten, and no process died of a bug."""
        return not (self.lost or self.twice or self.contradictions or self.crashed)

    def lines(self) -> Iterator[str]:
        """Yield the report."""
        yield f"tasks launched         {self.launched}"
        yield f"finished               {self.finished}"
        yield f"re-run by frameworks   {self.again}"
        for title, faults in (
            ("lost", self.lost),
            ("started twice", self.twice),
            ("ends taken back", self.contradictions),
            ("crashed", self.crashed),
        ):
            yield f"{title:<23}{len(faults)}"
            yield from (f"    {fault}" for fault in faults[:SHOWN_MAX])
        yield f"updates duplicated     {self.duplicates}"


def tally(directory: Path, programs: list[Program]) -> Tally:
    """Compare what frameworks know in the end with what has happened."""
    names = [program.name for program in programs if program.kind == "framework"]
    memories = [Memory(name) for name in names]
    for name, memory in zip(names, memories, strict=True):
        memory.read(Journal(directory / f"{name}.journal"))
    starts, ends = _ids(directory / "starts"), _ids(directory / "ends")
    finished = [id for m in memories for id, state in m.ended.items() if state is TaskState.TASK_FINISHED]
    bad = [id for m in memories for id, state in m.ended.items() if state is not TaskState.TASK_FINISHED]
    known = {id for m in memories for id in m.launched}
    return Tally(
        launched=len(known),
        finished=len(finished),
        again=len(bad),
        duplicates=sum(memory.duplicates for memory in memories),
        lost=[
            *(f"{id}: nobody knows how it ended" for m in memories for id in m.alive),
            *(f"{id}: finished, and did not do its work" for id in finished if id not in ends),
            *(
                f"{id}: has run to its end, and was said to be {m.ended[id].name}"
                for m in memories
                for id in m.ended
                if id in ends and m.ended[id] in NEVER_RAN
            ),
            *(
                f"{id}: it has run, and its framework takes it for never launched"
                for id in starts.keys() - known
            ),
            *(
                f"{name}: did not come to an end"
                for name, m in zip(names, memories, strict=True)
                if not m.is_done
            ),
        ],
        twice=[f"{id}: {count} times" for id, count in starts.items() if count > 1],
        contradictions=[fault for memory in memories for fault in memory.contradictions],
        crashed=[f"{p.name}: ended with status {status}" for p in programs for status in p.crashes],
    )


def _ids(path: Path) -> Counter[str]:
    """Return the first words of lines, and how often each is there."""
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.split()[0] for line in lines)
