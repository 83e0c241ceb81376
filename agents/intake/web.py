"""The web: forms ask, reviews and survey answers judge, purchases and refunds count.

Only a form and a review speak to the company and may expect an answer; a page problem is told by
the page, and an answered survey was asked for.
"""

from agents.intake.parts import Context, Draft, add_ref, common_fields, with_actor
from agents.intake.words import own_words
from schemas.common import ActorType, Channel, Direction, RefKind, Visibility
from schemas.interaction import Interaction, SurveyRef
from schemas.web import WebKind, WebRecord

_ASKS = frozenset({WebKind.FORM_SUBMITTED, WebKind.REVIEW})


def to_interaction(record: WebRecord, context: Context) -> Draft:
    """Make the interaction of a web record."""
    fields = common_fields(record, context)
    kind = record.kind
    problem = kind is WebKind.PAGE_PROBLEM
    actor = with_actor(record.actor, ActorType.SYSTEM if problem else ActorType.CUSTOMER)
    direction = record.direction or Direction.IN
    asks = (
        kind in _ASKS
        and not record.deleted
        and direction is Direction.IN
        and record.visibility is Visibility.PUBLIC
        and actor.type in (ActorType.CUSTOMER, ActorType.OTHER)
    )
    about = record.about
    add_ref(fields, RefKind.ORDER, record.order_id)
    add_ref(fields, RefKind.ORDER, about.order_id if about is not None else None)
    return Draft(
        Interaction(
            **fields,
            kind=kind,
            direction=direction,
            actor=actor,
            contact_at=fields["occurred_at"] if asks else None,
            text=_text(record),
            survey=_survey(record),
            deleted=record.deleted,
            amount=record.amount,
            currency=record.currency,
        )
    )


def _text(record: WebRecord) -> str | None:
    """Return what was written: the text, else the comment, the problem or the form's fields."""
    comment = record.rating.comment if record.rating is not None else None
    text = record.text or comment
    if record.kind is WebKind.PAGE_PROBLEM:
        text = text or record.problem
    elif record.kind is WebKind.FORM_SUBMITTED and not text and record.fields:
        text = "\n".join(value for value in record.fields.values() if value)
    return own_words(Channel.WEB, text, record.text_format, record.title)


def _survey(record: WebRecord) -> SurveyRef | None:
    about = record.about
    if record.survey_id is None and record.response_id is None and about is None:
        return None
    return SurveyRef(
        survey_id=record.survey_id,
        response_id=record.response_id,
        question_id=record.question_id,
        about_conversation=about.conversation_id if about is not None else None,
        about_interaction=about.interaction_id if about is not None else None,
        about_order=about.order_id if about is not None else None,
    )
