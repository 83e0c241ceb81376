"""Own words: quotes, signatures and markup go, what the customer wrote stays, nothing raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.detection.clean import INPUT_CHARS, own_words
from schemas import limits
from schemas.common import Channel, TextFormat


def mail(text: str, subject: str | None = None) -> str:
    """The own words of a plain mail."""
    return own_words(text, channel=Channel.EMAIL, subject=subject)


WORDS = "My order has not arrived."

QUOTED = [
    "On Mon, Apr 2, 2012 at 6:26 PM, Ann <a@b.com> wrote:\n\n> We are sorry\n> for that",
    "On Apr 3, 2012, at 4:19 PM, Customer Care\n<care@shop.com> wrote:\n> sorry",
    "> On 22 Aug 2015, at 19:21, Ann <a@b.com> wrote:\n>\n> sorry",
    "-----Original Message-----\nFrom: Care <c@d.com>\nSent: Monday\nSubject: Re\n\nsorry",
    "----- Forwarded Message -----\nwhatever stands here",
    "________________________________\nFrom: Care\nSent: Monday\nTo: me\nSubject: RE: x\n\nsorry",
    "From: Care <c@d.com>\nDate: 2 May 2020\nTo: me\nSubject: your order\n\nsorry",
    "发件人: 客服 <c@d.com>\n发送时间: 2024年3月1日 10:00\n收件人: 我\n主题: 回复\n\n抱歉",
    "發件人：客服\n寄件日期：2024年3月1日\n收件者：我\n主旨：回覆\n\n抱歉",
    "------------------ 原始邮件 ------------------\n发件人: x\n\n抱歉",
    "---- 回复的原邮件 ----\n抱歉",
    '在 2024-03-01 10:00:00，"客服" <c@d.com> 写道：\n\n抱歉',
    "客服 <c@d.com> 于2024年3月1日周五 10:00写道：\n\n> 抱歉",
    "02.04.2012 14:20 пользователь Анна <\na@b.com> написал:\n\n> простите",
    "Am 26.06.2014 um 14:41 schrieb Ann:\n> sorry",
]


@pytest.mark.parametrize("quote", QUOTED)
def test_quoted_mail_goes(quote: str) -> None:
    """What another message said is cut away, in the forms that mail clients write."""
    assert mail(f"{WORDS}\n\n{quote}") == WORDS


def test_answers_below_and_between_quotes_stay() -> None:
    """Only marked lines are quoted: a customer may answer below or between them."""
    text = "On 04/02/2012 06:26 PM, Ann wrote:\n> Is it late?\nYes.\n> How late?\nThree weeks."

    assert mail(text) == "Yes.\nThree weeks."


@pytest.mark.parametrize(
    "text",
    [
        "I fly\nFrom: Berlin\nTo: Paris\nDate: 3 May\nand it was late",
        "On your site you wrote:\nfree returns. That is not true.",
        "你们客服在微信里写道：\n可以退货，结果不退",
        ">:( I am angry",
        "Still nothing.\n\nThanks\nI am angry",
        "已经三次了\n\n谢谢\n我很生气",
        "Thank you",
        "I paid 5 > 3 and 2 < 4",
    ],
)
def test_own_words_that_look_like_quotes_stay(text: str) -> None:
    """A journey, a quotation in a sentence, a face, a curt closing are the customer's own."""
    assert mail(text) == text


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnn Smith\nLegal Department",
        "Sent from my iPhone",
        "Get Outlook for iOS",
        "发自我的iPhone",
        "從我的 iPhone 傳送",
        "Best regards,\nAnn Smith\nHead of Complaints\nACME Ltd.\n+44 20 7946 0000",
        "此致\n敬礼\n王小明\n投诉部经理\n电话：010-12345678",
        "Gina Miller\ngina@example.com\n(555) 346-9947\nwww.example.com",
        "--------\n\nJohn Doe\n\nt. 555-931-0702\n\nhttp://example.com/",
        "CONFIDENTIALITY NOTICE: unauthorised use may lead to legal action",
        "This e-mail and any attachments are confidential. Legal action may be taken.",
        "本邮件及其附件含有保密信息，违者将追究法律责任",
    ],
)
def test_signatures_and_disclaimers_go(signature: str) -> None:
    """Titles, offices and legal notices below the words accuse nobody."""
    assert mail(f"{WORDS}\n\n{signature}") == WORDS


def test_a_postscript_stays() -> None:
    """People put what matters most below their name."""
    assert mail(f"{WORDS}\n\nRegards,\nAnn\n\nPS: I want my money back.") == (
        f"{WORDS}\n\nPS: I want my money back."
    )


def test_the_subject_of_a_new_mail_belongs_to_the_words() -> None:
    """An answer's subject repeats somebody else's."""
    assert mail(WORDS, subject="Complaint") == f"Complaint\n{WORDS}"
    assert mail(WORDS, subject="Re: Complaint") == WORDS
    assert mail(WORDS, subject="回复：投诉") == WORDS


def test_html_becomes_what_a_reader_sees() -> None:
    """Markup, styles and quoted blocks go; blocks become lines, entities characters."""
    page = (
        "<html><head><title>x</title><style>p {}</style></head><body><p>My order<br>has&nbsp;not"
        " arrived &amp; I wait.</p><div class='gmail_quote'>On Thu, Jun 26, 2014 at 2:14 PM, Care"
        " &lt;c@d.com&gt; wrote:<blockquote><p>sorry</p></blockquote></div></body></html>"
    )

    words = own_words(page, channel=Channel.EMAIL, text_format=TextFormat.HTML)

    assert words == "My order\nhas not arrived & I wait."
    assert own_words(page, channel=Channel.EMAIL) == words, "HTML that calls itself plain"


def test_chat_keeps_its_lines_and_loses_the_quoted_message() -> None:
    """Chat has no signatures, but WeChat quotes the message it answers inside the text."""
    assert own_words("Thanks,\nAnn", channel=Channel.CHAT) == "Thanks,\nAnn"
    assert own_words("「客服：您好」\n- - - - - - - -\n没收到", channel=Channel.CHAT) == "没收到"


AWKWARD = st.text(
    alphabet=st.one_of(
        st.sampled_from("<>/-_=*:：\n\r\t\0 @12aA在于写道\u2028\ud800\u200b&#;「」'\""),
        st.characters(),
    ),
    max_size=300,
)
PIECES = st.lists(
    st.sampled_from(
        [*QUOTED, "<p>", "</blockquote>", "<blockquote>", "<!--", "<style>", "Thanks,\n", "-- \n"]
    )
    | AWKWARD,
    max_size=6,
).map("\n".join)


@given(PIECES, st.sampled_from(Channel), st.sampled_from(TextFormat), AWKWARD | st.none())
def test_any_text_gives_clean_words(
    text: str, channel: Channel, text_format: TextFormat, subject: str | None
) -> None:
    """Whatever comes in, words come out: bounded, without NUL, surrogates or foreign breaks."""
    words = own_words(text, channel=channel, subject=subject, text_format=text_format)

    assert len(words) <= limits.TEXT
    assert words == words.strip()
    assert not set("\0\r\u2028\ufeff") & set(words)
    words.encode("utf-8")


@given(PIECES)
def test_cleaning_plain_mail_twice_changes_nothing_more(text: str) -> None:
    """No mark of the first pass is mistaken for a quote by the second, or the words shrink."""
    once = mail(text)

    assert len(mail(once)) <= len(once)


HOSTILE_CHARS = 100_000
"""Half of the longest body; with it the quadratic parsers tried here ran for minutes."""

LINES = ["On 1\n", "On 1 ", "> ", "From: a\n", "----\n", "Thanks\n", "在 1\n", "1:1:\n", "\n", "\0"]
LINES += ["this email ", "1:\n>\n", "sent from ", "\ud800", "\r", "-", " "]
MARKUP = ["<", "<!--", "<a b='", "</", "<style>", "<div>", "<blockquote>a", "&#", "<pre>\n"]


@pytest.mark.parametrize("piece", [*LINES, *MARKUP])
def test_long_hostile_texts_end(piece: str) -> None:
    """Crafted repetitions take time in proportion; quadratic steps would run into the time-out."""
    text = (piece * (HOSTILE_CHARS // len(piece) + 1))[:HOSTILE_CHARS]
    text_format = TextFormat.HTML if piece in MARKUP else TextFormat.PLAIN

    own_words(text, channel=Channel.EMAIL, text_format=text_format, subject=text[:998])


def test_input_beyond_the_limit_is_not_looked_at() -> None:
    """The named limit bounds the work for callers that do not cut."""
    assert mail("a" * INPUT_CHARS + "\n\nlast") == "a" * limits.TEXT
