"""Chat conversations: a bot greets, a representative takes over, the customer may rate."""

from collections.abc import Callable
from typing import Any

from agents.simulation import texts
from agents.simulation.contacts import (
    BOT,
    CHAT_SOURCE,
    CUSTOMER,
    SOLVED_AT_FIRST,
    SYSTEM,
    Contact,
    Outcome,
    base,
    satisfaction,
)
from agents.simulation.world import (
    MINUTE_MS,
    Emission,
    EventClass,
    Matter,
    Story,
    World,
    instant,
)


def chat(w: World, m: Matter, at_ms: int) -> Contact:
    """A conversation: a bot greets, a representative takes over, the customer may rate it."""
    conversation = w.next_id("chat")
    sequence = 0

    def turn(
        kind: str, when_ms: int, label: EventClass, actor: dict[str, Any], **fields: Any
    ) -> Emission:
        nonlocal sequence
        sequence += 1
        record = base(
            CHAT_SOURCE,
            f"{conversation}:{sequence}",
            kind,
            when_ms,
            sequence=sequence,
            conversation_id=conversation,
            actor=actor,
            direction="in" if actor is CUSTOMER else "out",
            customer=m.customer.by_chat,
            **fields,
        )
        return Emission(when_ms, "chat", conversation, record, label)

    yield turn(
        "conversation_started",
        at_ms,
        EventClass.AUTOMATIC,
        SYSTEM,
        inbox=f"web-{m.customer.language}",
        customer_name=m.customer.name,
        customer_profile=m.customer.profile,
    )
    asked_ms = at_ms + w.wait_ms(3, 0.4)
    yield turn("message", asked_ms, EventClass.CONTACT, CUSTOMER, text=w.complain(m), refs=m.refs)
    greeted_ms = asked_ms + w.wait_ms(1.5, 0.3)
    greeting = w.pick(texts.BOT_GREETINGS[m.customer.language])
    yield turn("message", greeted_ms, EventClass.BOT, BOT, text=greeting, stage="bot")
    wait_ms = w.wait_ms(75 * w.load, 1.0)
    if wait_ms > 25 * MINUTE_MS * m.customer.patience or w.chance(0.02):
        ended_ms = greeted_ms + int(25 * MINUTE_MS * min(m.customer.patience, 3.0))
        yield turn(
            "conversation_closed", ended_ms, EventClass.AUTOMATIC, SYSTEM, closed_by="system"
        )
        return Outcome(ended_ms, None, False)
    return (yield from _chat_with_human(w, m, turn, conversation, asked_ms, greeted_ms + wait_ms))


def _chat_with_human(
    w: World,
    m: Matter,
    turn: Callable[..., Emission],
    conversation: str,
    asked_ms: int,
    answered_ms: int,
) -> Contact:
    language = m.customer.language
    staff = m.representative
    assigned_ms = answered_ms - w.wait_ms(2, 0.3) % (answered_ms - asked_ms)
    yield turn(
        "conversation_assigned",
        assigned_ms,
        EventClass.AUTOMATIC,
        SYSTEM,
        assignee=staff["id"],
        team=staff["team"],
        stage="human",
    )
    yield turn(
        "message", answered_ms, EventClass.REPLY, staff, text=w.say(texts.REPLIES[language], m)
    )
    now_ms = answered_ms
    solved = w.chance(SOLVED_AT_FIRST["chat"])
    for _ in range(int(w.rng.expovariate(0.6))):
        now_ms += w.wait_ms(25, 0.7)
        yield turn("message", now_ms, EventClass.CONTACT, CUSTOMER, text=w.complain(m))
        now_ms += w.wait_ms(35, 0.7)
        yield turn(
            "message", now_ms, EventClass.REPLY, staff, text=w.say(texts.REPLIES[language], m)
        )
    if solved:
        now_ms += w.wait_ms(60, 0.7)
        answer = w.say(texts.SOLUTIONS[language], m)
        yield turn("message", now_ms, EventClass.REPLY, staff, text=answer)
        now_ms += w.wait_ms(20, 0.7)
        thanks = turn(
            "message", now_ms, EventClass.CONTACT, CUSTOMER, text=w.pick(texts.THANKS[language])
        )
        yield thanks
        if w.chance(0.02):
            now_ms += w.wait_ms(8, 0.3)
            yield turn(
                "message_deleted",
                now_ms,
                EventClass.CORRECTION,
                CUSTOMER,
                target_id=thanks.record["id"],
            )
    now_ms += w.wait_ms(90, 0.6)
    yield turn(
        "conversation_closed",
        now_ms,
        EventClass.AUTOMATIC,
        staff,
        closed_by="human",
        team=staff["team"],
    )
    outcome = Outcome(now_ms, answered_ms - asked_ms, solved)
    if w.chance(0.25):
        w.spawn(_chat_rating(w, m, outcome, conversation, now_ms + w.wait_ms(120, 1.0)))
    return outcome


def _chat_rating(w: World, m: Matter, outcome: Outcome, conversation: str, at_ms: int) -> Story:
    rating = {
        "instrument": "csat",
        "score": float(satisfaction(m, outcome, 5)),
        "scale_min": 1.0,
        "scale_max": 5.0,
    }
    record = base(
        CHAT_SOURCE,
        f"csat:{conversation}",
        "conversation_rated",
        at_ms,
        conversation_id=conversation,
        actor=CUSTOMER,
        direction="in",
        customer=m.customer.by_chat,
        rating=rating,
        revision=1,
    )
    yield Emission(at_ms, "chat", conversation, record, EventClass.RATING)
    if w.chance(0.05):  # people change their mind; the system sends the answer again, newer
        changed_ms = at_ms + w.wait_ms(300, 1.0)
        changed = {**rating, "score": float(w.pick((1, 2, 4, 5)))}
        again = {**record, "rating": changed, "revision": 2, "sent_at": instant(changed_ms)}
        yield Emission(changed_ms, "chat", conversation, again, EventClass.CORRECTION)
