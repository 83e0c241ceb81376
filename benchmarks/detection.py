"""How well and how fast complaints are found: `python -m benchmarks.detection [DATA]`.

DATA is a directory of real data (default: `../shared/data` beside the checkout). Rules were written
while reading one half of the rows, chosen by a hash of the text; the figures are of the other half.
CPU time, one core.
"""

import csv
import email
import gzip
import hashlib
import io
import json
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from agents.complaints.detection.auto import auto_kind_of
from agents.complaints.detection.clean import own_words
from agents.complaints.detection.words import detect_words
from schemas.common import Channel, TextFormat
from schemas.email import AutoKind

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

csv.field_size_limit(10_000_000)


class Row(NamedTuple):
    """A text and whether it is a complaint; None where nobody said."""

    text: str
    is_complaint: bool | None


class Score(NamedTuple):
    """What detection made of a set of rows."""

    rows: int
    found: int
    right: int
    complaints: int
    microseconds: float

    @property
    def precision(self) -> float:
        """Share of the found ones that are complaints."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of the complaints that were found."""
        return self.right / self.complaints if self.complaints else 0.0

    @property
    def found_ratio(self) -> float:
        """Share of all rows that were found."""
        return self.found / self.rows if self.rows else 0.0


def is_kept_apart(text: str) -> bool:
    """Tell whether a text belongs to the half that no rule was written on."""
    return bool(hashlib.sha256(text.encode("utf-8", "replace")).digest()[0] & 1)


def _table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def product_reviews(data: Path) -> Iterator[Row]:
    """English product reviews labelled complaint or not by people."""
    for row in _table(data / "complaints_en.csv.gz"):
        text = f"{row['Title'] or ''}. {row['Review_S'] or ''}".replace("\\n", "\n")
        yield Row(text, float(row["Complaint"]) == 1)


def chinese_reviews(data: Path) -> Iterator[Row]:
    """Chinese reviews, negative or positive: a proxy, a bad review need not complain."""
    for row in _table(data / "reviews_zh.csv.gz"):
        yield Row(row["review"], row["label"] == "0")


def bank_queries(data: Path) -> Iterator[Row]:
    """Questions to a bank. Some of them do complain, so this bounds the false alarms from above."""
    for row in _table(data / "banking_queries.csv.gz"):
        yield Row(row["text"], False)


def consumer_complaints(data: Path) -> Iterator[Row]:
    """Complaints to a US regulator, in the consumers' words."""
    for row in _table(data / "cfpb_complaints.csv.gz"):
        if text := row["Consumer complaint narrative"]:
            yield Row(text, True)


def support_remarks(data: Path) -> Iterator[Row]:
    """Remarks of customers who gave 1 or 2 of 5, against those who gave 4 or 5."""
    for row in _table(data / "retail_csat.csv.gz"):
        if (text := row["Customer Remarks"]) and row["CSAT Score"] != "3":
            yield Row(text, int(row["CSAT Score"]) <= 2)


def care_messages(data: Path) -> Iterator[Row]:
    """What customers wrote to companies on Twitter; nobody labelled it."""
    with gzip.open(data / "care_dialogs.json.gz") as file:
        for dialog in json.load(file):
            company = dialog["dialogHeader"]["company"]
            for turn in dialog["dialogContent"]:
                if turn.get("client", company) != company:
                    yield Row(turn["message"], None)


SETS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "product reviews, en": product_reviews,
    "reviews, zh (proxy)": chinese_reviews,
    "bank queries, en": bank_queries,
    "regulator's complaints, en": consumer_complaints,
    "support remarks, en (proxy)": support_remarks,
    "care messages, en": care_messages,
}


def measure(rows: Iterable[Row], limit: int | None = None) -> Score:
    """Run detection over the rows that were kept apart, or about `limit` of them, evenly spread."""
    kept = [row for row in rows if is_kept_apart(row.text)]
    kept = kept[:: max(1, len(kept) // limit)] if limit else kept
    for row in kept:
        detect_words(row.text)  # phrases are compiled when first met
    started = time.process_time()
    found = [detect_words(row.text) is not None for row in kept]
    seconds = time.process_time() - started
    return Score(
        rows=len(kept),
        found=sum(found),
        right=sum(hit and bool(row.is_complaint) for hit, row in zip(found, kept, strict=True)),
        complaints=sum(bool(row.is_complaint) for row in kept),
        microseconds=seconds / max(1, len(kept)) * 1e6,
    )


def mails(data: Path, archive: str, folder: str) -> Iterator[tuple[str, Message]]:
    """Yield the path and the parsed mail of every file below a folder of an archive."""
    with tarfile.open(data / archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None and member.name.removeprefix("./").startswith(folder):
                mail = email.message_from_bytes(file.read())
                if mail.keys():
                    yield member.name, mail


def auto_kinds(data: Path, archive: str, folder: str) -> Counter[AutoKind]:
    """Count the kinds that the headers of these mails give."""
    counts: Counter[AutoKind] = Counter()
    for _, mail in mails(data, archive, folder):
        headers: dict[str, list[str]] = {}
        for name, value in mail.items():
            headers.setdefault(name, []).append(str(value))
        counts[auto_kind_of(headers=headers).kind] += 1
    return counts


def replies(data: Path) -> Iterator[tuple[str, str]]:
    """Yield name and own words of the reply fixtures: each is a short answer above a quote."""
    folder = "talon/standard_replies/"
    for name, mail in mails(data, "email_fixtures.tar.gz", folder):
        if name.endswith(".eml"):
            for part in mail.walk():
                if part.get_content_maintype() == "text":
                    is_html = part.get_content_subtype() == "html"
                    yield name.rsplit("/", 1)[-1], _own(part, is_html)
    with tarfile.open(data / "email_fixtures.tar.gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if "html_replies/" in member.name else None
            if file is not None and member.isfile():
                text = io.TextIOWrapper(file, "utf-8", "replace").read()
                words = own_words(text, channel=Channel.EMAIL, text_format=TextFormat.HTML)
                yield member.name.rsplit("/", 1)[-1], words


def _own(part: Message, is_html: bool) -> str:
    payload = part.get_payload(decode=True)
    text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    text_format = TextFormat.HTML if is_html else TextFormat.PLAIN
    return own_words(text, channel=Channel.EMAIL, text_format=text_format)


EXAMPLES = {
    "question, en": "Hello, I would like to know how to change the address of my order because we "
    "are moving to another city next week. Could you please tell me whether that is possible and "
    "what I have to do? Many thanks, Ann!",
    "complaint, en": "I am very disappointed. I ordered a coffee machine three weeks ago and it "
    "still has not arrived. I called customer service four times and nobody called me back. I want "
    "my money back immediately. Ann.",
    "question, zh": "您好，我想咨询一下，上周在你们店里买的那台咖啡机，说明书上写着需要定期清洗，"
    "一般多长时间清洗一次比较合适？滤芯可以在网上单独购买吗？",
    "complaint, zh": "我三周前买的咖啡机到现在还没收到，打了四次电话都没人接，客服态度非常差，"
    "我要投诉你们，要求退款并赔偿我的损失。",
}


def microseconds_per_message(text: str, rounds: int = 2_000) -> float:
    """Return the CPU time of one call, the best of five series."""
    detect_words(text)
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(rounds):
            detect_words(text)
        best = min(best, time.process_time() - started)
    return best / rounds * 1e6


def main(arguments: list[str]) -> int:
    """Print all figures; returns 2 with a hint where the data is not there."""
    print("one message, CPU time")
    for name, text in EXAMPLES.items():
        print(f"  {name:28} {len(text):4} characters  {microseconds_per_message(text):6.1f} µs")
    data = Path(arguments[0]) if arguments else DATA
    if not data.is_dir():
        print(f"no data at {data}: name the directory as the first argument", file=sys.stderr)
        return 2
    print("\nthe half of the rows that no rule was written on")
    for name, rows in SETS.items():
        score = measure(rows(data))
        rates = f"found {score.found_ratio:6.1%}"
        if score.complaints:
            rates += f"  precision {score.precision:.3f}  recall {score.recall:.3f}"
        print(f"  {name:28} {score.rows:6,} rows  {rates}  {score.microseconds:.0f} µs a row")
    print("\nmail nobody wrote, by headers")
    for archive, folder in (
        ("email_fixtures.tar.gz", "flufl_bounce"),
        ("email_fixtures.tar.gz", "mikel_mail"),
        ("email_corpus.tar.gz", "spamassassin/easy-ham-1"),
        ("email_corpus.tar.gz", "spamassassin/spam-1"),
    ):
        counts = auto_kinds(data, archive, folder)
        shown = ", ".join(f"{kind.value} {count:,}" for kind, count in counts.most_common())
        print(f"  {folder:28} {shown}")
    answers = list(replies(data))
    right = sum(" ".join(words.split()) in ("Hello", "Hi. I am fine.") for _, words in answers)
    print(f"\nown words of reply fixtures: {right} of {len(answers)} as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
