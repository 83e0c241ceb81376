"""Mail that no person wrote: bounces, automatic replies, lists and notifications, by their headers.

Such mail opens no complaint and stops no clock. Sources: RFC 3834 (Auto-Submitted, null return
path), RFC 3462 and 3464 (multipart/report, delivery status), RFC 2919 and 2369 (List-*), and the
subjects that mail systems in use write in English and Chinese. Each verdict names its rule, so that
a wrong one can be explained and mended.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from enum import StrEnum

from msgspec import Struct

from schemas.email import AutoKind

HEADER_CHARS = 1_000
"""No header that matters here is longer; the rest is not looked at."""


class AutoRule(StrEnum):
    """What gave a mail away."""

    DECLARED = "declared_by_source"
    DELIVERY_REPORT = "content_type_delivery_report"
    FAILED_RECIPIENTS = "x_failed_recipients"
    DAEMON_SENDER = "from_mail_daemon"
    BOUNCE_SUBJECT = "bounce_subject"
    NULL_SENDER = "null_return_path"
    READ_RECEIPT = "content_type_read_receipt"
    FEEDBACK_REPORT = "content_type_feedback_report"
    AUTO_REPLIED = "auto_submitted_replied"
    AUTO_REPLY_HEADER = "auto_reply_header"
    AUTO_REPLY_SUBJECT = "auto_reply_subject"
    LIST_HEADER = "list_header"
    PRECEDENCE = "precedence_bulk"
    CAMPAIGN_HEADER = "campaign_header"
    AUTO_GENERATED = "auto_submitted_generated"
    NO_REPLY_SENDER = "from_no_reply"
    NOTHING = "nothing_found"


class AutoVerdict(Struct, frozen=True):
    """The kind of a mail, the rule that decided, and what it matched (at most 200 characters)."""

    kind: AutoKind
    rule: AutoRule
    evidence: str = ""


class _Mail(Struct, frozen=True):
    """The fields in one spelling: headers in lower case, repeated ones joined."""

    subject: str
    sender: str
    reply_to: str
    has_null_sender: bool
    headers: Mapping[str, str]
    is_own_list: bool


_ANSWERED = re.compile(r"\s*(?:re|fwd?|aw|wg|回复|答复|转发|回覆|轉寄)\s*[:：]", re.I)

_BOUNCE_SUBJECT = re.compile(
    r"\W{0,4}(?:undeliver(?:ed|able)\b|undelivered mail returned to sender|(?:mail |message |"
    r"e-?mail )?delivery (?:status notification|failure|failed|has failed|"
    r"problem|error|report|unsuccessful|notification)|"
    r"mail delivery (?:failed|failure|warning|problem|error|system|status)|"
    r"returned (?:mail|e-?mail|to sender)|"
    r"failure notice|mail (?:system )?error|nondeliverable|non-?delivery|could not (?:send|"
    r"deliver) (?:your )?(?:message|mail)|"
    r"message (?:undeliverable|could not be delivered|not delivered|status - undeliverable|"
    r"delayed)|"
    r"warning: (?:could not send|message)|delivery (?:delayed|temporarily)|"
    r"(?:permanent |fatal |temporary )delivery failure|(?:mail|message) could not be delivered|"
    r"failed mail\b|"
    r"(?:系统)?退信|邮件(?:投递|发送|传送)失败|郵件(?:投遞|傳送)失敗|未送达|未送達|无法(?:投递|"
    r"送达)|無法(?:投遞|傳遞|送達)|传递状态通知|"
    r"来自.{1,40}的退信)",
    re.I,
)
_DAEMON = re.compile(
    r"(?:mailer|mail|mda)[-_. ]?(?:daemon|deamon)|\bmdaemon@|mail delivery (?:subsystem|"
    r"system)",
    re.I,
)
_POSTMASTER = re.compile(
    r"(?:^|<)(?:postmaster|mmdf|uucp|smtp|bounce|bounces)(?:[+._-][^@]{0,64})?@|"
    r"mail (?:administrator|system|router)|"
    r"postmaster\b",
    re.I,
)

_AUTO_REPLY_SUBJECT = re.compile(
    r"\W{0,4}(?:(?:automatic|automated|auto|automatische)[- ]?(?:reply|response|responder|answer|"
    r"antwort)\b|autoreply\b|autoresponse\b|auto:|"
    r"out[- ]of[- ](?:the[- ])?office(?:$|\s*[:(\[–—-]|\s+(?:auto|reply|notification|message|"
    r"until|from|re\b))|ooo\b\s*[:\-]|"
    r"(?:on |annual )?vacation (?:reply|notice|message|response)|away from (?:the |my )?(?:office|"
    r"desk|mail|e-?mail)|"
    r"abwesenheit(?:snotiz|sassistent)?\b|réponse automatique|respuesta automática|"
    r"risposta automatica|"
    r"自动(?:回复|答复|应答)|自動(?:回覆|回復|答覆)|(?:不在|离开)办公室|(?:不在|離開)辦公室|"
    r"外出(?:通知|自动)|休假(?:通知|自动|中))",
    re.I,
)

_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "mailing-list",
    "x-mailing-list",
)
_CAMPAIGN_HEADERS = (
    "x-campaign",
    "x-campaign-id",
    "x-campaignid",
    "x-mc-user",
    "feedback-id",
    "x-sg-campaign",
)
_REPLY_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-auto-reply-from",
)
_BULK = re.compile(r"\b(?:bulk|list|junk)\b")
_NO_REPLY = re.compile(
    r"(?:^|<)(?:no|not|do[-_.]?not|never)[-_.]?repl(?:y|ies)[^@]{0,64}@|(?:^|<)(?:notifications?|"
    r"alerts?|system)@",
    re.I,
)


def auto_kind_of(
    *,
    subject: str | None = None,
    from_address: str | None = None,
    reply_to: str | None = None,
    envelope_from: str | None = None,
    headers: Mapping[str, str | Sequence[str]] | None = None,
    declared: AutoKind | None = None,
    own_domains: Collection[str] = (),
) -> AutoVerdict:
    """Say what kind of automatic mail this is, or `none`, with the rule that decided. Never raises.

    `envelope_from` is the return path: None if unknown, `""` or `<>` if null. `own_domains` are the
    company's own: a support address that is itself a group puts List-Id on every customer's mail,
    which says nothing. A `declared` kind of the source wins, except `none` and `other`, which are
    no proof.
    """
    if declared is not None and declared not in (AutoKind.NONE, AutoKind.OTHER):
        return AutoVerdict(declared, AutoRule.DECLARED, declared.value)
    mail = _read(subject, from_address, reply_to, envelope_from, headers or {}, own_domains)
    for decide in _DECISIONS:
        verdict = decide(mail)
        if verdict is not None:
            return verdict
    return AutoVerdict(AutoKind.NONE, AutoRule.NOTHING)


def _read(
    subject: str | None,
    sender: str | None,
    reply_to: str | None,
    envelope_from: str | None,
    headers: Mapping[str, str | Sequence[str]],
    own_domains: Collection[str],
) -> _Mail:
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        text = value if isinstance(value, str) else " ".join(map(str, value))
        lowered[name.strip().lower()] = text[:HEADER_CHARS].strip().lower()
    if envelope_from is None:
        envelope_from = lowered.get("return-path")
    listed = " ".join(lowered.get(name, "") for name in ("list-id", "list-post", "mailing-list"))
    return _Mail(
        subject=_decoded(subject if subject is not None else _first(headers, "subject")),
        sender=(sender if sender is not None else lowered.get("from", ""))[:HEADER_CHARS],
        reply_to=(reply_to if reply_to is not None else lowered.get("reply-to", ""))[:HEADER_CHARS],
        has_null_sender=envelope_from is not None and envelope_from.strip() in ("", "<>"),
        headers=lowered,
        is_own_list=any(domain.lower() in listed for domain in own_domains if domain),
    )


def _first(headers: Mapping[str, str | Sequence[str]], name: str) -> str:
    """Return a header as it was written: encoded words must keep their case."""
    for written, value in headers.items():
        if written.strip().lower() == name:
            return value if isinstance(value, str) else next(iter(map(str, value)), "")
    return ""


def _decoded(subject: str) -> str:
    """Read encoded words (RFC 2047): raw headers hold Chinese subjects as `=?utf-8?B?…?=`."""
    subject = subject[:HEADER_CHARS]
    if "=?" not in subject:
        return subject
    try:
        return str(make_header(decode_header(subject)))[:HEADER_CHARS]
    except (ValueError, LookupError, HeaderParseError):
        return subject  # mangled on the way: judged as it stands


def _bounce(mail: _Mail) -> AutoVerdict | None:
    content_type = mail.headers.get("content-type", "")
    is_report = content_type.startswith("multipart/report")
    if "delivery-status" in content_type:
        return _found(AutoKind.BOUNCE, AutoRule.DELIVERY_REPORT, content_type)
    if "x-failed-recipients" in mail.headers:
        return _found(
            AutoKind.BOUNCE, AutoRule.FAILED_RECIPIENTS, mail.headers["x-failed-recipients"]
        )
    if (daemon := _DAEMON.search(mail.sender)) is not None:
        return _found(AutoKind.BOUNCE, AutoRule.DAEMON_SENDER, daemon[0])
    # "Re: Undeliverable" is a person writing about a bounce.
    told = None if _ANSWERED.match(mail.subject) else _BOUNCE_SUBJECT.match(mail.subject)
    if told is not None:
        return _found(AutoKind.BOUNCE, AutoRule.BOUNCE_SUBJECT, told[0])
    is_reply = _AUTO_REPLY_SUBJECT.match(mail.subject) or "auto-replied" in mail.headers.get(
        "auto-submitted", ""
    )
    postmaster = _POSTMASTER.search(mail.sender)
    if (
        mail.has_null_sender
        and not is_reply
        and (postmaster or is_report or not mail.headers.get("auto-submitted"))
    ):
        return _found(AutoKind.BOUNCE, AutoRule.NULL_SENDER, "<>")
    return None


def _auto_reply(mail: _Mail) -> AutoVerdict | None:
    if "disposition-notification" in mail.headers.get("content-type", ""):
        return _found(AutoKind.AUTO_REPLY, AutoRule.READ_RECEIPT, mail.headers["content-type"])
    if "auto-replied" in mail.headers.get("auto-submitted", ""):
        return _found(AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLIED, mail.headers["auto-submitted"])
    for name in _REPLY_HEADERS:
        if mail.headers.get(name, "no") not in ("no", "false"):
            return _found(AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_HEADER, name)
    if "auto_reply" in mail.headers.get("precedence", ""):
        return _found(AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_HEADER, "precedence")
    if (told := _AUTO_REPLY_SUBJECT.match(mail.subject)) is not None:
        return _found(AutoKind.AUTO_REPLY, AutoRule.AUTO_REPLY_SUBJECT, told[0])
    return None


def _bulk(mail: _Mail) -> AutoVerdict | None:
    if mail.is_own_list:
        return None
    for name in _LIST_HEADERS:
        if name in mail.headers:
            return _found(AutoKind.BULK, AutoRule.LIST_HEADER, f"{name}: {mail.headers[name]}")
    if _BULK.search(mail.headers.get("precedence", "")):
        return _found(AutoKind.BULK, AutoRule.PRECEDENCE, mail.headers["precedence"])
    for name in _CAMPAIGN_HEADERS:
        if name in mail.headers:
            return _found(AutoKind.BULK, AutoRule.CAMPAIGN_HEADER, name)
    return None


def _auto_generated(mail: _Mail) -> AutoVerdict | None:
    submitted = mail.headers.get("auto-submitted", "no")
    if submitted and not submitted.startswith("no"):
        return _found(AutoKind.AUTO_GENERATED, AutoRule.AUTO_GENERATED, submitted)
    if "feedback-report" in mail.headers.get("content-type", ""):
        return _found(
            AutoKind.AUTO_GENERATED, AutoRule.FEEDBACK_REPORT, mail.headers["content-type"]
        )
    sender = _NO_REPLY.search(mail.sender)
    # A contact form sends from no-reply@ and names the customer in Reply-To: those are a customer's
    # words.
    if sender is not None and (not mail.reply_to or _NO_REPLY.search(mail.reply_to)):
        return _found(AutoKind.AUTO_GENERATED, AutoRule.NO_REPLY_SENDER, sender[0])
    return None


# Order matters: a bounce may say auto-replied (Postfix does), an automatic reply may say
# Precedence: bulk.
_DECISIONS: tuple[Callable[[_Mail], AutoVerdict | None], ...] = (
    _bounce,
    _auto_reply,
    _bulk,
    _auto_generated,
)


def _found(kind: AutoKind, rule: AutoRule, evidence: str) -> AutoVerdict:
    return AutoVerdict(kind, rule, evidence[:200])
