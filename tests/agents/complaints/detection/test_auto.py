"""Mail nobody wrote: each rule by its header, and the people it must not silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.detection.auto import AutoRule, auto_kind_of
from schemas.email import AutoKind

CASES: list[tuple[dict[str, str], AutoKind, AutoRule]] = [
    (
        {"Content-Type": 'multipart/report; report-type=delivery-status; boundary="x"'},
        AutoKind.BOUNCE,
        AutoRule.DELIVERY_REPORT,
    ),
    ({"X-Failed-Recipients": "a@b.com"}, AutoKind.BOUNCE, AutoRule.FAILED_RECIPIENTS),
    ({"From": "MAILER-DAEMON@b.com (Mail System)"}, AutoKind.BOUNCE, AutoRule.DAEMON_SENDER),
    (
        {"From": "MAILER-DAEMON@b.com", "Auto-Submitted": "auto-replied"},
        AutoKind.BOUNCE,
        AutoRule.DAEMON_SENDER,
    ),
    (
        {"Subject": "Undelivered Mail Returned to Sender"},
        AutoKind.BOUNCE,
        AutoRule.BOUNCE_SUBJECT,
    ),
    ({"Subject": "系统退信/Systems bounce"}, AutoKind.BOUNCE, AutoRule.BOUNCE_SUBJECT),
    ({"Subject": "hello", "Return-Path": "<>"}, AutoKind.BOUNCE, AutoRule.NULL_SENDER),
    (
        {"Subject": "Out of Office: back on Monday", "Return-Path": "<>"},
        AutoKind.AUTO_REPLY,
        AutoRule.AUTO_REPLY_SUBJECT,
    ),
    (
        {"Auto-Submitted": "auto-replied (vacation)", "Precedence": "bulk"},
        AutoKind.AUTO_REPLY,
        AutoRule.AUTO_REPLIED,
    ),
    ({"X-Autoreply": "yes"}, AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_HEADER),
    ({"Subject": "自动回复: 您的来信"}, AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_SUBJECT),
    (
        {"Subject": "=?UTF-8?B?6Ieq5Yqo5Zue5aSNOiDmgqjlpb0=?="},
        AutoKind.AUTO_REPLY,
        AutoRule.AUTO_REPLY_SUBJECT,
    ),
    ({"Subject": "=?no-such?B?6Ieq?= Auto reply"}, AutoKind.NONE, AutoRule.NOTHING),
    ({"Subject": "Automatic reply: order"}, AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_SUBJECT),
    (
        {"Content-Type": "multipart/report; report-type=disposition-notification"},
        AutoKind.AUTO_REPLY,
        AutoRule.READ_RECEIPT,
    ),
    ({"List-Id": "<news.other.com>"}, AutoKind.BULK, AutoRule.LIST_HEADER),
    ({"Precedence": "Bulk"}, AutoKind.BULK, AutoRule.PRECEDENCE),
    ({"Auto-Submitted": "auto-generated"}, AutoKind.AUTO_GENERATED, AutoRule.AUTO_GENERATED),
    ({"From": "Shop <no-reply@shop.com>"}, AutoKind.AUTO_GENERATED, AutoRule.NO_REPLY_SENDER),
]


@pytest.mark.parametrize(("headers", "kind", "rule"), CASES)
def test_each_rule_decides_by_its_header(
    headers: dict[str, str], kind: AutoKind, rule: AutoRule
) -> None:
    """The verdict names the rule and quotes what it matched, whatever the spelling of names."""
    for spelled in (headers, {name.upper(): value for name, value in headers.items()}):
        verdict = auto_kind_of(headers=spelled)

        assert (verdict.kind, verdict.rule) == (kind, rule)
        assert bool(verdict.evidence) == (kind is not AutoKind.NONE)


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "Re: Undelivered Mail Returned to Sender", "From": "ann@b.com"},
        {"Subject": "Out of office hours nobody answers", "From": "ann@b.com"},
        {"Subject": "Your vacation package is a lie", "From": "ann@b.com"},
        {"Subject": "投诉：自动扣费", "From": "ann@b.com"},
        {"From": "postmaster@small-shop.com", "Subject": "Complaint about order 7"},
        {"From": "ann@b.com", "Auto-Submitted": "no", "Return-Path": "<ann@b.com>"},
        {"From": "Ann <no-reply@our-forms.com>", "Reply-To": "ann@b.com"},
        {},
    ],
)
def test_people_are_heard(headers: dict[str, str]) -> None:
    """Writing about a bounce, or through a contact form, does not make a person a machine."""
    assert auto_kind_of(headers=headers).kind is AutoKind.NONE


def test_our_own_group_address_is_no_mailing_list() -> None:
    """A support address that is a group puts List-Id on every customer's mail."""
    headers = {"List-Id": "<support.our-shop.com>", "Precedence": "list", "From": "ann@b.com"}

    assert auto_kind_of(headers=headers).kind is AutoKind.BULK
    assert auto_kind_of(headers=headers, own_domains=["our-shop.com"]).kind is AutoKind.NONE


def test_the_source_knows_best_unless_it_says_nothing() -> None:
    """A declared kind holds; `none` is no proof, so the headers are still read."""
    bulk = {"Precedence": "bulk"}

    assert auto_kind_of(declared=AutoKind.BOUNCE, headers=bulk).rule is AutoRule.DECLARED
    assert auto_kind_of(declared=AutoKind.NONE, headers=bulk).kind is AutoKind.BULK
    assert auto_kind_of(declared=AutoKind.OTHER).kind is AutoKind.NONE


def test_plain_fields_stand_in_for_headers() -> None:
    """A record without headers is judged by its subject, sender and envelope."""
    assert auto_kind_of(subject="自動回覆", from_address="a@b.com").kind is AutoKind.AUTO_REPLY
    assert auto_kind_of(subject="Hi", envelope_from="").kind is AutoKind.BOUNCE
    assert auto_kind_of(subject="Hi", envelope_from="a@b.com").kind is AutoKind.NONE


ENCODED = st.tuples(
    st.sampled_from(["utf-8", "gb2312", "iso-2022-jp", "x"]), st.sampled_from("BQbqX"), st.text()
).map(lambda word: f"=?{word[0]}?{word[1]}?{word[2]}?=")
TEXT = st.text(max_size=60) | ENCODED
NAMES = st.sampled_from(sorted({name for case in CASES for name in case[0]})) | TEXT


@given(
    st.dictionaries(NAMES, TEXT | st.lists(TEXT, max_size=3), max_size=5),
    TEXT | st.none(),
    TEXT | st.none(),
)
def test_any_headers_get_a_verdict(
    headers: dict[str, str | list[str]], subject: str | None, sender: str | None
) -> None:
    """No header raises, and evidence is bounded."""
    verdict = auto_kind_of(subject=subject, from_address=sender, headers=headers)

    assert (verdict.kind is AutoKind.NONE) == (verdict.rule is AutoRule.NOTHING)
    assert len(verdict.evidence) <= 200
