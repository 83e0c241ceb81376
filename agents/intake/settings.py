"""What intake may be told: default regions, own addresses, handles that must never link."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct


class IntakeSettings(Struct, frozen=True, kw_only=True):
    """Settings of intake; every field has a default that is right for most.

    `default_region` (ISO 3166 such as CN) reads phone numbers without a country code;
    `source_regions` does so per source. Without either such a number links nobody.
    `mail_aliases` treats `j.doe+x@gmail.com` and `jdoe@gmail.com` as one mailbox, as Gmail does.
    `own_domains` are the company's own: their addresses are no customers when a mail names none.
    `blocked_handles` are handle texts (`phone:+4930…`) that never link: own numbers, shared desks.
    """

    default_region: str | None = None
    source_regions: Mapping[str, str] = MappingProxyType({})
    mail_aliases: bool = True
    own_domains: frozenset[str] = frozenset()
    blocked_handles: frozenset[str] = frozenset()

    def region_of(self, source: str) -> str | None:
        """Return the region that numbers of this source are read in."""
        return self.source_regions.get(source, self.default_region)
