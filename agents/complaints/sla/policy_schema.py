"""The JSON Schema of the policy file, for editors: completion, hints and red lines while typing.

It knows the form. What needs a view of the whole file (a calendar that is not there, a policy that
never holds) only `manyi policy check` can say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from agents.complaints.sla.calendar_file import DAY_NAMES
from agents.complaints.sla.plan import PAUSABLE, TARGETS
from agents.complaints.sla.policy_file import CONDITION_KEYS, KNOWN_VALUES
from agents.complaints.sla.promise_file import MAX_NAME
from agents.complaints.sla.vocabulary_file import BY_VALUE, SEVERITY_SOURCES
from schemas.common import Tier
from schemas.complaint import Severity
from schemas.policy import BUILT_IN_CALENDAR, CUSTOMER_TIMEZONE, POLICY_FILE_VERSION, Target

Schema = dict[str, Any]

DURATION = r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"
LIMIT = r"^((?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?|\d+wd)$"
RANGE = r"^([01]?\d|2[0-3]):[0-5]\d\s*-\s*(([01]?\d|2[0-3]):[0-5]\d|24:00)$"
DATE = r"^\d{4}-\d{2}-\d{2}$"
_DAY = f"({'|'.join(DAY_NAMES)})"
DAYS = rf"^{_DAY}(-{_DAY})?(,\s*{_DAY}(-{_DAY})?)*$"


def policy_json_schema_text() -> str:
    """The schema as docs/schemas/policy.schema.json holds it."""
    return json.dumps(policy_json_schema(), indent=2, ensure_ascii=False) + "\n"


def policy_json_schema() -> Schema:
    """The schema as a JSON document (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "manyi policy file",
        "description": "What a company promises, to whom, and by which calendar.",
        **_object(
            {
                "version": {"const": POLICY_FILE_VERSION},
                "timezone": _text("IANA zone of calendars that name none, such as Asia/Shanghai."),
                "reopen_within": _pattern(DURATION, "How long a message reopens a complaint."),
                "retroactive": {
                    "type": "boolean",
                    "description": "Whether open complaints are judged by this version, too.",
                },
                "severity": _severity(),
                "tiers": _tiers(),
                "calendars": {
                    "type": "object",
                    "description": "When time counts, by name.",
                    "additionalProperties": {"anyOf": [{"const": BUILT_IN_CALENDAR}, _calendar()]},
                },
                "policies": {
                    "type": "array",
                    "minItems": 1,
                    "items": _policy(),
                    "description": "The first that matches holds; the last has no `when`.",
                },
            },
            required=["version", "policies"],
        ),
    }


def _severity() -> Schema:
    return _object(
        {
            "from": {
                **_one_or_more({"enum": list(SEVERITY_SOURCES)}),
                "description": "Where a word is looked for; the first that is known counts.",
            },
            "map": _words(Severity, "Your words for how severe it is: P1, urgent, 紧急."),
        },
        required=["map"],
    )


def _tiers() -> Schema:
    amount = {"type": ["number", "string"], "description": "Purchases minus refunds, at least."}
    return {
        **_object(
            {
                "map": _words(Tier, "Your words for tiers: Platinum, VIP, 金卡."),
                "by_value": _object(
                    {
                        "currency": _pattern("^[A-Z]{3}$", "Which purchases count, such as CNY."),
                        **{tier.value: amount for tier in BY_VALUE},
                    },
                    required=["currency"],
                ),
            }
        ),
        "minProperties": 1,
    }


def _words(meanings: Iterable[str], description: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": {"enum": [str(meaning) for meaning in meanings]},
        "description": description + " Width and case do not matter.",
    }


def _calendar() -> Schema:
    date = {"type": "string", "pattern": DATE}
    span = _object({"from": date, "to": date}, required=["from", "to"])
    country = _object(
        {"country": _text("ISO code."), "region": _text("Its state or province.")},
        required=["country"],
    )
    return _object(
        {
            "timezone": _text(f"IANA zone, or `{CUSTOMER_TIMEZONE}` for the customer's own."),
            "hours": {
                "type": "object",
                "minProperties": 1,
                "patternProperties": {DAYS: _ranges()},
                "additionalProperties": False,
                "description": "Ranges by day: mon, mon-fri, sat,sun.",
            },
            "holidays": {
                "anyOf": [_text("Country of the holidays package."), country],
                "description": "Public holidays are closed, days worked in return are open.",
            },
            "closed": {
                "anyOf": [date, span, {"type": "array", "items": {"anyOf": [date, span]}}],
                "description": "The company's own closures: days, or spans from a day to a day.",
            },
            "feeds": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}},
                ],
                "description": "iCalendar files beside this one; their whole days are closed.",
            },
            "open": {
                "type": "object",
                "patternProperties": {DATE: _ranges()},
                "additionalProperties": False,
                "description": "Days with hours of their own; they win over everything else.",
            },
        },
        required=["hours"],
    )


def _policy() -> Schema:
    conditions: Schema = {
        key: _one_or_more({"enum": list(KNOWN_VALUES[key])} if key in KNOWN_VALUES else _text(""))
        for key in CONDITION_KEYS
        if key != "attributes"
    }
    conditions["attributes"] = {
        "type": "object",
        "additionalProperties": _one_or_more({"type": ["string", "number", "boolean"]}),
    }
    return _object(
        {
            "name": {"type": "string", "maxLength": MAX_NAME},
            "when": {**_object(conditions), "minProperties": 1},
            "targets": {
                **_object({target.value: _promise(target) for target in TARGETS}),
                "minProperties": 1,
            },
            "bot_replies_count": {
                "type": "boolean",
                "description": "Whether a bot can give the first response. Default false.",
            },
        },
        required=["name", "targets"],
    )


def _promise(target: Target) -> Schema:
    key = "every" if target is Target.UPDATE else "within"
    properties: Schema = {
        key: _pattern(LIMIT, "30m, 24h, 3d, 1h30m, or 3wd for working days."),
        "calendar": _text("Name of a calendar. Default 24x7."),
        "warn": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^(\d{1,2}(\.\d+)?%|-\d+[dhms].*)$"},
            "description": "A share of the limit (80%) or counted time before due (-5m).",
        },
        "escalate": {"type": "array", "items": _escalation()},
    }
    if target in PAUSABLE:
        properties["pause_while"] = _one_or_more(_text("Reason of a pause that stops the clock."))
    if target is not Target.HAND_OVER:
        return _object(properties, required=[key])
    line = {
        "from": _one_or_more(_text("Teams that hand over. Default any.")),
        "to": _one_or_more(_text("Teams with whom the complaint then rests. Default any.")),
    }
    lines = {
        "type": "array",
        "minItems": 1,
        "items": {
            **_object({**line, **properties}),
            "anyOf": [{"required": ["from"]}, {"required": ["to"]}],
        },
        "description": "Single teams; the first line that matches holds. What a line leaves out is "
        "as above it.",
    }
    return {
        **_object({**properties, "teams": lines}),
        "anyOf": [{"required": ["within"]}, {"required": ["teams"]}],
        "description": "How long a complaint may rest with one team (operational level agreement).",
    }


def _escalation() -> Schema:
    return _object(
        {
            "after": _pattern(DURATION, "Wall-clock time after the breach."),
            "to": {"type": "string", "pattern": "^[^#]+$", "maxLength": MAX_NAME},
            "repeat": _pattern(DURATION, "Again and again until it ends or is acknowledged."),
        },
        required=["after", "to"],
    )


def _object(properties: Schema, required: list[str] | None = None) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _ranges() -> Schema:
    return _one_or_more(_pattern(RANGE, "09:00-17:00; 22:00-06:00 ends on the next day."))


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "minItems": 1, "items": item}]}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description} if description else {"type": "string"}


def _pattern(pattern: str, description: str) -> Schema:
    return {"type": "string", "pattern": pattern, "description": description}
