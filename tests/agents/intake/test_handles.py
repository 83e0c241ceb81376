"""One spelling per person and way; what stands for many people links nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.handles import (
    conversation_handle,
    normalise_handle,
    normalise_handles,
    parse_handle,
    strength,
)
from agents.intake.mailboxes import normalise_mailbox
from agents.intake.numbers import HandleFault, normalise_number
from agents.intake.settings import IntakeSettings
from schemas.common import Handle, HandleKind

SETTINGS = IntakeSettings()


@pytest.mark.parametrize(
    ("sent", "region", "number"),
    [
        ("+86 138 0013 8000", None, "+8613800138000"),
        ("0086 138 0013 8000", None, "+8613800138000"),
        ("008613800138000", "US", "+8613800138000"),
        ("13800138000", "CN", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("0061 2 9876 5432", None, "+61298765432"),
        ("tel:+1-650-253-0000", None, "+16502530000"),
        ("whatsapp:+16502530000", None, "+16502530000"),
        ("sip:+16502530000@pbx.example", None, "+16502530000"),
        ("(650) 253-0000", "US", "+16502530000"),
        ("+1 650 253 0000 ext. 12", None, "+16502530000;ext=12"),
        ("+16502530000;ext=12", None, "+16502530000;ext=12"),
        ("+39 02 3661 8300", None, "+390236618300"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
    ],
)
def test_numbers_become_e164(sent: str, region: str | None, number: str) -> None:
    """The many ways of writing a number are one number."""
    assert normalise_number(sent, region).value == number


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ("138****0000", HandleFault.MASKED),
        ("138xxxx0000", HandleFault.MASKED),
        ("anonymous", HandleFault.BLOCKED),
        ("<unknown>", HandleFault.BLOCKED),
        ("Restricted", HandleFault.BLOCKED),
        ("", HandleFault.BLOCKED),
        ("000-000", HandleFault.BLOCKED),
        ("-1", HandleFault.BLOCKED),
        ("+266696687", HandleFault.BLOCKED),
        ("+1 999 999 9999", HandleFault.BLOCKED),
        ("13800138000", HandleFault.INVALID),
        ("+86 12", HandleFault.INVALID),
        ("hello", HandleFault.INVALID),
        ("+" + "1" * 70, HandleFault.INVALID),
    ],
)
def test_what_is_nobodys_number_links_nobody(sent: str, fault: HandleFault) -> None:
    """Masked, withheld, placeholder, short or regionless numbers have a reason instead."""
    assert normalise_number(sent, None) == (None, fault)


def test_the_region_is_that_of_the_source() -> None:
    """A number without a country code is read as at home, where its source is."""
    settings = IntakeSettings(default_region="DE", source_regions={"cc:cn": "CN"})
    handle = Handle(HandleKind.PHONE, "13800138000")
    assert normalise_handle(handle, "cc:cn", settings).value == "phone:+8613800138000"
    assert normalise_handle(handle, "cc:de", settings).value == "phone:+4913800138000"


@pytest.mark.parametrize(
    ("sent", "mailbox"),
    [
        ("Ann.Lee@Example.COM", "ann.lee@example.com"),
        (" mailto:ann@example.com ", "ann@example.com"),
        ('"Lee, Ann" <ann@example.com>', "ann@example.com"),
        ("ann+shop@example.com", "ann+shop@example.com"),
        ("J.Doe+shop@googlemail.com", "jdoe@gmail.com"),
        ("j.doe+shop@outlook.com", "j.doe@outlook.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@example.com.", "ann@example.com"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ],
)
def test_addresses_become_mailboxes(sent: str, mailbox: str) -> None:
    """Case, display names, IDN and the aliases of providers that document them do not matter."""
    assert normalise_mailbox(sent).value == mailbox


def test_provider_rules_can_be_turned_off() -> None:
    """Without aliases only case and form are normalised."""
    assert normalise_mailbox("J.Doe+x@gmail.com", False).value == "j.doe+x@gmail.com"


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ("no-reply@shop.example", HandleFault.BLOCKED),
        ("donotreply+7@shop.example", HandleFault.BLOCKED),
        ("MAILER-DAEMON@mx.example", HandleFault.BLOCKED),
        ("bounces-77@list.example", HandleFault.BLOCKED),
        ("unknown@unknown.invalid", HandleFault.BLOCKED),
        ("someone", HandleFault.INVALID),
        ("a@b", HandleFault.INVALID),
        ("@example.com", HandleFault.INVALID),
        ("+tag@gmail.com", HandleFault.INVALID),
        ("a b@example.com", HandleFault.INVALID),
        ("a@exa mple.com", HandleFault.INVALID),
        ("x" * 65 + "@example.com", HandleFault.INVALID),
        ("a@" + "ü" * 300 + ".example", HandleFault.INVALID),
    ],
)
def test_what_is_nobodys_mailbox_links_nobody(sent: str, fault: HandleFault) -> None:
    """Machines' addresses and what is no address have a reason instead."""
    assert normalise_mailbox(sent) == (None, fault)


@pytest.mark.parametrize(
    "value",
    ["", "0", "000", "-1", "null", "None", "ANONYMOUS", "<unknown>", "undefined", "n/a", "匿名"],
)
def test_placeholders_link_nobody(value: str) -> None:
    """A value that many records share by default must not make them one customer."""
    for kind in (HandleKind.CRM, HandleKind.CHAT, HandleKind.WEB):
        handle = Handle(kind, value)
        assert normalise_handle(handle, "s", SETTINGS) == (None, HandleFault.BLOCKED)


def test_chat_and_web_ids_are_told_apart_by_their_system() -> None:
    """The same id in two systems is two people; a CRM id is one across systems."""
    texts = [
        normalise_handle(Handle(kind, "77", namespace), "chatwoot:1", SETTINGS).value
        for kind, namespace in (
            (HandleKind.CHAT, None),
            (HandleKind.CHAT, "wa"),
            (HandleKind.WEB, None),
            (HandleKind.CRM, None),
            (HandleKind.CRM, "eu"),
        )
    ]
    assert texts == ["chat:chatwoot:1:77", "chat:wa:77", "web:chatwoot:1:77", "crm:77", "crm:eu:77"]


def test_a_colon_in_a_value_cannot_pose_as_a_namespace() -> None:
    """Namespace `a` with value `b:c` is not namespace `a:b` with value `c`."""
    one = normalise_handle(Handle(HandleKind.CHAT, "b:c", "a"), "s", SETTINGS).value
    two = normalise_handle(Handle(HandleKind.CHAT, "c", "a:b"), "s", SETTINGS).value
    assert (one, two) == ("chat:a:b%3Ac", "chat:a:b:c")
    assert one is not None
    assert parse_handle(one) == Handle(HandleKind.CHAT, "b:c", "a")


def test_handles_come_strongest_first_and_once() -> None:
    """CRM id, mailbox, number, chat id, cookie; equal kinds in the order sent."""
    sent = [
        Handle(HandleKind.WEB, "cookie"),
        Handle(HandleKind.CHAT, "u1"),
        Handle(HandleKind.EMAIL, "B@x.example"),
        Handle(HandleKind.EMAIL, "a@x.example"),
        Handle(HandleKind.EMAIL, "b@X.example"),
        Handle(HandleKind.PHONE, "anonymous"),
        Handle(HandleKind.CRM, "7"),
    ]
    found = normalise_handles(sent, "s", SETTINGS)
    assert found.handles == (
        "crm:7",
        "email:b@x.example",
        "email:a@x.example",
        "chat:s:u1",
        "web:s:cookie",
    )
    assert found.refused == (HandleFault.BLOCKED,)


def test_the_operator_can_block_handles() -> None:
    """The company's own number, or a shared desk, links nobody."""
    settings = IntakeSettings(blocked_handles=frozenset({"phone:+16502530000"}))
    handle = Handle(HandleKind.PHONE, "+1 650 253 0000")
    assert normalise_handle(handle, "s", settings) == (None, HandleFault.BLOCKED)


@pytest.mark.parametrize(
    "text", ["", "ann@example.com", "fax:1", "email:", "chat:", "conversation:x"]
)
def test_what_is_typed_wrongly_is_explained(text: str) -> None:
    """A handle on the command line that is none says how to write one."""
    with pytest.raises(ValueError, match=r"handle|value"):
        parse_handle(text)


values = st.one_of(
    st.text(min_size=1, max_size=40),
    st.emails(),
    st.from_regex(r"\+?[0-9 ()./-]{3,18}", fullmatch=True),
)


@given(kind=st.sampled_from(HandleKind), value=values, region=st.sampled_from([None, "CN", "US"]))
def test_normalising_twice_changes_nothing(
    kind: HandleKind, value: str, region: str | None
) -> None:
    """A normalised handle, read back and normalised again, is the same text."""
    settings = IntakeSettings(default_region=region)
    once = normalise_handle(Handle(kind, value), "s:1", settings).value
    if once is not None:
        assert normalise_handle(parse_handle(once), "s:1", settings).value == once
        assert strength(once) < strength(conversation_handle("x"))
