"""The page that explains a complaint: what it says, to scale, and never as markup."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from msgspec.structs import replace

from agents.complaints.sla.explaining import explain_complaint
from agents.complaints.sla.plan import Plan
from schemas.clock import ComplaintEventKind as Kind
from streams.http.clock_words import CLOCK_WORDS
from streams.http.explanation import MAX_ROWS, render
from streams.http.words import WORDS, Words
from tests.streams.http.clock_scenes import (
    COMPLAINT,
    HISTORY,
    KEPT,
    NOW,
    POLICY,
    SHANGHAI,
    event,
    local,
)
from tests.streams.http.conftest import World
from tests.streams.views.examples import clock_view, complaint

Client = TestClient[Any, Any]
BAR = re.compile(
    r'<rect class="bar (\w+)" x="([\d.]+)%" y="\d+" width="([\d.]+)%"[^>]*><title>([^<]*)</title>'
)


async def page(client: Client, query: str = "", path: str = "/complaints/k-20481") -> str:
    """The page as text."""
    async with client.get(f"{path}{query}") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "script" not in response.headers["Content-Security-Policy"]
        return await response.text()


@pytest.fixture
async def shown(world: World, client: Client) -> Client:
    """The complaint of the scene, in the views, at its own time."""
    world.writer.put_policy(POLICY)
    world.writer.put_complaint(0, COMPLAINT, "青禾茶业")
    world.writer.put_history(0, KEPT)
    world.clock.now = NOW.timestamp()
    await world.show()
    return client


def sections(text: str) -> dict[str, str]:
    """The cards of the clocks by their heading."""
    cards = text.split('<section class="card clock"')[1:]
    return {re.findall(r"<h3[^>]*>([^<]*)</h3>", card)[0]: card for card in cards}


async def test_each_clock_is_drawn_to_scale(shown: Client) -> None:
    """Bars tile the time that passed, in proportion; what runs after the breach is late."""
    cards = sections(await page(shown, "?lang=en"))
    assert list(cards) == [
        "First response",
        "Resolution",
        "Work of the team: Service",
        "Next response",
        "Work of the team: Delivery",
    ]
    bars = [
        (kind, float(x), float(width)) for kind, x, width, _ in BAR.findall(cards["Resolution"])
    ]
    assert [kind for kind, _, _ in bars] == ["running", "closed", "running", "paused", "running"]
    for (_, x, width), (_, next_x, _) in pairwise(bars):
        assert x + width == pytest.approx(next_x, abs=0.001)
    hours = [1 + 20 / 60, 15, 1.5, 2 + 50 / 60, 1.2022]
    for (_, _, width), length in zip(bars, hours, strict=True):
        assert width / bars[1][2] == pytest.approx(length / 15, abs=0.001)
    late = [(kind, title) for kind, _, _, title in BAR.findall(cards["Next response"])]
    assert late == [
        ("running", "Running: Tue 17 Nov 13:20 to Tue 17 Nov 14:20, 1 h"
                    " (Customer wrote or called, Phone)"),
        ("late", "Late: Tue 17 Nov 14:20 to Tue 17 Nov 14:32:08, 12 min 8 s"
                 " (Customer wrote or called, Phone)"),
    ]  # fmt: skip


async def test_the_figures_beneath_are_exact_and_sum_up(shown: Client) -> None:
    """Every stretch with its cause, the sum, the policy and its version, what was announced."""
    cards = sections(await page(shown, "?lang=en"))
    resolution = cards["Resolution"]
    rows = re.findall(r"<tr><td class=\"nw\">.*?</tr>", resolution)
    cells = [re.sub(r"<[^>]+>", "|", row).strip("|").split("|") for row in rows]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells][3] == [
        "Paused",
        "Tue 17 Nov 10:30:00",
        "Tue 17 Nov 13:20:00",
        "Paused, waiting for customer",
        "2 h 50 min",
        "0",
    ]
    assert "21 h 52 min 8 s</td>" in resolution
    assert "4 h 2 min 8 s</td></tr></tfoot>" in resolution.replace("\n", "")
    assert "Due Wed 18 Nov 17:30" in resolution
    assert f"policy vip, version {POLICY.digest}" in resolution
    told = "Announced: warned at 50%, warned at 80%, breached, escalated to lead"
    assert told in cards["Next response"]
    assert "handed over by Service" in cards["Work of the team: Delivery"]


async def test_it_speaks_both_languages_in_the_zone_of_the_policy(shown: Client) -> None:
    """Chinese where it is asked for; times are the company's, not the server's."""
    text = await page(shown, "?lang=zh&theme=dark")
    assert '<html lang="zh" data-theme="dark">' in text
    assert "11月17日 周二 14:20 超时，尚未结束" in text
    assert "已用 4 小时 2 分 8 秒，承诺 16 小时" in text
    assert "时间为 Asia/Shanghai。" in text
    assert "/?lang=zh&amp;theme=dark" in text or 'href="/?lang=zh&theme=dark"' in text


async def test_what_a_customer_wrote_is_never_markup(shown: Client) -> None:
    """Summary, names, reasons and teams come from outside."""
    text = await page(shown, "?lang=en")
    assert "第三次了 &lt;b&gt;&amp;" in text
    assert "<b>&" not in text


async def test_a_complaint_nobody_knows_is_not_found(shown: Client) -> None:
    """With a hint where to look; the same for a history without its policy."""
    async with shown.get("/complaints/k-0?lang=en") as response:
        assert response.status == 404
        assert "/v1/complaints" in (await response.json())["hint"]


async def test_it_is_a_click_away_from_the_wallboard(world: World, client: Client) -> None:
    """Every row of the queue leads to its explanation, whatever its id."""
    world.writer.put_complaint(0, complaint('k/1?"<', clock_view(5)), "Ann")
    await world.show()
    async with client.get("/?lang=en") as response:
        text = await response.text()
    assert '<a class="who" href="/complaints/k%2F1%3F%22%3C?lang=en">Ann</a>' in text


def explained(**changes: Any) -> str:
    """The page of the scene with something else about it, in English."""
    kept = replace(KEPT, **changes)
    found, _ = explain_complaint(kept, Plan(POLICY), NOW)
    return render(found, None, "en", "")


def test_without_a_card_the_history_is_enough() -> None:
    """A long resolved complaint has left the queue, and is still explained."""
    text = explained(history=[*HISTORY, event("17 14:00", Kind.RESOLVED, "done")])
    assert "k-20481" in text
    assert "Kept, 12 h 30 min to spare" in sections(text)["Resolution"]
    assert "ended Tue 17 Nov 14:00" in sections(text)["Resolution"]


def test_a_due_time_far_ahead_does_not_squeeze_what_was() -> None:
    """A minute after the opening the first minute is still to be seen."""
    kept = replace(KEPT, history=HISTORY[:1])
    found, _ = explain_complaint(kept, Plan(POLICY), local("16 16:41"))
    card = sections(render(found, None, "en", ""))["Resolution"]
    ((_, _, width, _),) = BAR.findall(card)
    assert float(width) > 50
    assert "due Wed 18 Nov 14:40 →" in card


def test_a_complaint_without_promises_says_so() -> None:
    """No clock is no error."""
    found, _ = explain_complaint(replace(KEPT, history=HISTORY[1:2]), Plan(POLICY), NOW)
    assert "Nothing was promised" in render(found, None, "en", "")


def test_a_long_life_is_cut_in_the_table_and_says_so() -> None:
    """The drawing has it all; the rest of the figures is one address away."""
    history = [event("16 16:40", Kind.OPENED, "call-1")]
    for number in range(150):
        history.append(event(f"17 09:{number % 60:02}", Kind.PAUSED, f"p{number}", reason="parts"))
        history.append(event(f"17 10:{number % 60:02}", Kind.RESUMED, f"r{number}"))
    found, _ = explain_complaint(replace(KEPT, history=history), Plan(POLICY), NOW)
    longest = max(found.clocks, key=lambda clock: len(clock.segments))
    many = [segment for _ in range(300) for segment in longest.segments[:1]]
    found = replace(found, clocks=[replace(longest, segments=many)])
    text = render(found, None, "en", "")
    assert f"{300 - MAX_ROWS} more stretches; GET /v1/complaints/k-20481/clocks" in text


def test_every_state_has_its_words_in_both_languages() -> None:
    """No key shows through where a clock, a segment or an event is named."""
    english, chinese = Words("en", SHANGHAI), Words("zh", SHANGHAI)
    for kind in Kind:
        assert english.knows(f"event.{kind.value}")
    for state in ("running", "late", "paused", "closed", "resolved", "unpromised"):
        assert english.knows(f"segment.{state}")
    for name in CLOCK_WORDS:
        assert WORDS[name] is CLOCK_WORDS[name]
    assert english.moment(NOW) == "Tue 17 Nov 14:32:08"
    assert chinese.moment(NOW) == "11月17日 周二 14:32:08"
    later = NOW + timedelta(microseconds=250_000)
    assert english.moment(later) == "Tue 17 Nov 14:32:08"
    assert english.moment(later, seconds=True) == "Tue 17 Nov 14:32:08.25"
    assert english.exact(7_384.25) == "2 h 3 min 4.25 s"
    assert chinese.exact(0) == "0 秒"
