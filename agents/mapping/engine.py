"""A compiled mapping: `Mapping.apply(payload)` makes channel records and commands of one foreign
payload.

Pure and deterministic: the same payload gives the same records with the same ids, so importing a
file twice adds nothing. A payload is never half lost: what can be mapped is mapped, and each record
that cannot be made is an error that names its field.
"""

from collections.abc import Callable, Iterator
from collections.abc import Mapping as MappingOf
from enum import StrEnum
from typing import Any, NamedTuple

from agents.mapping.errors import MappingError, OperatorFailed, Problem
from agents.mapping.expressions import Path
from agents.mapping.paths import Assumed, Evaluate

Record = dict[str, Any]

EXPLODED_ITEMS = 10_000
"""Most items one payload may explode into; the largest documented batch (a chat provider's pull)
has 1,000."""

HEADERS = "_headers"
"""The name under which expressions see the transport headers that came with a payload, in any case.
"""

TOP = "top"
"""The name of the whole payload inside `each`."""


class SkipReason(StrEnum):
    """Why a payload gave no record and no error: counted as skipped, never as rejected."""

    WHEN = "when"
    """The mapping's own `when` is false: another event type, a heartbeat, a receipt."""

    NOTHING = "nothing"
    """No `emit` applied, or there was nothing to explode."""


class MappingResult(NamedTuple):
    """What came of one payload.

    `records` are (channel, record) in the order of the file; `problems` are optional fields that
    became null; `errors` are records that could not be made. `skipped` is set only when there are
    neither records nor errors.
    """

    records: list[tuple[str, Record]]
    skipped: SkipReason | None = None
    problems: tuple[Problem, ...] = ()
    errors: tuple[MappingError, ...] = ()


class Field(NamedTuple):
    """One field of an emitted record."""

    name: str
    evaluate: Evaluate
    required: bool


class Emit(NamedTuple):
    """One kind of record a payload can give. `assumed` asks whether `occurred_at` had to assume a
    zone.

    `common` are the fields of the file's `common` this entry does not give itself; entries that
    take the same ones share the same tuple, so that they are evaluated once a payload.
    """

    channel: str
    when: Callable[[Any], bool] | None
    each: tuple[tuple[str, Evaluate], ...]
    common: tuple[Field, ...]
    fields: tuple[Field, ...]
    assumed: Assumed | None
    timed: bool


class _Headers(dict[str, Any]):
    """Transport headers, found whatever the case they are written in."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class Mapping(NamedTuple):
    """A compiled mapping file. Made by `compile_mapping`; safe to share between threads."""

    name: str
    version: int
    says: str
    channels: tuple[str, ...]
    reads: MappingOf[Path, bool]
    when: Callable[[Any], bool] | None
    each: tuple[tuple[str, Evaluate], ...]
    let: tuple[tuple[str, Evaluate], ...]
    emits: tuple[Emit, ...]
    forget: Callable[[Any], Any] | None
    wants_headers: bool

    @property
    def mapped_by(self) -> str:
        """`name@version`, as records carry it."""
        return f"{self.name}@{self.version}"

    def apply(self, payload: Any, headers: MappingOf[str, str] | None = None) -> MappingResult:
        """Make the records of one payload (a parsed JSON object). Never raises on data."""
        if not isinstance(payload, dict):
            shape = type(payload).__name__
            error = MappingError("payload", f"an object is expected, not {shape}")
            return MappingResult([], errors=(error,))
        scope: dict[str, Any] = payload if self.forget is None else self.forget(payload)
        if self.wants_headers:
            lowered = {name.lower(): value for name, value in (headers or {}).items()}
            scope = {**scope, HEADERS: _Headers(lowered)}
        made = _Making(self.mapped_by)
        try:
            if self.when is not None and not self.when(scope):
                return MappingResult([], SkipReason.WHEN)
            for inner in self._scopes(scope, made.problems):
                made.shared.clear()
                for emit in self.emits:
                    made.emit(emit, inner)
        except OperatorFailed as error:
            made.errors.append(MappingError("when", str(error)))
        nothing = not made.records and not made.errors
        return MappingResult(
            made.records,
            SkipReason.NOTHING if nothing else None,
            tuple(made.problems),
            tuple(made.errors),
        )

    def _scopes(self, scope: dict[str, Any], problems: list[Problem]) -> Iterator[dict[str, Any]]:
        """Yield the scope of each exploded item, with the names of `let` in it."""
        for item in explode(scope, self.each):
            if not self.let:
                yield item
                continue
            named = item.copy() if item is scope else item
            for name, evaluate in self.let:
                try:
                    named[name] = evaluate(named, problems)
                except OperatorFailed as error:
                    problems.append(Problem(f"let.{name}", str(error)))
                    named[name] = None
            yield named


class _Making:
    """The records of one payload while they are made."""

    def __init__(self, mapped_by: str) -> None:
        self.mapped_by = mapped_by
        self.records: list[tuple[str, Record]] = []
        self.problems: list[Problem] = []
        self.errors: list[MappingError] = []
        self.shared: dict[int, Record] = {}

    def emit(self, emit: Emit, scope: dict[str, Any]) -> None:
        """Add the records one `emit` entry gives for one scope."""
        for item in explode(scope, emit.each) if emit.each else (scope,):
            if emit.when is not None and not emit.when(item):
                continue
            try:
                self.records.append((emit.channel, self._record(emit, item)))
            except MappingError as error:
                self.errors.append(error)

    def _record(self, emit: Emit, scope: dict[str, Any]) -> Record:
        common = self.shared.get(id(emit.common))
        if common is None:
            common = {}
            self._fill(common, emit.common, scope)
            if not emit.each:
                self.shared[id(emit.common)] = common
        record = common.copy()
        self._fill(record, emit.fields, scope)
        if "occurred_at" not in record and emit.timed:
            raise MappingError("occurred_at", "is empty")
        tells_time = "occurred_at" in record and "time_quality" not in record
        if emit.assumed is not None and tells_time and emit.assumed(scope):
            record["time_quality"] = "assumed_zone"
        if emit.channel != "commands":
            record["mapped_by"] = self.mapped_by
        return record

    def _fill(self, record: Record, fields: tuple[Field, ...], scope: dict[str, Any]) -> None:
        problems = self.problems
        for name, evaluate, required in fields:
            noted = len(problems)
            try:
                value = evaluate(scope, problems)
            except OperatorFailed as error:
                if required:
                    raise MappingError(name, str(error)) from None
                problems.append(Problem(name, str(error)))
                continue
            if value is not None:
                record[name] = value
            elif required and name != "occurred_at":
                raise MappingError(name, "is empty")
            if len(problems) > noted:
                problems[noted:] = [
                    Problem(f"{name}.{p.field}", p.reason) for p in problems[noted:]
                ]


def explode(
    scope: dict[str, Any], each: tuple[tuple[str, Evaluate], ...]
) -> Iterator[dict[str, Any]]:
    """Yield one scope per item of the nested lists that `each` names, outermost first; `top` is the
    payload.

    Raises OperatorFailed past `EXPLODED_ITEMS`: a payload that large is a mistake or an attack.
    """
    if not each:
        yield scope
        return
    scopes = [scope if TOP in scope else {**scope, TOP: scope}]
    for name, evaluate in each:
        scopes = [{**found, name: item} for found in scopes for item in _items(evaluate(found, []))]
        if len(scopes) > EXPLODED_ITEMS:
            raise OperatorFailed(f"`each` gives more than {EXPLODED_ITEMS} items")
    yield from scopes


def _items(found: Any) -> list[Any]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
