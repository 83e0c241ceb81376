"""The words of an alert: what happened, to whom, which promise, how late, and what to do next.

English or Chinese, by the language of the complaint, because the team that speaks it is the one
that is called. A title fits a phone's lock screen; the body has one fact a line.
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo

from msgspec import Struct

from schemas.alert import AlertKind, SlaAlert
from schemas.policy import Target

TITLE_CHARS = 120
"""Lock screens and bots cut longer ones; the facts that may be cut stand last."""

MATTER_CHARS = 200


class Wording(Struct, frozen=True):
    """An alert in words. `next_step` is one instruction; `body` repeats nothing of `title`."""

    title: str
    body: str
    next_step: str
    language: str


class _Phrases(Struct, frozen=True):
    language: str
    targets: Mapping[str, str]
    tiers: Mapping[str, str]
    channels: Mapping[str, str]
    titles: Mapping[AlertKind, str]
    steps: Mapping[AlertKind, str]
    some_customer: str
    due: str
    late: str
    left: str
    limit: str
    team: str
    owner: str
    nobody: str
    matter: str
    policy: str
    complaint: str
    now: str
    units: tuple[str, str, str, str]
    joint: str
    colon: str


_EN = _Phrases(
    language="en",
    targets={
        "acknowledgement": "acknowledgement",
        "first_response": "first reply",
        "next_response": "next reply",
        "update": "progress update",
        "first_resolution": "first solution",
        "total_resolution": "solution",
        "hand_over": "work of the team",
    },
    tiers={
        "vip": "VIP customer",
        "major": "major customer",
        "common": "customer",
        "minor": "customer",
    },
    channels={"phone": "phone", "email": "e-mail", "chat": "chat", "web": "web form"},
    titles={
        AlertKind.WARNED: "At risk: {target} for {who}",
        AlertKind.BREACHED: "Promise broken: {target} for {who}",
        AlertKind.ESCALATED: "Escalated to {to}: {target} for {who}",
        AlertKind.RETRACTED: "Taken back: {target} for {who} was in time",
        AlertKind.RECOVERED: "Settled: {target} for {who}",
    },
    steps={
        AlertKind.WARNED: "{act} before it is late.",
        AlertKind.BREACHED: "{act} now, and apologise for the delay.",
        AlertKind.ESCALATED: "Take over or name who does: {act_lower}, then tell the customer.",
        AlertKind.RETRACTED: "Nothing: evidence that came late shows the promise was kept.",
        AlertKind.RECOVERED: "Nothing more for this promise.",
    },
    some_customer="unnamed {tier}",
    due="due {at}",
    late="{span} late",
    left="{span} left",
    limit="promised within {span}",
    team="team {team}",
    owner="with {owner}",
    nobody="nobody is assigned",
    matter="about",
    policy="policy {policy}",
    complaint="complaint {id}",
    now="{act} now.",
    units=("{} d", "{} h", "{} min", "{} s"),
    joint=" ",
    colon=": ",
)

_ZH = _Phrases(
    language="zh",
    targets={
        "acknowledgement": "受理确认",
        "first_response": "首次回复",
        "next_response": "后续回复",
        "update": "进展通报",
        "first_resolution": "首次解决",
        "total_resolution": "解决",
        "hand_over": "组内处理",
    },
    tiers={"vip": "VIP客户", "major": "重要客户", "common": "客户", "minor": "客户"},
    channels={"phone": "电话", "email": "邮件", "chat": "在线聊天", "web": "网页表单"},
    titles={
        AlertKind.WARNED: "即将超时：{who}的{target}",
        AlertKind.BREACHED: "已超时：{who}的{target}",
        AlertKind.ESCALATED: "升级至{to}：{who}的{target}",
        AlertKind.RETRACTED: "撤回：{who}的{target}其实按时完成",
        AlertKind.RECOVERED: "已处理：{who}的{target}",
    },
    steps={
        AlertKind.WARNED: "请在到期前{act}。",
        AlertKind.BREACHED: "请立即{act}，并为延误致歉。",
        AlertKind.ESCALATED: "请接手或指定负责人：{act}，并告知客户。",
        AlertKind.RETRACTED: "无需处理：迟到的记录证明承诺已兑现。",
        AlertKind.RECOVERED: "此项承诺无需再处理。",
    },
    some_customer="未具名{tier}",
    due="到期时间{at}",
    late="已超时{span}",
    left="还剩{span}",
    limit="承诺{span}内完成",
    team="{team}组",
    owner="负责人{owner}",
    nobody="尚未分配负责人",
    matter="事由",
    policy="规则{policy}",
    complaint="投诉{id}",
    now="请立即{act}。",
    units=("{}天", "{}小时", "{}分钟", "{}秒"),
    joint="",
    colon="：",
)

_ACTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "acknowledgement": "Confirm that the complaint has arrived",
        "first_response": "Answer the customer",
        "next_response": "Answer the customer's last message",
        "update": "Tell the customer how things stand",
        "first_resolution": "Solve the complaint",
        "total_resolution": "Solve the complaint",
        "hand_over": "Answer the customer, or hand the complaint on",
    },
    "zh": {
        "acknowledgement": "确认已受理投诉",
        "first_response": "回复客户",
        "next_response": "回复客户的最新消息",
        "update": "向客户通报进展",
        "first_resolution": "解决投诉",
        "total_resolution": "解决投诉",
        "hand_over": "回复客户或转交投诉",
    },
}


def compose(alert: SlaAlert, zone: tzinfo = UTC) -> Wording:
    """Word an alert as of `announced_at`, with times of day in `zone`.

    Targets, tiers and channels that have no word of their own here are shown as they are.
    """
    phrases = _ZH if alert.language.lower().startswith("zh") else _EN
    target = phrases.targets.get(alert.target, alert.target)
    title = phrases.titles[alert.kind].format(
        target=target, who=_who(phrases, alert), to=_escalated_to(alert)
    )
    return Wording(
        title=_cut(title, TITLE_CHARS),
        body="\n".join(_facts(phrases, alert, zone)),
        next_step=_next_step(phrases, alert, target),
        language=phrases.language,
    )


def span(seconds: float, language: str = "en") -> str:
    """A duration in its two largest units: `1 h 5 min`, `2 d`, `40 s`; never negative."""
    return _span(_ZH if language == "zh" else _EN, seconds)


def _who(phrases: _Phrases, alert: SlaAlert) -> str:
    tier = phrases.tiers.get(alert.tier, phrases.tiers["common"])
    if not alert.customer_name:
        return phrases.some_customer.format(tier=tier)
    return f"{tier}{phrases.joint}{alert.customer_name}"


def _escalated_to(alert: SlaAlert) -> str:
    return alert.to or (alert.step or "").partition("#")[0] or "?"


def _facts(phrases: _Phrases, alert: SlaAlert, zone: tzinfo) -> list[str]:
    channel = phrases.channels.get(alert.channel, alert.channel)
    where = [part for part in (channel, alert.category, alert.region) if part]
    staff = [phrases.team.format(team=alert.team)] if alert.team else []
    staff.append(phrases.owner.format(owner=alert.owner) if alert.owner else phrases.nobody)
    complaint = phrases.complaint.format(id=alert.complaint_id)
    policy = phrases.policy.format(policy=alert.policy) if alert.policy else ""
    matter = f"{phrases.matter}{phrases.colon}{_cut(alert.matter, MATTER_CHARS)}"
    lines = (
        " · ".join(_times(phrases, alert, zone)),
        " · ".join(where),
        matter if alert.matter else "",
        " · ".join(staff),
        " · ".join(part for part in (complaint, policy) if part),
    )
    return [line for line in lines if line]


def _times(phrases: _Phrases, alert: SlaAlert, zone: tzinfo) -> list[str]:
    """How late, or how much is left, in wall-clock time: that is what the customer feels."""
    times = [phrases.limit.format(span=_span(phrases, alert.limit_seconds))]
    if alert.due_at is None:
        return times
    due = alert.due_at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    times.append(phrases.due.format(at=due))
    if alert.kind is AlertKind.WARNED:
        left = (alert.due_at - alert.announced_at).total_seconds()
        times.append(phrases.left.format(span=_span(phrases, left)))
    elif alert.kind is not AlertKind.RETRACTED:
        until = alert.ended_at or alert.announced_at
        late = (until - (alert.breached_at or alert.due_at)).total_seconds()
        times.append(phrases.late.format(span=_span(phrases, late)))
    return times


def _next_step(phrases: _Phrases, alert: SlaAlert, target: str) -> str:
    act = _ACTS[phrases.language].get(alert.target, target)
    lower = act[:1].lower() + act[1:]
    if alert.target == Target.HAND_OVER and alert.kind is AlertKind.BREACHED:
        # The customer was promised nothing about it: there is no delay to apologise for.
        return phrases.now.format(act=act)
    return phrases.steps[alert.kind].format(act=act, act_lower=lower)


def _span(phrases: _Phrases, seconds: float) -> str:
    rest = max(0, round(seconds))
    parts = []
    for unit, size in zip(phrases.units, (86_400, 3_600, 60, 1), strict=True):
        count, rest = divmod(rest, size)
        if count:
            parts.append(unit.format(count))
        elif parts:
            break
    return phrases.joint.join(parts[:2]) or phrases.units[-1].format(0)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
