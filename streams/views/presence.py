"""Noticing that Redis has lost the views: it was flushed, or is another server than it was."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from streams.views.keys import ViewKeys

_CLAIM: Final = """
if ARGV[1] == '' or redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('HSET', KEYS[2], unpack(ARGV, 2))
end
"""
"""Progress is a claim that views are there, so it is made only of the life they were written in;
a writer that has written nothing yet knows of none.
"""


class Presence:
    """Asks with every write whether what was written before is still there.

    Views have a life, named by whoever writes first and ended by a flush, which takes the name
    away. The next writer gives another one, and every writer that remembers the old one has lost
    its views, not only the one that came first. A server that was restarted or that took over has
    another run id, and may lack the last writes even where it kept the rest.
    """

    def __init__(self, keys: ViewKeys, partitions: int) -> None:
        self._keys = keys
        self._partitions = partitions
        self._life = b""
        self._run_id = ""

    def ask(self, pipe: Any, *, server: bool) -> None:
        """Put the questions before everything else in a pipeline; `server` asks who answers."""
        pipe.set(self._keys.life, uuid4().hex, nx=True)
        pipe.get(self._keys.life)
        pipe.set(self._keys.partitions, self._partitions)
        if server:
            pipe.info("server")

    def claim(self, pipe: Any, progress: Mapping[str, bytes]) -> None:
        """Put progress into a pipeline, to be written if nothing was lost."""
        fields = [part for pair in progress.items() for part in pair]
        pipe.eval(_CLAIM, 2, self._keys.life, self._keys.progress, self._life, *fields)

    def lost(self, answers: Sequence[Any]) -> bool:
        """Whether the answers of that pipeline say that earlier writes may be gone."""
        _named, life, _told, *others = answers
        lost = bool(self._life) and life != self._life
        self._life = life
        if others and isinstance(others[0], dict):
            run_id = str(others[0].get("run_id", ""))
            lost = lost or bool(self._run_id and run_id != self._run_id)
            self._run_id = run_id
        return lost
