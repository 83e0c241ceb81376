"""A policy as a version: complete in itself, and named by what it promises.

The name is a digest of the content, not of the text: a comment makes no new version, a changed
calendar feed, a day the `holidays` package learned of, or another number does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from agents.complaints.sla.holiday_days import country_days
from schemas.policy import Calendar, HolidayDays, HolidaySource, PolicySet

HOLIDAY_YEARS = range(2000, 2051)
"""The years whose holidays a version carries: about 10 kB a country. No older event is taken in,
and feeds are written out as far."""

DIGEST_CHARS = 12


def version_of(policy_set: PolicySet) -> PolicySet:
    """The policy with its holidays written out and its digest, which then is its name."""
    calendars = tuple(map(_with_days, policy_set.calendars))
    complete = replace(policy_set, calendars=calendars, digest="")
    return replace(complete, digest=digest_of_content(complete))


def digest_of_content(policy_set: PolicySet) -> str:
    """Names what is promised. What has its default is left out, so that a release that knows more
    keys gives the same promises the same name."""
    content = msgspec.json.encode(_content(replace(policy_set, digest="")), order="sorted")
    return hashlib.sha256(content).hexdigest()[:DIGEST_CHARS]


def _with_days(calendar: Calendar) -> Calendar:
    if calendar.holidays is None:
        return calendar
    return replace(calendar, holiday_days=_days_of(calendar.holidays))


@lru_cache(maxsize=64)
def _days_of(source: HolidaySource) -> HolidayDays:
    off, worked = country_days(source, HOLIDAY_YEARS)
    return HolidayDays(tuple(sorted(off)), tuple(sorted(worked)))


def _content(value: Any) -> Any:
    """The value as plain JSON, without fields that have their default."""
    if isinstance(value, msgspec.Struct):
        said = {}
        for field in msgspec.structs.fields(value):
            content = getattr(value, field.name)
            if content != field.default:
                said[field.name] = _content(content)
        return said
    if isinstance(value, tuple | list):
        return [_content(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _content(item) for key, item in value.items()}
    if isinstance(value, dt.date):
        return value.isoformat()
    return value
