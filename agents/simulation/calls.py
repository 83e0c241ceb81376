"""Telephone calls: started, queued, answered or abandoned, ended, sometimes rated by key."""

from collections.abc import Callable
from typing import Any

from agents.simulation import texts
from agents.simulation.contacts import (
    CUSTOMER,
    HOTLINES,
    PHONE_SOURCE,
    SOLVED_AT_FIRST,
    Contact,
    Outcome,
    base,
    satisfaction,
)
from agents.simulation.world import (
    SECOND_MS,
    Emission,
    EventClass,
    Matter,
    World,
    instant,
)

ABANDON_AFTER_SECONDS = 180.0
"""Mean patience in a telephone queue."""


def call(w: World, m: Matter, at_ms: int) -> Contact:
    """A call: started, queued, answered or abandoned, ended, and sometimes rated by key."""
    call_id = w.next_id("call")
    queue = f"{m.customer.language}-{m.category}"
    shared = {"call_id": call_id, "customer": m.customer.by_phone}

    def leg(kind: str, when_ms: int, label: EventClass, **fields: Any) -> Emission:
        record = base(PHONE_SOURCE, f"{call_id}:{kind}", kind, when_ms, **shared, **fields)
        return Emission(when_ms, "phone", call_id, record, label)

    yield leg(
        "call_started",
        at_ms,
        EventClass.CONTACT,
        direction="in",
        actor=CUSTOMER,
        from_number=_dialled_as(w, m),
        to_number=HOTLINES[m.customer.region],
        customer_name=m.customer.name,
        customer_profile=m.customer.profile,
        ivr_path=[str(1 + len(m.category) % 5)],
        refs=m.refs if w.chance(0.6) else [],
    )
    queued_ms = at_ms + w.wait_ms(12, 0.4)
    yield leg("call_queued", queued_ms, EventClass.CALL_LEG, direction="in", queue=queue)
    wait_ms = w.wait_ms(22 * w.load, 0.9)
    patience_ms = 15_000 + int(
        w.rng.expovariate(1 / ABANDON_AFTER_SECONDS) * m.customer.patience * SECOND_MS
    )
    if patience_ms < wait_ms:
        left_ms = queued_ms + patience_ms
        yield leg(
            "call_abandoned",
            left_ms,
            EventClass.CALL_LEG,
            direction="in",
            queue=queue,
            queue_wait_seconds=patience_ms / SECOND_MS,
            abandoned_in="queue",
            end_reason="customer_hangup",
        )
        return Outcome(left_ms, None, False)
    return (yield from _answered_call(w, m, leg, queued_ms, wait_ms))


def _answered_call(
    w: World, m: Matter, leg: Callable[..., Emission], queued_ms: int, wait_ms: int
) -> Contact:
    answered_ms = queued_ms + wait_ms
    talk_ms = w.wait_ms(260, 0.6)
    ended_ms = answered_ms + talk_ms
    staff = m.representative
    yield leg(
        "call_answered",
        answered_ms,
        EventClass.REPLY,
        direction="in",
        actor=staff,
        team=staff["team"],
        queue_wait_seconds=wait_ms / SECOND_MS,
    )
    final = {
        "direction": "in",
        "actor": staff,
        "team": staff["team"],
        "queued_at": instant(queued_ms),
        "answered_at": instant(answered_ms),
        "ended_at": instant(ended_ms),
        "end_reason": "customer_hangup",
    }
    yield leg("call_ended", ended_ms, EventClass.CALL_LEG, **final, revision=1)
    solved = w.chance(SOLVED_AT_FIRST["phone"])
    outcome = Outcome(ended_ms, wait_ms, solved)
    rated_ms = ended_ms + w.wait_ms(9, 0.4)
    if w.chance(0.3):
        yield leg("call_rated", rated_ms, EventClass.RATING, rating=_keyed_score(m, outcome))
    if w.chance(0.8):
        # The contact record follows when the representative has closed the case: same id, newer.
        words = w.complain(m)
        filed_ms = max(rated_ms, ended_ms + w.wait_ms(70, 0.5))
        yield leg(
            "call_ended",
            ended_ms,
            EventClass.CORRECTION,
            **final,
            revision=2,
            talk_seconds=talk_ms / SECOND_MS,
            wrap_seconds=(filed_ms - ended_ms) / SECOND_MS,
            category=m.category,
            text=words,
            refs=m.refs,
            language=m.customer.language,
            transcript=[
                {"speaker": "customer", "text": words, "offset_seconds": 4.0},
                {"speaker": "agent", "text": w.say(texts.REPLIES[m.customer.language], m)},
            ],
        )._replace(at_ms=filed_ms)
        ended_ms = filed_ms
    return outcome._replace(ended_ms=max(ended_ms, rated_ms))


def _dialled_as(w: World, m: Matter) -> str:
    """Exchanges write the same number in different ways."""
    number = m.customer.phone
    if m.customer.region == "CN" and w.chance(0.7):
        return number.removeprefix("+86")
    if w.chance(0.2):
        return f"00{number[1:]}"
    return number


def _keyed_score(m: Matter, outcome: Outcome) -> dict[str, Any]:
    score = satisfaction(m, outcome, 5)
    rating: dict[str, Any] = {"instrument": "csat", "scale_min": 1.0, "scale_max": 5.0}
    if m.customer.reversed_menu:
        return {**rating, "score": float(6 - score), "reversed": True}
    return {**rating, "score": float(score)}
