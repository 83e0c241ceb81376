"""A policy file as people write it -> `PolicySet`, or every problem with its line and remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from importlib import resources

from msgspec.structs import replace

from agents.complaints.sla.calendar_file import read_calendars, read_zone
from agents.complaints.sla.durations import parse_duration
from agents.complaints.sla.plan import TARGETS
from agents.complaints.sla.promise_file import read_name, read_promises
from agents.complaints.sla.vocabulary_file import read_vocabulary
from agents.complaints.sla.yaml_reader import (
    Node,
    PolicyError,
    Reader,
    ReadFeed,
    entry,
    suggest,
)
from schemas.common import Channel, Tier
from schemas.complaint import Severity
from schemas.policy import (
    DEFAULT_REOPEN_WITHIN_SECONDS,
    POLICY_FILE_VERSION,
    Calendar,
    Condition,
    Policy,
    PolicySet,
    Problem,
    Promise,
)

__all__ = ["PolicyError", "check_policy", "default_policy", "parse_policy", "policy_of_node"]

DEFAULT_FILE = "default.yaml"
DEFAULT_TEXT = (
    resources.files("agents.complaints").joinpath("policies", DEFAULT_FILE).read_text("utf-8")
)
"""The policy file that holds where nobody wrote one."""

TOP_KEYS = (
    "version",
    "timezone",
    "reopen_within",
    "retroactive",
    "severity",
    "tiers",
    "calendars",
    "policies",
)
CONDITION_KEYS = (
    "tier", "channel", "severity", "category", "region", "language", "kind", "attributes",
)  # fmt: skip
KNOWN_VALUES: dict[str, tuple[str, ...]] = {
    "tier": tuple(Tier),
    "channel": tuple(Channel),
    "severity": tuple(Severity),
}


def parse_policy(
    text: str, file: str = "policy.yaml", read_feed: ReadFeed | None = None
) -> PolicySet:
    """The policy set of a YAML text. Raises PolicyError with every problem found.

    `read_feed` reads the iCalendar files that calendars name.
    """
    reader = Reader(file, read_feed)
    documents = reader.documents(text)
    if len(documents) != 1:
        message = "the file is empty" if not documents else "the file has several documents"
        raise PolicyError(
            [Problem(file=file, line=1, column=1, message=message, fix="write one policy file")]
        )
    policy_set = policy_of_node(reader, documents[0], digest_of(text))
    reader.done()
    if reader.feeds:
        # Another feed is another promise: the digest names what is promised.
        return replace(policy_set, digest=digest_of(text + "".join(reader.feeds)))
    return policy_set


def default_policy() -> PolicySet:
    """What is promised where nobody wrote a policy file."""
    return parse_policy(DEFAULT_TEXT, DEFAULT_FILE)


def check_policy(
    documents: Iterable[tuple[str, str]],
    feeds_of: Callable[[str], ReadFeed] | None = None,
) -> list[Problem]:
    """All problems of (file name, text) pairs; none if every file can be used.

    `feeds_of` gives the reader of the feeds that stand beside a file.
    """
    problems: list[Problem] = []
    for file, text in documents:
        try:
            parse_policy(text, file, feeds_of(file) if feeds_of is not None else None)
        except PolicyError as error:
            problems.extend(error.problems)
    return problems


def digest_of(text: str) -> str:
    """Names the content of a policy file."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def policy_of_node(reader: Reader, root: Node, digest: str) -> PolicySet:
    """The policy set of a YAML node; what is wrong is left with the reader."""
    fields = reader.mapping(root, "the policy file", TOP_KEYS, required=("version", "policies"))
    version = entry(fields, "version")
    if version is not None and reader.text(version, "version") != str(POLICY_FILE_VERSION):
        reader.problem(version, "this version is not known", f"write {POLICY_FILE_VERSION}")
    zone_node, reopen_node = entry(fields, "timezone"), entry(fields, "reopen_within")
    retroactive = entry(fields, "retroactive")
    zone = None if zone_node is None else read_zone(reader, zone_node, customer=False)
    reopen = None
    if reopen_node is not None:
        reopen = reader.parsed(reopen_node, "reopen_within", parse_duration)
    calendars = read_calendars(reader, entry(fields, "calendars"))
    policies_node = entry(fields, "policies")
    policies = () if policies_node is None else _policies(reader, policies_node, calendars)
    return PolicySet(
        timezone=zone or "UTC",
        reopen_within_seconds=DEFAULT_REOPEN_WITHIN_SECONDS if reopen is None else reopen,
        calendars=tuple(calendars.values()),
        policies=policies,
        vocabulary=read_vocabulary(reader, entry(fields, "severity"), entry(fields, "tiers")),
        retroactive=retroactive is not None and reader.flag(retroactive, "retroactive"),
        digest=digest,
    )


def _policies(reader: Reader, node: Node, calendars: dict[str, Calendar]) -> tuple[Policy, ...]:
    items = reader.sequence(node, "policies")
    policies: list[Policy] = []
    names: set[str] = set()
    for position, item in enumerate(items):
        policy = _policy(reader, item, calendars)
        if policy.name in names:
            reader.problem(item, f"two policies are named {policy.name!r}", "rename one")
        names.add(policy.name)
        last = position == len(items) - 1
        if last and policy.when:
            reader.problem(
                item,
                f"the last policy, {policy.name!r}, has a `when`, so some complaints have none",
                "end with a policy without `when`, for everyone",
            )
        if not last and not policy.when:
            reader.problem(
                item,
                f"policy {policy.name!r} has no `when`, so those below it never hold",
                "move it to the end, or say `when` it holds",
            )
        policies.append(policy)
    if not items and not reader.problems:
        reader.problem(node, "there is no policy", "write at least one, without `when`")
    return tuple(policies)


def _policy(reader: Reader, node: Node, calendars: dict[str, Calendar]) -> Policy:
    fields = reader.mapping(
        node,
        "a policy",
        ("name", "when", "targets", "bot_replies_count"),
        required=("name", "targets"),
    )
    name_node, when_node = entry(fields, "name"), entry(fields, "when")
    bots = entry(fields, "bot_replies_count")
    promises: tuple[Promise, ...] = ()
    if "targets" in fields:
        targets = reader.mapping(fields["targets"][1], "targets", TARGETS)
        if not targets and not reader.problems:
            reader.problem(fields["targets"][1], "nothing is promised", "name a target")
        promises = tuple(
            promise
            for target in TARGETS
            if target in targets
            for promise in read_promises(reader, target, targets[target][1], calendars)
        )
    return Policy(
        name=read_name(reader, name_node, "name") if name_node is not None else "",
        when=() if when_node is None else _conditions(reader, when_node),
        promises=promises,
        bot_replies_count=bots is not None and reader.flag(bots, "bot_replies_count"),
    )


def _conditions(reader: Reader, node: Node) -> tuple[Condition, ...]:
    conditions: list[Condition] = []
    fields = reader.mapping(node, "when", CONDITION_KEYS)
    if not fields and not reader.problems:
        reader.problem(node, "`when` has no condition", "remove it, or name one")
    for key, (_, value) in fields.items():
        if key == "attributes":
            for name, (_, values) in reader.mapping(value, "attributes", None).items():
                found = reader.texts(values, f"attributes.{name}")
                conditions.append(Condition(f"attributes.{name}", found))
            continue
        found = reader.texts(value, key)
        known = KNOWN_VALUES.get(key)
        for text in found:
            if known is not None and text not in known:
                reader.problem(value, f"no {key} is named {text!r}", suggest(text, known))
        if not found and not reader.problems:
            reader.problem(value, f"{key} can be nothing", "name at least one value")
        conditions.append(Condition(key, found))
    return tuple(conditions)
