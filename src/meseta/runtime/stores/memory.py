"""A store that lives as long as its process."""

from __future__ import annotations

from collections.abc import Mapping


class MemoryStore:
    """Records in a dictionary."""

    name = "memory"

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}

    def open(self) -> dict[str, bytes]:
        """Return all records by key."""
        return dict(self._records)

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Put or delete records."""
        for key, record in changes.items():
            if record is None:
                self._records.pop(key, None)
            else:
                self._records[key] = record

    def close(self) -> None:
        """Nothing is held that others could want."""
