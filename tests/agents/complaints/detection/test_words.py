"""Complaints in words: what is one, what is none, how severe, about what, wanting what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.complaints.detection.findings import Cause, Demand, Detection, RuleLanguage
from agents.complaints.detection.traditional import TRADITIONAL
from agents.complaints.detection.words import (
    HEAD_CHARS,
    MAX_SPANS,
    REASON_CHARS,
    TAIL_CHARS,
    THRESHOLD,
    detect_words,
)
from schemas.complaint import Severity

COMPLAINTS_EN = [
    "I want to complain about your service.",
    "How do I make a complaint?",
    "This is not acceptable.",
    "My parcel never arrived and nobody answers my emails.",
    "I have been waiting 3 weeks for my order and still no reply",
    "I have called three times and nobody called me back",
    "Worst experience ever",
    "You are scammers",
    "The driver was extremely rude to my mother",
    "I am writing to express my dissatisfaction with the handling of my claim",
    "The product stopped working after two days, this is a joke",
    "I'm not happy with the way I was treated",
    "I've been charged twice and you refuse to refund me",
    "Not worth the money, never again!",
    "The item arrived broken and smells awful",
    "we are really upset that the engineer didn't turn up",
]
COMPLAINTS_ZH = [
    "我要投诉你们的客服",
    "怎么投诉你们？",
    "服务态度太差了",
    "已经打了三次电话了，没人处理",
    "快递一个星期了还没到，太慢了",
    "买到假货，骗子",
    "再也不会来了",
    "垃圾公司",
    "客服一直不回复",
    "质量太差，用了两天就坏了",
    "等了两个小时还没上菜，什么服务",
    "非常失望，跟描述完全不符",
    "说好的赠品没有，欺骗消费者",
]
NONE_EN = [
    "How do I make a refund?",
    "What is your refund policy?",
    "Can I return an item I bought last week?",
    "Could you tell me how to exchange a shirt?",
    "Where do I send the broken one for repair?",
    "Not a complaint, just a suggestion",
    "I'm not complaining, just wondering how this works",
    "I have no complaints, great service",
    "No problem at all, thanks!",
    "Thank you so much for your help, not disappointed at all",
    "it wasn't bad",
    "The service was not bad at all",
    "The packages were not damaged",
    "the delivery was fast and without any problems",
    "I can't complain",
    "Is this a scam?",
    "My card is not working",
    "When will my order arrive?",
    "Please cancel my subscription",
    "I need a replacement card, mine expired",
    "My problem has been resolved, thank you",
    "The manager was very helpful",
]
NONE_ZH = [
    "请问怎么退款？",
    "退货流程是什么？",
    "请问可以换货吗",
    "没有投诉的意思",
    "我没有要投诉的意思，只是想问一下",
    "不是投诉，只是建议",
    "不是不满意",
    "没有什么不满意的",
    "谢谢，没有问题了",
    "没有任何问题",
    "质量很好，很满意",
    "不差，下次还来",
    "物流不慢，质量也不差",
    "不是假货，放心购买",
    "我想取消订单",
    "什么时候发货？",
    "问题已解决，谢谢客服",
    "你好，我想修改收货地址",
]


def traditional(text: str) -> str:
    """Write a text in traditional characters, as far as the rules need it."""
    return "".join(TRADITIONAL.get(char, char)[0] for char in text)


def found(text: str) -> Detection:
    """The complaint in a text that must have one."""
    detection = detect_words(text)
    assert detection is not None, text
    return detection


@pytest.mark.parametrize("text", COMPLAINTS_EN + COMPLAINTS_ZH)
def test_complaints_are_found(text: str) -> None:
    """People complain in these words, and the result says which rule heard it."""
    detection = found(text)

    assert detection.score >= THRESHOLD
    assert detection.rules
    assert detection.reason


@pytest.mark.parametrize("text", NONE_EN + NONE_ZH)
def test_questions_denials_and_thanks_are_none(text: str) -> None:
    """Mentioning a refund, denying a complaint or praising wakes nobody."""
    assert detect_words(text) is None


@pytest.mark.parametrize("text", COMPLAINTS_ZH + NONE_ZH)
def test_traditional_characters_are_read_like_simplified_ones(text: str) -> None:
    """The script makes no difference to the decision or its rules."""
    simplified, other = detect_words(text), detect_words(traditional(text))

    assert (simplified and simplified.rules) == (other and other.rules)


@pytest.mark.parametrize(
    "text",
    [
        "If you don't refund me I will contact my lawyer",
        "I'm going to report you to the ombudsman",
        "I will file a chargeback with my bank",
        "I'll post this on social media",
        "The charger caught fire last night",
        "The food made me sick",
        "再不处理我就打12315",
        "１２３１５见",
        "我要起诉你们",
        "再不退款我就去曝光你们",
        "手机充电时冒烟了",
    ],
)
def test_threats_and_injuries_are_critical(text: str) -> None:
    """Lawyers, regulators, the press, chargebacks and harm to people come first."""
    assert found(text).severity is Severity.CRITICAL


def test_severity_is_that_of_the_worst_rule() -> None:
    """A mild sentence beside a grave one does not soften it."""
    assert found("Very bad service.").severity is Severity.LOW
    assert found("Very bad service. The agent was rude.").severity is Severity.HIGH
    assert found("Very bad. The agent was rude. I will sue you.").severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("The agent was rude and unprofessional", Cause.SERVICE),
        ("客服态度恶劣", Cause.SERVICE),
        ("The screen is defective, terrible quality", Cause.PRODUCT),
        ("质量太差，用了两天就坏了", Cause.PRODUCT),
        ("My parcel never arrived, the delivery is weeks late", Cause.DELIVERY),
        ("快递太慢了，一个星期了还没到", Cause.DELIVERY),
        ("I was overcharged and my refund was not credited", Cause.BILLING),
        ("乱扣费，退款一直没到账", Cause.BILLING),
        ("False advertising, you misled me", Cause.PROMISE),
        ("虚假宣传，欺骗消费者", Cause.PROMISE),
        ("叫你们经理来，你们的管理一塌糊涂", Cause.MANAGEMENT),
    ],
)
def test_the_cause_is_what_most_of_the_words_speak_of(text: str, cause: Cause) -> None:
    """One closed list of causes, hinted by the rules and by the things named."""
    assert found(text).cause is cause


@pytest.mark.parametrize(
    ("text", "demands"),
    [
        ("Terrible. I demand a full refund and compensation.", {"refund", "compensation"}),
        ("It arrived broken. I want it replaced or my money back, and I demand an apology.",
         {"replacement", "refund", "apology"}),
        ("Disgusting service, cancel my account and give me an explanation!",
         {"cancellation"}),
        ("I want to speak to your manager", {"escalation"}),
        ("要求退货退款并赔偿", {"refund", "compensation"}),
        ("太差了，必须给我道歉，给我换货", {"apology", "replacement"}),
        ("请给我一个合理的解释", {"explanation"}),
    ],
)  # fmt: skip
def test_demands_are_kept_with_the_complaint(text: str, demands: set[str]) -> None:
    """ISO 10002 asks what the customer wants; several wishes are all kept, once."""
    detection = found(text)

    assert set(detection.demands) == {Demand(demand) for demand in demands}
    assert len(detection.demands) == len(set(detection.demands))


def test_the_reason_quotes_the_words_that_decided() -> None:
    """Whoever is woken reads why: whole words, the weightiest first."""
    detection = found("Hi. It doesn't work at all and I want to complain.")

    assert detection.reason == "complain … doesn't work"
    assert [span.rule for span in detection.spans] == ["en.not_working", "en.complains"]


def test_a_complaint_in_two_languages_is_judged_by_the_stronger() -> None:
    """Mixed texts are read in both languages."""
    assert found("服务 was terrible, I will call my lawyer").language is RuleLanguage.EN
    assert found("OK 我要投诉你们").language is RuleLanguage.ZH


@pytest.mark.parametrize(
    ("tag", "text", "is_read"),
    [
        ("en-GB", "I want to complain", True),
        ("zh-CN", "I want to complain", True),
        ("fr-FR", "terrible complain", False),
        ("en", "我要投诉", True),
        ("zh_TW", "我要投訴", True),
        ("yue", "我要投訴", True),
        ("ja", "投诉", False),
        (None, "投诉について", False),
        ("", "I want to complain", True),
    ],
)
def test_the_script_decides_and_the_tag_keeps_foreign_languages_out(
    tag: str | None, text: str, is_read: bool
) -> None:
    """A wrong tag hides no complaint; French, German or Japanese is not read as ours."""
    assert (detect_words(text, tag) is not None) == is_read


def test_praise_outweighs_a_flaw() -> None:
    """A review that loves the product and names one problem complains of nothing."""
    assert detect_words("Bad.") is None
    assert detect_words("Poor packaging, but excellent phone, great camera, love it") is None
    assert detect_words("Poor packaging") is not None


def test_each_rule_counts_once() -> None:
    """Repeating a word is emphasis, not evidence."""
    assert detect_words("problem " * 50) is None
    assert found("worst " * 100).score == found("worst").score


def test_long_texts_are_examined_at_both_ends() -> None:
    """The named limit bounds the work; what stands in the middle of a book is not looked for."""
    filler = "word " * (HEAD_CHARS + TAIL_CHARS)

    assert detect_words("I want to complain. " + filler) is not None
    assert detect_words(filler + "I want to complain.") is not None
    assert detect_words(filler + "I want to complain. " + filler) is None


PHRASES = st.lists(
    st.sampled_from([*COMPLAINTS_EN, *COMPLAINTS_ZH, *NONE_EN, *NONE_ZH])
    | st.text(
        alphabet=st.sampled_from("not'’ very ,.!?投诉不好是\n\0\ud800 ａ１😡aé") | st.characters(),
        max_size=80,
    ),
    max_size=8,
).map(" ".join)


@given(PHRASES, st.sampled_from([None, "en", "zh", "fr", "x-" * 20]))
def test_any_text_gives_a_sound_result(text: str, tag: str | None) -> None:
    """Spans lie in the text, the evidence is bounded, a finding has rules and score."""
    detection = detect_words(text, tag)

    if detection is not None:
        assert detection.score >= THRESHOLD
        assert detection.rules
        assert set(detection.rules) == {span.rule for span in detection.spans}
        assert 0 < len(detection.reason) <= REASON_CHARS
        assert len(detection.spans) <= MAX_SPANS
        assert all(0 <= span.start < span.end <= len(text) + 1 for span in detection.spans)


@given(st.sampled_from([*COMPLAINTS_EN, *COMPLAINTS_ZH]), st.sampled_from([" ", "\n", "\n\n"]))
def test_neutral_words_around_a_complaint_do_not_hide_it(text: str, space: str) -> None:
    """Greetings before and order numbers after change nothing."""
    around = f"Hello,{space}{text}{space}Order 4711."

    assert detect_words(around) is not None


@pytest.mark.parametrize("text", ["not " * 9, "very ", "no …", "投诉不", "a", "'t ", "not a "])
def test_hostile_repetitions_end(text: str) -> None:
    """Matching takes time in proportion to the text: every repetition in a phrase is bounded."""
    detect_words(text * (50_000 // len(text)))
