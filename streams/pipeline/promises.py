"""The promises of one partition while a batch is folded: the versions it knows, from its rows."""

from functools import partial

from msgspec.structs import replace

from agents.complaints.settle import Rulebook
from agents.complaints.versions import Plans, PolicyBook, is_news, learn
from schemas.customer import PolicyHistory
from schemas.events import PolicyChanged, PolicyEvent
from schemas.policy import PolicySet
from streams.engine import RecordBatch
from streams.pipeline.tables import ONLY, POLICIES, POLICY_HISTORY


class Promises:
    """Which version judges: read from the partition's rows, and moved on by its log."""

    def __init__(self, batch: RecordBatch, without_versions: Rulebook, plans: Plans) -> None:
        self._batch = batch
        self._plans = plans
        self._known = batch.get(POLICY_HISTORY, ONLY) or PolicyHistory()
        self._without_versions = without_versions
        self.rulebook = self._rulebook()
        self.learned: list[PolicySet] = []
        """Versions this batch told of."""

    def learn(self, event: PolicyEvent) -> None:
        """Take in what the log tells. Raises ValueError where the version cannot be used here."""
        batch = self._batch
        if isinstance(event, PolicyChanged):
            self._plans.compile(event.policy)
            if is_news(self._known, event):
                batch.put(POLICIES, event.policy.digest.encode(), event.policy)
                self.learned.append(event.policy)
        known, gone = learn(self._known, event)
        if known is self._known:
            return
        for version in gone:
            batch.delete(POLICIES, version.encode())
        batch.put(POLICY_HISTORY, ONLY, known)
        self._known = known
        self.rulebook = self._rulebook()

    def _rulebook(self) -> Rulebook:
        entries = self._known.entries
        if not entries:
            return self._without_versions
        # Not a method of this: the rulebook would hold what holds it, batch after batch.
        load = partial(_load, self._batch)
        return replace(self._without_versions, book=PolicyBook(entries, load, self._plans))


def _load(batch: RecordBatch, version: str) -> PolicySet | None:
    return batch.get(POLICIES, version.encode())
