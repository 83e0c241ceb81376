"""Mail threads and web forms, which staff answer by mail: in time, late or never."""

from typing import Any

from agents.simulation import texts
from agents.simulation.contacts import (
    CUSTOMER,
    EMAIL_SOURCE,
    MAIL_PATIENCE_SECONDS,
    NEVER_ANSWERED,
    SOLVED_AT_FIRST,
    SUPPORT_MAILBOX,
    SYSTEM,
    WEB_SOURCE,
    Contact,
    Outcome,
    base,
)
from agents.simulation.world import (
    SECOND_MS,
    Emission,
    EventClass,
    Matter,
    Story,
    World,
    instant,
)


def mail(w: World, m: Matter, at_ms: int) -> Contact:
    """A mail, the automatic confirmation, and a reply that comes in time, late or never."""
    message_id = f"{w.next_id('m').replace(':', '')}@{m.customer.email.partition('@')[2]}"
    yield _mail_in(w, m, at_ms, message_id)
    confirmed_ms = at_ms + w.wait_ms(4, 0.5)
    yield _mail_out(w, m, confirmed_ms, SYSTEM, texts.AUTO_REPLIES, "auto_generated")
    reply_ms = at_ms + w.wait_ms(2.6 * 3600 * w.load**0.5, 1.1)
    patience_ms = int(MAIL_PATIENCE_SECONDS * m.customer.patience) * SECOND_MS
    if w.chance(NEVER_ANSWERED):
        return Outcome(at_ms + patience_ms, None, False)
    if reply_ms - at_ms > patience_ms:
        w.spawn(_late_reply(w, m, reply_ms))
        return Outcome(at_ms + patience_ms, None, False)
    solved = w.chance(SOLVED_AT_FIRST["email"])
    yield from _reply(w, m, reply_ms, solved)
    ended_ms = reply_ms
    if w.chance(0.35):
        ended_ms = reply_ms + w.wait_ms(1800, 1.0)
        yield _mail_in(w, m, ended_ms, f"r{message_id}", answer=True, glad=solved)
    return Outcome(ended_ms, reply_ms - at_ms, solved)


def _late_reply(w: World, m: Matter, at_ms: int) -> Story:
    yield from _reply(w, m, at_ms, solved=False)


def _reply(w: World, m: Matter, at_ms: int, solved: bool) -> Story:
    lines = texts.SOLUTIONS if solved else texts.REPLIES
    sent = _mail_out(w, m, at_ms, m.representative, lines, None)
    yield sent
    draw = w.rng.random()
    if draw < 0.02:
        yield _bounce(w, m, at_ms + w.wait_ms(20, 0.5), sent.record["message_id"])
    elif draw < 0.06:
        yield _out_of_office(w, m, at_ms + w.wait_ms(5, 0.3), sent.record["message_id"])


def _mail_in(
    w: World, m: Matter, at_ms: int, message_id: str, *, answer: bool = False, glad: bool = False
) -> Emission:
    language = m.customer.language
    text = w.pick(texts.THANKS[language]) if answer and glad else w.complain(m)
    subject = texts.SUBJECTS[language][m.category].format(order=m.order.number)
    record = base(
        EMAIL_SOURCE,
        message_id,
        "email_received",
        at_ms,
        message_id=message_id,
        direction="in",
        actor=CUSTOMER,
        customer=m.customer.by_email,
        customer_name=m.customer.name,
        customer_profile=m.customer.profile,
        subject=f"Re: {subject}" if answer or m.attempts > 1 else subject,
        text=text,
        received_at=instant(at_ms),
        to=[{"address": SUPPORT_MAILBOX}],
        refs=m.refs,
        **{"from": {"address": m.customer.email, "name": m.customer.name}},
    )
    if m.thread is not None:
        record["in_reply_to"] = [m.thread]
        record["references"] = [m.thread]
    m.thread = message_id
    return Emission(at_ms, "email", message_id, record, EventClass.CONTACT)


def _mail_out(
    w: World,
    m: Matter,
    at_ms: int,
    actor: dict[str, Any],
    lines: Any,
    auto_kind: str | None,
) -> Emission:
    message_id = f"{w.next_id('m').replace(':', '')}@shop.example"
    language = m.customer.language
    record = base(
        EMAIL_SOURCE,
        message_id,
        "email_sent",
        at_ms,
        message_id=message_id,
        direction="out",
        actor=actor,
        customer=m.customer.by_email,
        subject="Re: " + texts.SUBJECTS[language][m.category].format(order=m.order.number),
        text=w.say(lines[language], m),
        to=[{"address": m.customer.email}],
        refs=m.refs,
        **{"from": {"address": SUPPORT_MAILBOX}},
    )
    if m.thread is not None:
        record["in_reply_to"] = [m.thread]
    if auto_kind is not None:
        record["auto_kind"] = auto_kind
    else:
        record["team"] = actor["team"]
    label = EventClass.AUTOMATIC if auto_kind is not None else EventClass.REPLY
    return Emission(at_ms, "email", message_id, record, label)


def _bounce(w: World, m: Matter, at_ms: int, message_id: str) -> Emission:
    record = base(
        EMAIL_SOURCE,
        w.next_id("bounce"),
        "email_bounced",
        at_ms,
        direction="in",
        actor=SYSTEM,
        customer=m.customer.by_email,
        auto_kind="bounce",
        bounce_kind=w.pick(("hard", "soft", "blocked")),
        bounced_address=m.customer.email,
        in_reply_to=[message_id],
    )
    return Emission(at_ms, "email", message_id, record, EventClass.AUTOMATIC)


def _out_of_office(w: World, m: Matter, at_ms: int, message_id: str) -> Emission:
    record = base(
        EMAIL_SOURCE,
        w.next_id("ooo"),
        "email_received",
        at_ms,
        direction="in",
        actor=SYSTEM,
        customer=m.customer.by_email,
        auto_kind="auto_reply",
        subject="Out of office",
        text=w.pick(texts.OUT_OF_OFFICE[m.customer.language]),
        in_reply_to=[message_id],
    )
    return Emission(at_ms, "email", message_id, record, EventClass.AUTOMATIC)


def form(w: World, m: Matter, at_ms: int) -> Contact:
    """A web form, answered by mail like any other letter."""
    form_id = w.next_id("form")
    filed_as_complaint = m.unhappy and w.chance(0.5)
    if filed_as_complaint:
        m.take_down()
    record = base(
        WEB_SOURCE,
        form_id,
        "form_submitted",
        at_ms,
        direction="in",
        actor=CUSTOMER,
        customer=m.customer.by_web,
        customer_name=m.customer.name,
        customer_profile=m.customer.profile,
        form_id="contact",
        fields={"topic": m.category, "order": m.order.number},
        text=w.complain(m),
        category="complaint" if filed_as_complaint else m.category,
        refs=m.refs,
        page_url="https://shop.example/contact",
    )
    yield Emission(at_ms, "web", form_id, record, EventClass.CONTACT)
    patience_ms = int(MAIL_PATIENCE_SECONDS * m.customer.patience) * SECOND_MS
    reply_ms = at_ms + w.wait_ms(4 * 3600 * w.load**0.5, 1.1)
    if w.chance(NEVER_ANSWERED):
        return Outcome(at_ms + patience_ms, None, False)
    if reply_ms - at_ms > patience_ms:
        w.spawn(_late_reply(w, m, reply_ms))
        return Outcome(at_ms + patience_ms, None, False)
    solved = w.chance(SOLVED_AT_FIRST["web"])
    yield from _reply(w, m, reply_ms, solved)
    return Outcome(reply_ms, reply_ms - at_ms, solved)
