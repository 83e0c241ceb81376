"""The simulated population: customers with their handles, and the representatives who answer them.

Addresses cannot reach anybody: mail goes to domains reserved by RFC 2606, phone numbers come from
ranges kept for fiction where a country has them (DE, GB, US), and from an unused exchange in China.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

from msgspec import Struct

MAX_CUSTOMERS = 20_000
"""Bounds memory (about 1.5 kB a customer) and stays within the reserved phone numbers."""

REGIONS: tuple[tuple[str, float, int, str, str], ...] = (
    ("CN", 0.60, 8, "Asia/Shanghai", "zh"),
    ("US", 0.20, -5, "America/New_York", "en"),
    ("DE", 0.15, 1, "Europe/Berlin", "en"),
    ("GB", 0.05, 0, "Europe/London", "en"),
)
"""Country, share of customers, hours east of Greenwich (a day curve needs no DST), zone, language.
"""

TIERS: tuple[tuple[str, float], ...] = (
    ("vip", 0.03),
    ("major", 0.12),
    ("common", 0.60),
    ("minor", 0.25),
)

TEAMS: dict[str, str] = {
    "delivery": "logistics",
    "quality": "after-sales",
    "refund": "after-sales",
    "billing": "accounting",
    "service": "front-office",
    "account": "technical",
    "website": "technical",
    "question": "front-office",
}

REPRESENTATIVES_PER_TEAM = 16

_SURNAMES_ZH = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_GIVEN_ZH = ("伟", "芳", "敏", "静", "磊", "洋", "艳", "强", "秀英", "丽华", "建国", "子涵", "欣怡")
_GIVEN_EN = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack")
_SURNAMES_EN = ("Becker", "Clark", "Davies", "Evans", "Fischer", "Green", "Hill", "Jones", "Klein")
_MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")
_US_AREAS = (
    *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 219, 224, 225),
    *(228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276),
    *(281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319),
)
_DE_BLOCKS = ("3023125", "4066969", "22147101", "8999998", "6990009")


class Customer(Struct, frozen=True, kw_only=True):
    """One person. Handle lists are ready for records and shared between them: never change them.

    `patience` scales how long the person waits before hanging up or asking again (1.0 is average).
    """

    number: int
    name: str
    language: str
    region: str
    profile: dict[str, str]
    phone: str
    email: str
    by_phone: list[dict[str, str]]
    by_email: list[dict[str, str]]
    by_chat: list[dict[str, str]]
    by_web: list[dict[str, str]]
    patience: float
    reversed_menu: bool

    def known_in(self, channel: str) -> list[dict[str, str]]:
        """The customer's handles as a channel's records name them."""
        handles: list[dict[str, str]] = getattr(self, f"by_{channel}")
        return handles


class Population(Struct, frozen=True):
    """Everybody, and who lives where."""

    by_region: dict[str, list[Customer]]
    representatives: dict[str, list[dict[str, Any]]]


def populate(rng: Random, size: int) -> Population:
    """A population of `size` customers (at most MAX_CUSTOMERS) and the staff of every team."""
    if not 1 <= size <= MAX_CUSTOMERS:
        raise ValueError(f"customers must be between 1 and {MAX_CUSTOMERS}, not {size}")
    by_region: dict[str, list[Customer]] = {region[0]: [] for region in REGIONS}
    for number in range(size):
        country, _, _, zone, language = _weighted_region(rng, number)
        within = len(by_region[country])
        by_region[country].append(_customer(rng, number, within, country, zone, language))
    for country in by_region:
        if not by_region[country]:  # a tiny population still has somebody awake at every hour
            by_region[country] = max(by_region.values(), key=len)[:1]
    return Population(by_region=by_region, representatives=_staff())


def _weighted_region(rng: Random, number: int) -> tuple[str, float, int, str, str]:
    if number < len(REGIONS):
        return REGIONS[number]
    draw = rng.random()
    for region in REGIONS:
        draw -= region[1]
        if draw < 0:
            return region
    return REGIONS[0]


def _customer(
    rng: Random, number: int, within: int, country: str, zone: str, language: str
) -> Customer:
    name = _name(rng, language)
    phone = _phone(country, within)
    email = f"{_local_part(number)}@{_MAIL_DOMAINS[number % len(_MAIL_DOMAINS)]}"
    crm = {"kind": "crm", "value": f"C{100_000 + number}"}
    known = rng.random() < 0.6  # the channel systems of the rest do not know the CRM id
    chat = {"kind": "chat", "value": f"openid-{number:06x}", "namespace": "chat:1"}
    web = {"kind": "web", "value": f"visitor-{number:06x}", "namespace": "shop:1"}
    mail = {"kind": "email", "value": email}
    tail = [crm] if known else []
    signed_in = rng.random() < 0.7
    return Customer(
        number=number,
        name=name,
        language=language,
        region=country,
        profile={
            "tier": _tier(rng),
            "region": country,
            "timezone": zone,
            "language": language,
        },
        phone=phone,
        email=email,
        by_phone=[{"kind": "phone", "value": phone}, *tail],
        by_email=[mail, *tail],
        by_chat=[chat, *tail],
        by_web=[web, mail, *tail] if signed_in else [web],
        patience=rng.lognormvariate(0.0, 0.5),
        reversed_menu=country == "CN",
    )


def _tier(rng: Random) -> str:
    draw = rng.random()
    for tier, share in TIERS:
        draw -= share
        if draw < 0:
            return tier
    return "common"


def _name(rng: Random, language: str) -> str:
    if language == "zh":
        return rng.choice(_SURNAMES_ZH) + rng.choice(_GIVEN_ZH)
    return f"{rng.choice(_GIVEN_EN)} {rng.choice(_SURNAMES_EN)}"


def _local_part(number: int) -> str:
    # Providers treat case and dots differently; a few addresses carry both, as in real life.
    if number % 11 == 0:
        return f"Customer.{number}"
    return f"customer{number}"


def _phone(country: str, within: int) -> str:
    """An E.164 number of its own for the `within`-th customer of a country."""
    if country == "CN":
        return f"+8619{'012356789'[within // 10_000 % 9]}0000{within % 10_000:04d}"
    if country == "US":
        return f"+1{_US_AREAS[within // 100 % len(_US_AREAS)]}55501{within % 100:02d}"
    if country == "DE":
        return f"+49{_DE_BLOCKS[within // 1000 % len(_DE_BLOCKS)]}{within % 1000:03d}"
    return f"+44{'2079460' if within < 1000 else '1614960'}{within % 1000:03d}"


def _staff() -> dict[str, list[dict[str, Any]]]:
    names: Sequence[str] = sorted({*TEAMS.values(), "front-office"})
    return {
        team: [
            {"type": "human", "id": f"{team}-{n:02d}", "team": team}
            for n in range(1, REPRESENTATIVES_PER_TEAM + 1)
        ]
        for team in names
    }
