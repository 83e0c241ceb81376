"""Noticing that Redis has lost the views: it was flushed, or is another server than it was."""

from collections.abc import Sequence
from typing import Any

from streams.views.keys import ViewKeys


class Presence:
    """Asks with every write whether what was written before is still there.

    A flush takes a key away that every write sets. A server that was restarted or that took over
    has another run id, and may lack the last writes even where it kept the rest.
    """

    def __init__(self, keys: ViewKeys, partitions: int) -> None:
        self._key = keys.partitions
        self._partitions = partitions
        self._written = False
        self._run_id = ""

    def ask(self, pipe: Any, *, server: bool) -> None:
        """Put the questions before everything else in a pipeline; `server` asks who answers."""
        pipe.set(self._key, self._partitions, get=True)
        if server:
            pipe.info("server")

    def lost(self, answers: Sequence[Any]) -> bool:
        """Whether the answers of that pipeline say that earlier writes may be gone."""
        found, *others = answers
        lost = self._written and found is None
        self._written = True
        if others and isinstance(others[0], dict):
            run_id = str(others[0].get("run_id", ""))
            lost = lost or bool(self._run_id and run_id != self._run_id)
            self._run_id = run_id
        return lost
