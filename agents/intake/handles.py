"""Handles: the texts by which a customer is known, one spelling per person and way.

`email:a@b.c`, `phone:+8613800138000`, `chat:<namespace>:<value>`, `web:<namespace>:<value>`,
`crm:<value>` or `crm:<namespace>:<value>`; and, weakest, `conversation:<key>`, by which a record
that names nobody joins the others of its conversation or order. In values `%` and `:` are written
`%25` and `%3A`, so that the last colon always ends the namespace.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct

from agents.intake.mailboxes import normalise_mailbox
from agents.intake.numbers import HandleFault, Normalised, normalise_number
from agents.intake.settings import IntakeSettings
from schemas import limits
from schemas.common import Handle, HandleKind

CONVERSATION = "conversation"
"""The kind of the handle made of a conversation; publishers cannot send it."""

STRENGTH: dict[str, int] = {
    HandleKind.CRM.value: 0,
    HandleKind.EMAIL.value: 1,
    HandleKind.PHONE.value: 2,
    HandleKind.CHAT.value: 3,
    HandleKind.WEB.value: 4,
    CONVERSATION: 5,
}
"""Lower is stronger: a stronger handle decides who the customer is."""

# A member of an enum is looked up by a name of its class, which costs more than the comparison.
_EMAIL, _PHONE, _CHAT, _WEB = HandleKind.EMAIL, HandleKind.PHONE, HandleKind.CHAT, HandleKind.WEB

CACHED_HANDLES = 32_768
"""Customers come back, and parsing a number takes 45 us: so many are kept of mailboxes, of numbers
and of other ids, 12 MiB each when full."""

_PLACEHOLDER = re.compile(
    r"^(?:[0-]*|-1|\W*(?:null|none|nil|undefined|nan|n/a|anonymous|unknown|guest|visitor|"
    r"not ?set|deleted|test|匿名|未知|游客)\W*)$",
    re.IGNORECASE,
)
_MASK = re.compile(r"\*{3,}")
_SPACE = re.compile(r"\s+")


class NormalisedHandles(Struct, frozen=True, gc=False):
    """The handles that may link, strongest first, and why each of the others may not."""

    handles: tuple[str, ...]
    refused: tuple[HandleFault, ...] = ()


def normalise_handle(handle: Handle, source: str, settings: IntakeSettings) -> Normalised:
    """Return the text of one handle, or the reason why it must not link.

    `source` is the namespace of chat and web ids that name none, and chooses the phone region.
    """
    kind = handle.kind
    if kind is _EMAIL:
        found = _email(handle.value, settings.mail_aliases)
    elif kind is _PHONE:
        found = _phone(handle.value, settings.region_of(source))
    elif kind is _CHAT:
        found = _plain("chat", handle.value, handle.namespace or source)
    elif kind is _WEB:
        found = _plain("web", handle.value, handle.namespace or source)
    else:
        found = _plain("crm", handle.value, handle.namespace or "")
    if settings.blocked_handles and found.value in settings.blocked_handles:
        return Normalised(None, HandleFault.BLOCKED)
    return found


def normalise_handles(
    handles: Iterable[Handle], source: str, settings: IntakeSettings
) -> NormalisedHandles:
    """Normalise a record's handles: each once, strongest first, equal kinds in the order sent."""
    texts: list[str] = []
    refused: list[HandleFault] = []
    for handle in handles:
        text, fault = normalise_handle(handle, source, settings)
        if text is None:
            refused.append(fault or HandleFault.INVALID)
        elif text not in texts:
            texts.append(text)
    if len(texts) > 1:
        texts.sort(key=strength)
    return NormalisedHandles(tuple(texts), tuple(refused) if refused else ())


def strength(text: str) -> int:
    """Return the rank of a handle text; lower is stronger."""
    return STRENGTH[text.partition(":")[0]]


def conversation_handle(conversation_key: str) -> str:
    """Return the weakest handle: whoever takes part in this conversation."""
    return f"{CONVERSATION}:{conversation_key}"


def handle_kind(text: str) -> str:
    """Return the kind of a normalised handle text."""
    return text.partition(":")[0]


def parse_handle(text: str) -> Handle:
    """Read a handle as people type it, `email:Ann@Example.com`; ValueError says what is wrong.

    For questions from the command line and HTTP; normalise the result before using it as a key.
    """
    kind, colon, rest = text.partition(":")
    kinds = [k.value for k in HandleKind]
    if not colon or kind not in kinds:
        raise ValueError(f"{text!r} is no handle: write KIND:VALUE with KIND one of {kinds}")
    namespace = ""
    if kind in (HandleKind.CHAT, HandleKind.WEB, HandleKind.CRM):
        namespace, _, rest = rest.rpartition(":")
        rest = rest.replace("%3A", ":").replace("%25", "%")
    if not 0 < len(rest) <= limits.HANDLE_VALUE or len(namespace) > limits.HANDLE_NAMESPACE:
        raise ValueError(f"{text!r} has an empty or overlong value")
    return Handle(HandleKind(kind), rest, namespace or None)


@lru_cache(CACHED_HANDLES)
def _email(value: str, aliases: bool) -> Normalised:
    return _prefixed("email:", normalise_mailbox(value, aliases))


@lru_cache(CACHED_HANDLES)
def _phone(value: str, region: str | None) -> Normalised:
    return _prefixed("phone:", normalise_number(value, region))


@lru_cache(CACHED_HANDLES)
def _plain(kind: str, value: str, namespace: str) -> Normalised:
    text = _squeezed(value)
    if _PLACEHOLDER.match(text):
        return Normalised(None, HandleFault.BLOCKED)
    if _MASK.search(text):
        return Normalised(None, HandleFault.MASKED)
    text = text.replace("%", "%25").replace(":", "%3A")
    return Normalised(f"{kind}:{_squeezed(namespace)}:{text}" if namespace else f"{kind}:{text}")


def _prefixed(prefix: str, found: Normalised) -> Normalised:
    return found if found.value is None else Normalised(prefix + found.value)


def _squeezed(text: str) -> str:
    return _SPACE.sub(" ", text.strip())
