"""The words of the wallboard in both languages, and how numbers and times are written in each.

One word, one meaning: "breached" is a broken promise, "due soon" a promise of which 80 % is used,
"late" only stands with a length. Chinese takes full-width punctuation and no space before %.
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from streams.http.clock_words import CLOCK_WORDS

EN, ZH = "en", "zh"
LANGUAGES = (EN, ZH)

WORDS: dict[str, tuple[str, str]] = {
    "title": ("Wallboard", "看板"),
    "skip": ("Skip to content", "跳到正文"),
    "other_language": ("中文", "English"),
    "light": ("Light", "浅色"),
    "dark": ("Dark", "深色"),
    "state.live": ("Live", "实时"),
    "state.empty": ("Live, no records yet", "实时，尚无记录"),
    "state.stale": ("Not up to date", "数据未更新"),
    "state.catching_up": ("Catching up", "正在追赶"),
    "state.lost": ("Connection lost", "连接中断"),
    "banner.lost": (
        "Connection lost. Figures are as of {at}. Times left go on; an answer may have come. "
        "Trying again.",
        "连接已中断。数字停在 {at}。剩余时间仍在倒数，但可能已有答复。正在重试。",
    ),
    "banner.stale": (
        "These figures are as of {at}. What happened since is not shown yet; nothing is lost.",
        "数字停在 {at}。此后的变化尚未显示，但不会丢失。",
    ),
    "banner.stale_never": (
        "The live views cannot be read. What happens is not lost and will be shown.",
        "实时视图暂不可读。记录不会丢失，稍后会显示。",
    ),
    "banner.catching_up": (
        "Catching up: read up to {at}, {count} records to go. No breach is announced before its "
        "records are read.",
        "正在追赶：已读到 {at}，还有 {count} 条记录。相关记录读完之前不宣布超时。",
    ),
    "answer.both": (
        "{breached} breached, {due} due within the hour",
        "{breached} 个已超时，{due} 个一小时内到期",
    ),
    "answer.breached": (
        "{breached} breached, none due within the hour",
        "{breached} 个已超时，一小时内没有到期",
    ),
    "answer.due": ("None breached, {due} due within the hour", "没有超时，{due} 个一小时内到期"),
    "answer.none": ("Nothing breached, nothing due within the hour", "没有超时，一小时内没有到期"),
    "answer.empty": ("Waiting for the first record", "等待第一条记录"),
    "answer.as_of": ("At {at}: {answer}", "{at} 时：{answer}"),
    "tile.breached": ("Breached, open", "已超时未解决"),
    "tile.due": ("Due within 1 h", "一小时内到期"),
    "tile.running": ("Running", "计时中"),
    "tile.oldest": ("Oldest unanswered", "最久未答复"),
    "tile.kept": ("{share} kept, 24 h", "一日内兑现 {share}"),
    "tile.no_promise": ("no promise due in 24 h", "一日内无承诺到期"),
    "tile.first_due": ("first in {time}", "最早 {time}后"),
    "tile.past_due": ("one is past due", "有一个已过期限"),
    "tile.none_due": ("none", "没有"),
    "tile.paused": ("{count} paused", "{count} 个已暂停"),
    "tile.nobody_waits": ("nobody is waiting", "没有客户在等待"),
    "tile.no_data": ("no data yet", "尚无数据"),
    "queue": ("What falls due first", "最先到期"),
    "queue.all": ("{count} open", "共 {count} 个"),
    "queue.empty": ("No complaint is open.", "没有未解决的投诉。"),
    "start.title": ("Nothing to show yet", "还没有内容"),
    "start.text": (
        "manyi reads these topics and has not seen a record. This page starts by itself with the "
        "first one.",
        "系统正在读取以下主题，还没有收到记录。收到第一条后本页会自动开始。",
    ),
    "satisfied": ("Are customers satisfied?", "客户满意吗？"),
    "csat": ("CSAT", "满意度"),
    "nps": ("NPS", "净推荐值"),
    "last_day": ("24 hours", "24 小时"),
    "week_before": ("week before", "上周同期"),
    "interval": ("{low}–{high}, n={n}", "{low}～{high}，样本 {n}"),
    "interval.nps": ("{low} to {high}, n={n}", "{low}～{high}，样本 {n}"),
    "few": ("n={n}; shown from 5 on", "样本 {n}，满 5 份后显示"),
    "no_answers": ("no answers", "无答复"),
    "change.fall": ("{measure}: real fall", "{measure}：显著下降"),
    "change.rise": ("{measure}: real rise", "{measure}：显著上升"),
    "change.none": ("{measure}: no real difference", "{measure}：无显著差异"),
    "change.unknown": ("{measure}: too few answers to compare", "{measure}：样本太少，不作比较"),
    "groups": ("By channel, team and tier", "按渠道、团队、等级"),
    "group": ("Group", "分组"),
    "group.channels": ("Channel", "渠道"),
    "group.teams": ("Team", "团队"),
    "group.tiers": ("Tier", "客户等级"),
    "column.open": ("Open", "进行中"),
    "column.due": ("Due 1 h", "将到期"),
    "column.breached": ("Breached", "已超时"),
    "column.satisfied": ("Satisfied", "满意"),
    "column.satisfied.about": ("Share of 4 and 5 of 5 in 24 hours", "24 小时内评 4、5 分的比例"),
    "no_owner": ("no owner", "未分派"),
    "unnamed": ("Customer without a name", "未具名客户"),
    "no_summary": ("No words given", "未留言"),
    "no_promise": ("no promise", "无承诺"),
    "past_due": ("past due", "已过期限"),
    "paused": ("Paused", "已暂停"),
    "late": ("{time} late", "超时 {time}"),
    "channel.phone": ("Phone", "电话"),
    "channel.email": ("Email", "邮件"),
    "channel.chat": ("Chat", "聊天"),
    "channel.web": ("Web", "网页"),
    "tier.vip": ("VIP", "VIP"),
    "tier.major": ("major", "主要客户"),
    "tier.common": ("common", "普通客户"),
    "tier.minor": ("minor", "小客户"),
    "reason.explicit": ("says it is a complaint", "明确投诉"),
    "reason.category": ("filed as a complaint", "按投诉归类"),
    "reason.low_rating": ("low rating", "低评分"),
    "reason.words": ("angry words", "措辞激烈"),
    "reason.repeated_contact": ("contacts us again", "重复联系"),
    "reason.abandoned_call": ("gave up waiting", "等待中挂断"),
    "reason.spam_complaint": ("reported our mail", "举报邮件"),
    "reason.refund": ("wants the money back", "要求退款"),
    "target.acknowledgement": ("acknowledge", "确认受理"),
    "target.first_response": ("first response", "首次响应"),
    "target.next_response": ("next response", "后续响应"),
    "target.update": ("update", "进展通报"),
    "target.first_resolution": ("resolution", "解决"),
    "target.total_resolution": ("resolution", "解决"),
    "target.hand_over": ("work of the team", "组内处理"),
    "no_script": ("Reload to refresh: scripts are off.", "脚本未启用，请刷新本页。"),
    **CLOCK_WORDS,
}

_DAYS = {
    EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    ZH: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {EN: (" d", " h", " min", " s"), ZH: (" 天", " 小时", " 分", " 秒")}


class Words:
    """The words of one language, and times of one zone."""

    def __init__(self, language: str, zone: tzinfo) -> None:
        self.language = language
        self._zh = language == ZH
        self._zone = zone

    @property
    def zone(self) -> tzinfo:
        """The zone of its times."""
        return self._zone

    def __call__(self, name: str, **values: object) -> str:
        """The words called `name`; a name that is not known is shown as it came."""
        found = WORDS.get(name)
        if found is None:
            return name.partition(".")[2] or name
        return found[self._zh].format(**values)

    def knows(self, name: str) -> bool:
        """Whether there are words for `name`."""
        return name in WORDS

    def number(self, value: float) -> str:
        """A whole number with thousands marked."""
        return f"{value:,.0f}"

    def share(self, ratio: float, digits: int = 0) -> str:
        """A share in percent."""
        return f"{100 * ratio:.{digits}f}{'%' if self._zh else ' %'}"

    def share_bounds(self, low: float, high: float, n: int) -> str:
        """An interval of a share, with n."""
        first = f"{100 * low:.0f}{'%' if self._zh else ''}"
        return self("interval", low=first, high=self.share(high), n=self.number(n))

    def points(self, value: float) -> str:
        """NPS points with their sign; a true minus, and zero without one."""
        whole = round(value)
        return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole)}"

    def time(self, at: datetime, seconds: bool = False) -> str:
        """The time of day on a 24-hour clock."""
        return at.astimezone(self._zone).strftime("%H:%M:%S" if seconds else "%H:%M")

    def day(self, at: datetime) -> str:
        """The day: `2 Mar`, `3月2日`."""
        local = at.astimezone(self._zone)
        if self._zh:
            return f"{local.month}月{local.day}日"
        return f"{local.day} {_MONTHS[local.month - 1]}"

    def moment(self, at: datetime, seconds: bool = False) -> str:
        """An instant with its day; seconds where there are some, with all their parts where they
        are asked for."""
        local = at.astimezone(self._zone)
        weekday = _DAYS[self.language][local.weekday()]
        day = f"{self.day(at)} {weekday}" if self._zh else f"{weekday} {self.day(at)}"
        time = self.time(at, seconds or bool(local.second))
        if seconds and local.microsecond:
            time += f".{local.microsecond:06d}".rstrip("0")
        return f"{day} {time}"

    def tick(self, at: datetime, day: bool) -> str:
        """An instant on an axis: the day, or the time of day with the day where one begins."""
        local = at.astimezone(self._zone)
        if day or (local.hour == 0 and local.minute == 0):
            return self.day(at) if local.hour == 0 else f"{self.day(at)} {self.time(at)}"
        return self.time(at)

    def exact(self, seconds: float) -> str:
        """A length with nothing left out: `4 h 2 min 8 s`; hours are not folded into days."""
        whole, fraction = divmod(round(abs(seconds) * 1_000_000), 1_000_000)
        _, hour, minute, second = _UNITS[self.language]
        parts = []
        if whole >= 3_600:
            parts.append(f"{whole // 3_600:,}{hour}")
        if whole // 60 % 60:
            parts.append(f"{whole // 60 % 60}{minute}")
        if whole % 60 or fraction or not parts:
            rest = str(whole % 60) + (f".{fraction:06d}".rstrip("0") if fraction else "")
            parts.append(f"{rest}{second}")
        return " ".join(parts)

    def duration(self, seconds: float, fine: bool = True) -> str:
        """A length such as `1 h 12 min`: two units at most; seconds under ten minutes if `fine`."""
        whole = abs(round(seconds))
        days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
        day, hour, minute, second = _UNITS[self.language]
        if days:
            return f"{days}{day}" + (f" {hours}{hour}" if hours else "")
        if hours:
            return f"{hours}{hour}" + (f" {minutes}{minute}" if minutes else "")
        if whole >= 600 or (whole >= 60 and not fine):
            return f"{minutes}{minute}"
        return (f"{minutes}{minute} " if minutes else "") + f"{whole % 60}{second}"

    def brief(self, seconds: float) -> tuple[int, str]:
        """A length as one number and its unit: to 59 s, to 99 min, to 47 h, then days."""
        whole = max(0, round(seconds))
        day, hour, minute, second = _UNITS[self.language]
        if whole < 60:
            return whole, second
        if whole < 100 * 60:
            return whole // 60, minute
        return (whole // 3_600, hour) if whole < 48 * 3_600 else (whole // 86_400, day)

    def left(self, seconds: float) -> str:
        """Time left, or how late: one unit is enough once it is late."""
        if seconds < 0:
            number, unit = self.brief(-seconds)
            return self("late", time=f"{number}{unit}")
        return self.duration(seconds)


def language_of(wanted: str | None, accepted: str) -> str:
    """The language asked for in the address, else the first the browser accepts that we speak."""
    if wanted in LANGUAGES:
        return wanted
    for tag in _by_preference(accepted):
        prefix = tag.lower().partition("-")[0]
        if prefix in LANGUAGES:
            return prefix
    return EN


def _by_preference(accepted: str) -> Iterable[str]:
    """The tags of an Accept-Language header, most wanted first."""
    weighted = []
    for part in accepted.split(",")[:32]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), tag.strip()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighted, key=lambda each: each[0]) if weight]
