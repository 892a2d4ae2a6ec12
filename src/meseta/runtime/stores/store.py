"""What the registry needs of a store: records by key, changed together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Store(Protocol):
    """A store of records. Its methods may block, and are called one at a time, from any thread.

    After a `StoreError` nothing is known about the last change, and nobody may go on with what the store was
    thought to hold.
    """

    name: str
    """Where it is, for people."""

    def open(self) -> dict[str, bytes]:
        """Take the store for this process alone, and return all records by key.

        Raises:
            StoreError: it cannot be reached or read, somebody else has it, or it is no store of ours.
        """
        ...

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Put these records in the place of those under the same keys (None: delete), all or none.

        When this returns, they survive a power cut.

        Raises:
            StoreError: that is not sure.
        """
        ...

    def close(self) -> None:
        """Let others have the store. May be called when it is not open."""
        ...
