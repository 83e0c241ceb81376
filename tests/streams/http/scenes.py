"""A busy board, as views: complaints of both languages, ratings, answers, breaches."""

from datetime import timedelta

from agents.satisfaction.rollup import RowKey, hour_of
from agents.satisfaction.sketch import sketch_of
from schemas.complaint import OpenReason, Reason
from schemas.satisfaction import Dimension, SatisfactionRow, Window
from streams.views import ViewWriter
from tests.streams.views.examples import NOW, clock_view, complaint

QUEUE = [
    # id, name, words, channel, tier, team, owner, reason, minutes to due, limit, state, language
    ("k-01", "青禾茶业", "到货短缺，这已经是第三次了", "phone", "vip", "Delivery", "",
     OpenReason.REPEATED_CONTACT, -1290, 60, "breached", "zh"),
    ("k-02", "Ms Hale", "The refund you promised has not arrived", "email", "common", "Billing",
     "rep-07", OpenReason.REFUND, -3, 240, "breached", "en"),
    ("k-03", "Rosewater Clinic", "The cooler fails again after the repair", "chat", "major",
     "Technical", "rep-12", OpenReason.EXPLICIT, 4.2, 30, "running", "en"),
    ("k-04", "周先生", "重复扣款，订单也没有确认", "web", "common", "Billing", "",
     OpenReason.CATEGORY, 11, 120, "running", "zh"),
    ("k-05", "Lindqvist Outdoor", "40 of 60 boxes came in the wrong size", "email", "major",
     "Delivery", "rep-03", OpenReason.WORDS, 27, 440, "running", "en"),
    ("k-06", "陈女士", "安装师傅约了两次都没有来", "phone", "vip", "Field service", "rep-21",
     OpenReason.LOW_RATING, 41, 1440, "running", "zh"),
    ("k-07", "Mr Ortega", "I cannot cancel the subscription anywhere on your pages, and nobody who "
     "answers seems to know how it is done either", "chat", "minor", "Accounts", "",
     OpenReason.WORDS, 58, 60, "running", "en"),
    ("k-08", "", "The invoice does not match the order", "email", "major", "Billing", "rep-07",
     OpenReason.REPEATED_CONTACT, 110, 240, "running", "en"),
    ("k-09", "林女士", "", "web", "common", "Technical", "", OpenReason.LOW_RATING, 155, 240,
     "running", "zh"),
    ("k-10", "<b>Bobby</b>", "</script><script>alert(1)</script>", "web", "minor", "Accounts", "",
     OpenReason.WORDS, 200, 240, "running", "en"),
    ("k-11", "Ms Adeyemi", "The parcel was damaged", "email", "common", "Delivery", "rep-05",
     OpenReason.EXPLICIT, 72, 1440, "paused", "en"),
]  # fmt: skip


def put_busy_board(writer: ViewWriter) -> None:
    """Put complaints in every state, and a day of ratings with the week before."""
    for name, who, text, channel, tier, team, owner, reason, due, limit, state, lang in QUEUE:
        writer.put_complaint(
            0,
            complaint(
                name,
                clock_view(due, state, limit=limit),
                customer_id=f"c-{name}",
                channel=channel,
                tier=tier,
                team=team,
                owner=owner,
                language=lang,
                summary=text,
                reasons=[Reason(reason)],
            ),
            who,
        )
    this_hour = hour_of(NOW)

    def put(hour: int, dimension: Dimension, key: str, row: SatisfactionRow) -> None:
        writer.put_satisfaction(0, RowKey(Window.HOUR, hour, dimension, key), row)

    everyone = SatisfactionRow(
        csat={5: 60, 4: 30, 3: 10, 2: 5, 1: 8},
        nps={10: 20, 9: 10, 8: 15, 7: 5, 5: 6, 0: 4},
        met={"first_response": 118},
        breached={"first_response": 2},
        first_response=sketch_of([60.0] * 40),
    )
    put(this_hour, Dimension.ALL, "", everyone)
    before = SatisfactionRow(csat={5: 80, 4: 30, 3: 6, 1: 4}, nps={10: 30, 8: 22, 3: 23})
    put(this_hour - 168, Dimension.ALL, "", before)
    for dimension, groups in (
        (
            Dimension.CHANNEL,
            {"phone": (41, 49), "email": (52, 71), "chat": (88, 103), "web": (2, 4)},
        ),
        (Dimension.TEAM, {"Delivery": (48, 72), "Billing": (51, 64), "Technical": (57, 66)}),
        (Dimension.TIER, {"vip": (3, 4), "major": (28, 35), "common": (110, 138)}),
    ):
        for key, (satisfied, answers) in groups.items():
            put(
                this_hour,
                dimension,
                key,
                SatisfactionRow(csat={5: satisfied, 2: answers - satisfied}),
            )
    writer.put_intake_counts("interactions.email.v1", 0, {"received": 1_000})
    writer.put_progress(0, applied=2, read_through_at=NOW - timedelta(seconds=1))
