"""`manyi map check` shows what a mapping leaves unread."""

from agents.mapping import unused_fields
from tests.agents.mapping.helpers import mapping_of


def test_what_no_expression_reads_is_unused() -> None:
    """Leaves are named by their path; lists are looked through; nothing empty is reported."""
    mapping = mapping_of(
        "text: a.b\ntags: 'items[].name'\nparent_id: m.ref",
        head="when: c\neach: { m: messages }\nlet: { z: { first: [late, early] } }",
    )
    payload = {
        "id": 1,
        "a": {"b": "x", "other": 1},
        "c": {"inner": 2},
        "items": [{"name": "n", "price": 3}, {"size": None}],
        "messages": [{"ref": "r", "extra": True}],
        "late": "",
        "early": {"deep": 1},
        "nothing": None,
    }
    assert unused_fields(mapping, payload) == [
        "a.other",
        "c.inner",
        "items.price",
        "messages.extra",
    ]


def test_the_report_is_bounded() -> None:
    """A payload of a million fields is reported by its first few hundred."""
    assert len(unused_fields(mapping_of("text: a"), {f"f{n}": n for n in range(2000)})) == 500
