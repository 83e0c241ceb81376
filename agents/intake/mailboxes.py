"""E-mail addresses to one spelling per mailbox.

Domains compare without case and in ASCII (IDNA). Local parts do too: RFC 5321 would allow a server
to tell `Ann@` from `ann@`, none in use does. What some providers ignore, dots and `+tag`, is left
out for those providers only.
"""

import re
import unicodedata
from typing import NamedTuple

from agents.intake.numbers import HandleFault, Normalised

LOCAL_CHARS = 64
DOMAIN_CHARS = 255
"""RFC 5321, section 4.5.3.1."""


class Aliasing(NamedTuple):
    """What a provider ignores in the local part, and the domain its mailboxes are known by."""

    ignores_dots: bool
    domain: str


_PROVIDERS = {
    "gmail.com": Aliasing(True, "gmail.com"),
    "googlemail.com": Aliasing(True, "gmail.com"),
    "outlook.com": Aliasing(False, "outlook.com"),
    "hotmail.com": Aliasing(False, "hotmail.com"),
    "live.com": Aliasing(False, "live.com"),
    "icloud.com": Aliasing(False, "icloud.com"),
    "fastmail.com": Aliasing(False, "fastmail.com"),
    "proton.me": Aliasing(False, "proton.me"),
    "protonmail.com": Aliasing(False, "protonmail.com"),
}
"""Providers that document `+tag` as the same mailbox; only Google ignores dots as well."""

_BRACKETED = re.compile(r"<([^<>]*)>\s*$")
_LABELS = re.compile(r"^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$")
_LOCAL = re.compile(r"^[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f]+$")
_NOBODY = re.compile(
    r"^(?:(?:no|not|do[-_.]?not|never)[-_.]?repl(?:y|ies).*|mailer[-_.]?daemon|postmaster|"
    r"bounces?(?:[-+._].*)?|nobody|anonymous|unknown|null|none|undisclosed[-_.]recipients)$"
)
_NOWHERE = re.compile(r"(?:^|\.)(?:invalid|localhost|localdomain|unknown)$")


def normalise_mailbox(value: str, aliases: bool = True) -> Normalised:
    """Return the mailbox an address names, in lower case; `aliases` applies the provider rules."""
    text = value.strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    bracketed = _BRACKETED.search(text)
    text = bracketed.group(1).strip() if bracketed else text
    local, at, domain = text.rpartition("@")
    domain = _ascii_domain(domain)
    local = _folded(local)
    if not at or not domain or not _LOCAL.match(local):
        return Normalised(None, HandleFault.INVALID)
    if _NOBODY.match(local) or _NOWHERE.search(domain):
        return Normalised(None, HandleFault.BLOCKED)
    provider = _PROVIDERS.get(domain) if aliases else None
    if provider is not None:
        local = local.partition("+")[0]
        if provider.ignores_dots:
            local = local.replace(".", "")
        domain = provider.domain
    if not local or len(local.encode()) > LOCAL_CHARS:
        return Normalised(None, HandleFault.INVALID)
    return Normalised(f"{local}@{domain}")


def _folded(local: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())


def _ascii_domain(domain: str) -> str:
    """Return the domain in ASCII and lower case, "" where it is none."""
    domain = domain.strip().rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return ""
    return domain if len(domain) <= DOMAIN_CHARS and _LABELS.match(domain) else ""
