"""What happens to customers: problems that run through several contacts, purchases, noise."""

from collections.abc import Callable, Generator
from typing import Any

from agents.simulation import texts
from agents.simulation.calls import call
from agents.simulation.chats import chat
from agents.simulation.contacts import (
    CUSTOMER,
    EMAIL_SOURCE,
    SUPPORT_MAILBOX,
    SYSTEM,
    WEB_SOURCE,
    Contact,
    Outcome,
    base,
    satisfaction,
)
from agents.simulation.mails import form, mail
from agents.simulation.world import (
    DAY_MS,
    Emission,
    EventClass,
    Matter,
    Order,
    Story,
    World,
    instant,
)

CONTACTS: dict[str, Callable[[World, Matter, int], Contact]] = {
    "phone": call,
    "chat": chat,
    "email": mail,
    "web": form,
}
CHANNEL_MIX = ("phone",) * 7 + ("chat",) * 8 + ("email",) * 4 + ("web",)
"""First choice of channel."""

MAX_ATTEMPTS = 6
"""Contacts about one matter before even a stubborn customer gives up."""

SAME_CHANNEL_AGAIN = 0.45
SWITCHING_DELAY_SECONDS = {"phone": 900.0, "chat": 2400.0, "email": 1800.0, "web": 1800.0}


def contact(w: World, region: str, at_ms: int, outage: bool) -> Story:
    """Whatever begins now: mostly commerce and contacts, now and then noise."""
    if outage and w.chance(0.7):
        return problem(w, Matter(w, w.order_of(w.buyer(region)), "website", unhappy=True), at_ms)
    draw = w.rng.random()
    if draw < 0.26:
        return purchase(w, w.new_order(w.customer(region)), at_ms)
    if draw < 0.62:
        order = w.order_of(w.buyer(region))
        return problem(w, Matter(w, order, w.pick(texts.CATEGORIES), unhappy=True), at_ms)
    if draw < 0.90:
        return problem(w, Matter(w, w.order_of(w.buyer(region)), "question", False), at_ms)
    if draw < 0.94:
        return page_problem(w, w.order_of(w.customer(region)), at_ms)
    if draw < 0.97:
        return newsletter(w, at_ms)
    return thanks(w, Matter(w, w.order_of(w.buyer(region)), "question", False), at_ms)


def problem(w: World, m: Matter, at_ms: int) -> Story:
    """One matter from first contact to solution, surrender or the sixth attempt."""
    channel = w.pick(CHANNEL_MIX)
    while True:
        m.attempts += 1
        m.handles = m.customer.known_in(channel)
        outcome = yield from CONTACTS[channel](w, m, at_ms)
        at_ms = outcome.ended_ms
        if m.on_record_as and outcome.waited_ms is not None:
            at_ms = yield from _handled(w, m, at_ms, first=m.attempts == 1)
        if outcome.solved:
            break
        if m.attempts >= MAX_ATTEMPTS or not w.chance(0.75 if m.unhappy else 0.4):
            if w.chance(0.1):
                yield from _survey(w, m, outcome, at_ms + w.wait_ms(6 * 3600))
            return
        at_ms += w.wait_ms(SWITCHING_DELAY_SECONDS[channel], 1.0)
        if not w.chance(SAME_CHANNEL_AGAIN):
            channel = w.pick(CHANNEL_MIX)
        if not w.chance(0.6):
            m.representative = w.representative(m.category)
    m.solved = True
    yield from _aftermath(w, m, outcome, at_ms)


def _handled(w: World, m: Matter, at_ms: int, *, first: bool) -> Generator[Emission, None, int]:
    """What staff note in their system after talking to a customer who complained."""
    if first and w.chance(0.7):
        at_ms += w.wait_ms(40, 0.6)
        yield _command(w, m, "acknowledge", at_ms)
    if w.chance(0.3):
        at_ms += w.wait_ms(60, 0.6)
        yield _command(
            w, m, "assign", at_ms, team=m.representative["team"], owner=m.representative["id"]
        )
    if not m.solved and w.chance(0.06):
        at_ms += w.wait_ms(30, 0.6)
        yield _command(w, m, "pause", at_ms, reason="waiting_for_supplier")
        w.spawn(_resume(w, m, at_ms + w.wait_ms(5 * 3600, 0.8)))
    return at_ms


def _resume(w: World, m: Matter, at_ms: int) -> Story:
    yield _command(w, m, "resume", at_ms)


def _command(w: World, m: Matter, action: str, at_ms: int, **fields: Any) -> Emission:
    record = {
        "source": "desk:1",
        "id": w.next_id("command"),
        "action": action,
        "occurred_at": instant(at_ms),
        "by": m.representative,
        "customer": m.on_record_as,
        "refs": m.refs,
        **fields,
    }
    return Emission(at_ms, "commands", m.customer.email, record, EventClass.COMMAND)


def _aftermath(w: World, m: Matter, outcome: Outcome, at_ms: int) -> Story:
    """A solved matter: resolved in the desk, sometimes refunded, sometimes asked about."""
    if m.on_record_as and w.chance(0.9):
        at_ms += w.wait_ms(300, 1.0)
        yield _command(w, m, "resolve", at_ms, comment=w.say(texts.SOLUTIONS["en"], m))
    if m.category in ("refund", "quality") and w.chance(0.6):
        at_ms += w.wait_ms(3600, 1.0)
        yield _commerce(w, "refund", m.order, at_ms, status="refunded")
    if w.chance(0.2):
        yield from _survey(w, m, outcome, at_ms + w.wait_ms(4 * 3600, 1.0))


def _survey(w: World, m: Matter, outcome: Outcome, at_ms: int) -> Story:
    """Answers to a survey, one record per question: effort always, recommendation often."""
    response = w.next_id("response")
    ease = satisfaction(m, outcome, 7)
    yield _answer(
        w, m, at_ms, response, "ces", {"score": float(ease), "scale_min": 1.0, "scale_max": 7.0}
    )
    if w.chance(0.7):
        likely = satisfaction(m, outcome, 11) - 1
        yield _answer(
            w,
            m,
            at_ms,
            response,
            "nps",
            {"score": float(likely), "scale_min": 0.0, "scale_max": 10.0},
        )


def _answer(
    w: World, m: Matter, at_ms: int, response: str, instrument: str, scale: dict[str, Any]
) -> Emission:
    rating: dict[str, Any] = {"instrument": instrument, **scale}
    if w.chance(0.2):
        rating["comment"] = w.complain(m)
    record = base(
        WEB_SOURCE,
        f"{response}:{instrument}",
        "survey_answer",
        at_ms,
        direction="in",
        actor=CUSTOMER,
        customer=m.customer.by_email,
        survey_id="after-contact",
        response_id=response,
        question_id=instrument,
        about={"order_id": m.order.number},
        rating=rating,
    )
    return Emission(at_ms, "web", response, record, EventClass.RATING)


def purchase(w: World, order: Order, at_ms: int) -> Story:
    """A purchase; days later perhaps a review."""
    yield _commerce(w, "purchase", order, at_ms, item_count=1 + int(w.rng.expovariate(1.0)))
    if w.chance(0.08):
        w.spawn(_review(w, order, at_ms + 2 * DAY_MS + w.wait_ms(2 * 86_400, 0.7)))


def _commerce(w: World, kind: str, order: Order, at_ms: int, **fields: Any) -> Emission:
    record = base(
        WEB_SOURCE,
        w.next_id(kind),
        kind,
        at_ms,
        direction="in",
        actor=CUSTOMER,
        customer=order.customer.by_web,
        order_id=order.number,
        amount=order.amount,
        currency={"CN": "CNY", "US": "USD", "DE": "EUR", "GB": "GBP"}[order.customer.region],
        **fields,
    )
    return Emission(at_ms, "web", order.number, record, EventClass.COMMERCE)


def _review(w: World, order: Order, at_ms: int) -> Story:
    good = w.chance(0.8)
    stars = w.pick((4, 5, 5, 5)) if good else w.pick((1, 1, 2, 3))
    lines = (texts.REVIEWS_GOOD if good else texts.REVIEWS_BAD)[order.customer.language]
    record = base(
        WEB_SOURCE,
        w.next_id("review"),
        "review",
        at_ms,
        direction="in",
        actor=CUSTOMER,
        customer=order.customer.by_web,
        order_id=order.number,
        text=w.pick(lines).format(days=3),
        rating={
            "instrument": "csat",
            "score": float(stars),
            "scale_min": 1.0,
            "scale_max": 5.0,
        },
        verified=True,
    )
    yield Emission(at_ms, "web", order.number, record, EventClass.RATING)


def page_problem(w: World, order: Order, at_ms: int) -> Story:
    """A page that failed, as the shop's own script reports it."""
    record = base(
        WEB_SOURCE,
        w.next_id("problem"),
        "page_problem",
        at_ms,
        direction="in",
        actor=SYSTEM,
        customer=order.customer.by_web,
        problem=w.pick(texts.PAGE_PROBLEMS),
        severity=w.pick(("warning", "error", "error")),
        page_url="https://shop.example/checkout",
    )
    yield Emission(at_ms, "web", order.number, record, EventClass.PROBLEM)


def newsletter(w: World, at_ms: int) -> Story:
    """Bulk mail that lands in the support mailbox."""
    message_id = f"{w.next_id('n').replace(':', '')}@news.example"
    record = base(
        EMAIL_SOURCE,
        message_id,
        "email_received",
        at_ms,
        message_id=message_id,
        direction="in",
        actor=SYSTEM,
        customer=[{"kind": "email", "value": "news@news.example"}],
        subject=w.pick(texts.NEWSLETTERS),
        text=w.pick(texts.NEWSLETTERS),
        auto_kind="bulk",
        to=[{"address": SUPPORT_MAILBOX}],
        **{"from": {"address": "news@news.example"}},
    )
    yield Emission(at_ms, "email", message_id, record, EventClass.AUTOMATIC)


def thanks(w: World, m: Matter, at_ms: int) -> Story:
    """A kind word out of the blue, which must not be taken for a complaint."""
    conversation = w.next_id("chat")
    record = base(
        "chat:1",
        f"{conversation}:1",
        "message",
        at_ms,
        conversation_id=conversation,
        actor=CUSTOMER,
        direction="in",
        customer=m.customer.by_chat,
        text=w.pick(texts.THANKS[m.customer.language]),
    )
    yield Emission(at_ms, "chat", conversation, record, EventClass.CONTACT)
