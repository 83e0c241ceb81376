"""The `time` operator: format, zone, unset values, a duration on top; compiled to a closure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml

from agents.mapping import modifiers, times
from agents.mapping.document import Document, suggestion
from agents.mapping.errors import OperatorFailed, Problem
from agents.mapping.modifiers import Table
from agents.mapping.paths import Context, Evaluate, Expression


def compile_time(
    context: Context, table: Table, raw: Expression, duration: Evaluate | None
) -> Expression:
    """Compile `time`: `raw` gives the text or number, `duration` what `plus` adds to it.

    Raises MappingFileError for an unknown format, zone or unit.
    """
    document = context.document
    form = _format(document, table)
    zone = _zone(document, table["zone"][1]) if "zone" in table else None
    read = times.reader(form, zone)
    forget = modifiers.unset(document, table["unset"][1]) if "unset" in table else None
    plus = _plus(document, table, duration) if duration is not None else None
    evaluate = raw.evaluate

    def instant(scope: Any, problems: list[Problem]) -> datetime | None:
        value = evaluate(scope, problems)
        if forget is not None:
            value = forget(value)
        if value is None:
            return None
        at = read(value)
        if plus is None:
            return at
        try:
            return at + plus(scope, problems)
        except OverflowError:
            raise OperatorFailed(f"{value!r:.60} with its duration is out of range") from None

    if zone is None:
        return Expression(instant, raw.assumed)
    zoneless = times.has_no_zone(form)
    return Expression(instant, lambda scope: zoneless(evaluate(scope, [])))


def _format(document: Document, table: Table) -> str:
    if "format" not in table:
        return "iso"
    node = table["format"][1]
    form = document.text(node, "`format`")
    if form not in times.FORMATS and "%" not in form:
        fix = suggestion(form, times.FORMATS)
        document.fail(node, f"`format` knows no `{form}`{fix}, or a strptime format with %")
    return form


def _zone(document: Document, node: yaml.Node) -> ZoneInfo:
    name = document.text(node, "`zone`")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        fix = suggestion(name, available_timezones())
        document.fail(node, f"`{name}` is no IANA zone such as Asia/Shanghai{fix}")


def _plus(
    document: Document, table: Table, duration: Evaluate
) -> Callable[[Any, list[Problem]], timedelta]:
    unit = modifiers.unit(document, table)

    def plus(scope: Any, problems: list[Problem]) -> timedelta:
        value = duration(scope, problems)
        if value is None:
            raise OperatorFailed("the duration of `plus` is empty")
        return timedelta(seconds=times.seconds(value, unit))

    return plus
