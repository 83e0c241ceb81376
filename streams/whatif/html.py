"""The what-if report as one HTML page: charts and tables in English and Chinese, self-contained."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from agents.complaints.sla.durations import format_duration
from agents.complaints.sla.whatif import Change
from streams.whatif.charts import bars, columns
from streams.whatif.report import Changes, PolicyReport, Report, local

STYLE = (Path(__file__).with_name("report.css")).read_text("utf-8")
LISTED = 500
"""Changed verdicts listed on the page of each kind; JSON has all."""

BY = ("target", "channel", "tier", "region", "team", "month")

ZH = {
    "What if": "假设分析",
    "Promises kept": "承诺兑现率",
    "by target": "按承诺",
    "by channel": "按渠道",
    "by tier": "按客户等级",
    "by region": "按地区",
    "by team": "按团队",
    "by month": "按月份",
    "Broken promises by month": "每月超时数",
    "How late": "超时多久",
    "Pages by hour of day": "一天中各小时的呼叫数",
    "On call": "值班负担",
    "policy": "策略",
    "version": "版本",
    "met": "按时",
    "breached": "超时",
    "open": "进行中",
    "ended": "无结论",
    "kept": "兑现率",
    "newly breached": "新增超时",
    "no longer breached": "不再超时",
    "complaint": "投诉",
    "target": "承诺",
    "channel": "渠道",
    "tier": "等级",
    "team": "团队",
    "region": "地区",
    "month": "月份",
    "started": "开始",
    "due": "到期",
    "ended at": "结束",
    "due otherwise": "另一策略到期",
    "not promised": "未承诺",
    "breaches": "超时数",
    "50% late by": "50% 超时不超过",
    "90%": "90%",
    "99%": "99%",
    "longest": "最长",
    "warnings": "预警",
    "pages": "呼叫",
    "pages an hour": "每小时呼叫",
    "busiest hour": "最忙的一小时",
    "complaints": "件投诉",
    "events": "个事件",
    "as of": "截至",
    "instead of": "代替",
    "less than": "少于",
    "or more": "以上",
    "and more": "条未列出，JSON 中有全部",
}
HELD_FIXED_ZH = (
    "客服的回复保持不变：这里是同样的工作在另一承诺下会兑现和违反多少，"
    "而不是对人们会如何工作的预测。"
)


def as_html(report: Report, lang: str = "en") -> str:
    """The page; `lang` is the language it opens in, a switch shows the other."""
    zone = ZoneInfo(report.timezone)
    body = [_head(report, zone), _kept(report.policies), *map(_by_table(report.policies), BY)]
    body += [_months(report.policies), _late(report), _load(report.policies, zone)]
    body += [_changes(changes, zone) for changes in report.changes]
    checked = " checked" if lang == "zh" else ""
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>manyi: What if · 假设分析</title><style>{STYLE}</style></head><body>"
        f'<input type="checkbox" id="zh" class="vh"{checked}>'
        '<header class="top"><b>manyi <span>满意</span></b>'
        '<label for="zh" class="btn"><span class="en">中文</span><span class="zh">English</span>'
        f"</label></header><main>{''.join(body)}</main></body></html>\n"
    )


def t(text: str) -> str:
    """A text of the page in both languages; the switch hides one."""
    return f'<span class="en">{escape(text)}</span><span class="zh" lang="zh">{ZH[text]}</span>'


def _head(report: Report, zone: ZoneInfo) -> str:
    names = " · ".join(f"{escape(one.name)} ({escape(one.version)})" for one in report.policies)
    notes = "".join(f"<li>{escape(note)}.</li>" for note in report.notes)
    check = report.self_check
    if check is not None:
        style = ' class="bad"' if check.differ else ""
        notes += f"<li{style}>{escape(check.says)}</li>"
        notes += "".join(f"<li class='bad'>{escape(one)}</li>" for one in check.differences)
    held = f'<span class="en">{escape(report.held_fixed)}</span>'
    return (
        f"<h1>{t('What if')}: {names}</h1>"
        f'<p class="note">{held}<span class="zh" lang="zh">{HELD_FIXED_ZH}</span></p>'
        f"<p>{report.complaints:,} {t('complaints')}, {report.events:,} {t('events')} "
        f"({escape(report.source)}), {t('as of')} {local(report.until, zone)} "
        f"{escape(report.timezone)}</p><ul>{notes}</ul>{_legend(report.policies)}"
    )


def _legend(policies: Sequence[PolicyReport]) -> str:
    items = "".join(
        f'<li><i class="s{number % 4}"></i>{escape(one.name)}</li>'
        for number, one in enumerate(policies)
    )
    return f'<ul class="legend">{items}</ul>'


def _section(title: str, *content: str) -> str:
    return f'<section class="card"><h2>{title}</h2>{"".join(content)}</section>'


def _kept(policies: Sequence[PolicyReport]) -> str:
    labels = _labels(policies, "target")
    series = [
        (one.name, [_ratios(one, "target").get(label) for label in labels]) for one in policies
    ]
    return _section(t("Promises kept"), bars(labels, series, share=True, title="Promises kept"))


def _labels(policies: Sequence[PolicyReport], dimension: str) -> list[str]:
    found = dict.fromkeys(row.labels[dimension] for one in policies for row in one.by[dimension])
    return list(found) if dimension == "target" else sorted(found)


def _ratios(policy: PolicyReport, dimension: str) -> dict[str, float | None]:
    return {row.labels[dimension]: row.kept_ratio for row in policy.by[dimension]}


def _by_table(policies: Sequence[PolicyReport]) -> "_ByTable":
    return _ByTable(policies)


class _ByTable:
    """Makes the table of one dimension."""

    def __init__(self, policies: Sequence[PolicyReport]) -> None:
        self.policies = policies

    def __call__(self, dimension: str) -> str:
        rows = []
        for label in _labels(self.policies, dimension):
            for policy in self.policies:
                found = [r for r in policy.by[dimension] if r.labels[dimension] == label]
                for row in found:
                    kept = "" if row.kept_ratio is None else f"{row.kept_ratio:.1%}"
                    counts = (row.met, row.breached, row.open, row.ended)
                    rows.append(
                        [label or "-", policy.name, *(f"{count:,}" for count in counts), kept]
                    )
        heads = [dimension, "policy", "met", "breached", "open", "ended", "kept"]
        title = f"{t('Promises kept')} {t(f'by {dimension}')}"
        return _section(title, _table(heads, rows, left=2))


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], left: int) -> str:
    head = "".join(
        f"<th{'' if number < left else ' class=num'}>{t(name)}</th>"
        for number, name in enumerate(heads)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{'' if number < left else ' class=num'}>{escape(cell)}</td>"
            for number, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{table}</div>'


def _months(policies: Sequence[PolicyReport]) -> str:
    labels = _labels(policies, "month")
    series = []
    for one in policies:
        counts = {row.labels["month"]: float(row.breached) for row in one.by["month"]}
        series.append((one.name, [counts.get(label, 0.0) for label in labels]))
    title = "Broken promises by month"
    return _section(t(title), columns(labels, series, title=title))


def _late(report: Report) -> str:
    cuts = [format_duration(cut) for cut in report.late_cuts_seconds]
    labels = [f"{low} – {high}" for low, high in pairwise(cuts)]
    labels.append(f"≥ {cuts[-1]}")
    series = [(one.name, [float(n) for n in one.late_counts]) for one in report.policies]
    return _section(t("How late"), bars(labels, series, share=False, title="How late"))


def _load(policies: Sequence[PolicyReport], zone: ZoneInfo) -> str:
    hours = [f"{hour:02}" for hour in range(24)]
    series = [(one.name, [float(n) for n in one.on_call.by_hour_of_day]) for one in policies]
    heads = ["policy", "breaches", "50% late by", "90%", "99%", "longest", "warnings", "pages",
             "pages an hour", "busiest hour"]  # fmt: skip
    rows = []
    for one in policies:
        late, load = one.lateness, one.on_call
        shown = [format_duration(round(seconds)) for seconds in late.quantiles.values()]
        busiest = local(load.busiest_hour, zone)
        rows.append(
            [
                one.name,
                f"{late.count:,}",
                *(shown or ["", "", ""]),
                format_duration(round(late.longest_seconds)) if late.count else "",
                f"{load.warnings:,}",
                f"{load.pages:,}",
                f"{load.pages_an_hour:.2f}",
                f"{busiest} ({load.busiest_hour_pages})" if busiest else "",
            ]
        )
    title = "Pages by hour of day"
    chart = columns(hours, series, title=title)
    return _section(t("On call"), _table(heads, rows, left=1), f"<h3>{t(title)}</h3>", chart)


def _changes(changes: Changes, zone: ZoneInfo) -> str:
    title = f"{escape(changes.second)} {t('instead of')} {escape(changes.first)}"
    return _section(
        title,
        _listed("newly breached", changes.newly_breached, zone),
        _listed("no longer breached", changes.no_longer_breached, zone),
    )


def _listed(name: str, found: Sequence[Change], zone: ZoneInfo) -> str:
    heads = ["complaint", "target", "channel", "tier", "started", "due", "ended at",
             "due otherwise"]  # fmt: skip
    rows = [_change(row, zone) for row in found[:LISTED]]
    more = len(found) - LISTED
    rest = f"<p>{more:,} {t('and more')}</p>" if more > 0 else ""
    table = _table(heads, rows, left=len(heads)) if rows else ""
    return f"<details open><summary>{t(name)}: {len(found):,}</summary>{table}{rest}</details>"


def _change(row: Change, zone: ZoneInfo) -> list[str]:
    def when(at: datetime | None) -> str:
        return local(at, zone)

    other = "–" if row.other_due_at is None else when(row.other_due_at)
    return [row.complaint_id, row.target, row.channel, row.tier, when(row.started_at),
            when(row.due_at), when(row.ended_at), other]  # fmt: skip
