"""Negative controls of the whole worker: defects that the judge must find, each by its name."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import uuid4

from streams.engine.changelog import Changelog
from streams.identity import IdentityIndex
from streams.pipeline import identities
from streams.pipeline.customers import _Fold
from streams.pipeline.tables import CUSTOMERS, SATISFACTION
from tests.engine import holes as engine_holes

EVERY = 40
"""One in so many goes wrong: rare enough that the worker looks well."""


def lost_table_row() -> None:
    """A row of the satisfaction tables never reaches the changelog, now and then."""
    _lose_rows(SATISFACTION.prefix)


def lost_customer() -> None:
    """A customer's row never reaches the changelog, now and then."""
    _lose_rows(CUSTOMERS.prefix)


def _lose_rows(prefix: bytes) -> None:
    proper, passed = Changelog._append, count(1)

    async def _append(self: Changelog, pairs: Any, *more: Any) -> None:
        kept = [
            (key, row)
            for key, row in pairs
            if not (key.startswith(prefix) and next(passed) % EVERY == 0)
        ]
        await proper(self, kept, *more)

    changelog: Any = Changelog
    changelog._append = _append


def lost_link() -> None:
    """A link of a handle to its customer is not published, now and then."""
    module: Any = identities
    proper, passed = module.identity_links, count(1)

    def identity_links(*arguments: Any) -> Any:
        return [link for link in proper(*arguments) if next(passed) % EVERY]

    module.identity_links = identity_links


def second_identity() -> None:
    """A known customer is taken for a new one, now and then."""
    index: Any = IdentityIndex
    proper, passed = index.resolve, count(1)

    async def resolve(self: IdentityIndex, *arguments: Any) -> Any:
        answer = await proper(self, *arguments)
        found = [_or_another(one, next(passed)) for one in answer.resolutions]
        return answer._replace(resolutions=found)

    index.resolve = resolve


def _or_another(found: Any, number: int) -> Any:
    return type(found)(str(uuid4())) if number % EVERY == 0 else found


def lost_alert() -> None:
    """An alert is not published, now and then."""
    from agents.effects import PublishAlert

    proper, passed = _Fold._act, count(1)

    def _act(self: _Fold, record: Any, result: Any) -> None:
        kept = [e for e in result.effects if not isinstance(e, PublishAlert) or next(passed) % 5]
        proper(self, record, type(result)(result.state, kept, result.admission))

    _Fold._act = _act  # type: ignore[method-assign]


HOLES: dict[str, Callable[[], None]] = {
    **engine_holes.HOLES,
    "lost_table_row": lost_table_row,
    "lost_customer": lost_customer,
    "lost_link": lost_link,
    "second_identity": second_identity,
    "lost_alert": lost_alert,
}


def open_hole(name: str) -> None:
    """Open one; a misspelt name is an error, or the control would prove nothing."""
    HOLES[name]()
