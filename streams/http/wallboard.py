"""The wallboard: a page that the server renders, and whose part that changes is sent again.

Without scripts it is the same page; a reload refreshes it.
"""

import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from schemas.view import Board, NpsFigure, Proportion
from streams.http.services import Services
from streams.http.words import LANGUAGES, Words
from streams.topics import CHANNEL_TOPICS

HERE = Path(__file__).parent
STATIC = HERE / "static"

QUEUE_STATES = {"breached": "breach", "warned": "warn", "running": "running", "paused": "paused"}
"""State of a promise -> class and icon."""

environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


_RUNNING_TIMES = re.compile(r"(<time [^>]*>)[^<]*")


class Fragment(Struct, frozen=True, kw_only=True):
    """The part of the page that changes, the title of the window, and when it was so."""

    html: str
    title: str
    state: str
    now_at: datetime

    @property
    def signature(self) -> str:
        """The part without the times that run by themselves: sent again only when it differs."""
        return _RUNNING_TIMES.sub(r"\1", self.html)


class Wallboard:
    """Renders the page for one worker."""

    def __init__(self, services: Services) -> None:
        self._words = {name: Words(name, services.timezone) for name in LANGUAGES}
        self._zone = str(services.timezone)

    def page(self, board: Board, language: str, theme: str) -> str:
        """The whole page."""
        return environment.get_template("wall.html").render(
            **self._context(board, language), theme=theme, zone=self._zone, asset=asset
        )

    def fragment(self, board: Board, language: str) -> Fragment:
        """The part of it that changes."""
        context = self._context(board, language)
        html = environment.get_template("board.html").render(**context)
        return Fragment(
            html=html,
            title=str(context["answer"]),
            state=str(context["state"]),
            now_at=board.now_at,
        )

    def _context(self, board: Board, language: str) -> dict[str, object]:
        words = self._words[language]
        state = _state(board)
        as_of = board.freshness.as_of_at
        if state == "catching_up":
            as_of = board.freshness.read_through_at
        answer = _answer(board, state, words)
        return {
            "w": words,
            "board": board,
            "state": state,
            "old": state in ("stale", "catching_up"),
            "as_of": as_of,
            "answer": answer,
            "class_of": QUEUE_STATES,
            "topics": list(CHANNEL_TOPICS.values()),
            "left": lambda at: (at - board.now_at).total_seconds(),
            "share_figure": _share_figure,
            "nps_figure": _nps_figure,
        }


class Figure(Struct, frozen=True):
    """A measure drawn: the large value, the words beside it, the bar in percent of its width."""

    value: str
    unit: str
    beside: str
    low: float
    high: float
    at: float
    shown: bool


def _share_figure(share: Proportion, words: Words) -> Figure:
    if share.ratio is None or share.low_ratio is None or share.high_ratio is None:
        return Figure("–", "", words("no_answers"), 0, 0, 0, False)
    if not share.judged:
        return Figure("–", "", words("few", n=share.of), 0, 0, 0, False)
    low, high = share.low_ratio, share.high_ratio
    return Figure(
        f"{100 * share.ratio:.0f}",
        "%",
        words.share_bounds(low, high, share.of),
        100 * low,
        100 * high,
        100 * share.ratio,
        True,
    )


def _nps_figure(figure: NpsFigure, words: Words) -> Figure:
    if figure.nps is None or figure.low is None or figure.high is None:
        return Figure("–", "", words("no_answers"), 0, 0, 0, False)
    if not figure.judged:
        return Figure("–", "", words("few", n=figure.response_count), 0, 0, 0, False)
    low, high = figure.low, figure.high
    beside = words(
        "interval.nps",
        low=words.points(low),
        high=words.points(high),
        n=words.number(figure.response_count),
    )
    drawn = [(value + 100) / 2 for value in (low, high, figure.nps)]
    return Figure(words.points(figure.nps), "", beside, drawn[0], drawn[1], drawn[2], True)


def _state(board: Board) -> str:
    state = board.freshness.state
    if state == "live" and not board.received_count and not board.open_count:
        return "empty"
    return state


def _answer(board: Board, state: str, words: Words) -> str:
    if state == "empty":
        return words("answer.empty")
    name = {
        (True, True): "answer.both",
        (True, False): "answer.breached",
        (False, True): "answer.due",
        (False, False): "answer.none",
    }[board.breached_count > 0, board.due_count > 0]
    answer = words(name, breached=board.breached_count, due=board.due_count)
    at = board.freshness.as_of_at
    if state == "catching_up":
        at = board.freshness.read_through_at
    if state in ("stale", "catching_up") and at is not None:
        return words("answer.as_of", at=words.time(at), answer=answer)
    return answer


@cache
def asset(name: str) -> str:
    """The address of a static file; it changes with the file, so that nobody keeps an old one."""
    digest = hashlib.blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/static/{name}?v={digest}"
