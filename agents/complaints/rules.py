"""When a complaint opens and what joins it: the named limits a company may set."""

from msgspec import Struct


class ComplaintRules(Struct, frozen=True, kw_only=True):
    """Limits of opening and joining complaints, each with the reason for its default."""

    categories: frozenset[str] = frozenset(
        {"complaint", "complaints", "grievance", "投诉", "投訴", "抱怨"}
    )
    """Categories that are complaints by name, compared in lower case."""

    same_category_days: int = 7
    """A contact of the same category within so many days is about the same matter (the usual repeat
    window)."""

    repeat_contacts: int = 3
    """Contacts about one matter within `same_category_days` that make a complaint without a word of
    anger."""

    unanswered_messages: int = 3
    """Messages in one conversation that nobody answered, the last at least `unanswered_hours` after
    the first."""

    unanswered_hours: float = 4.0

    abandoned_wait_seconds: float = 120.0
    """A caller who gives up after two minutes has waited past every usual service level (80 % in 20
    s)."""

    words: bool = True
    """Whether words alone may open a complaint."""
