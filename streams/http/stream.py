"""The board as server-sent events: `board` when something changed, `beat` so that silence tells."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from aiohttp import web

from schemas.view import Board
from streams.http.errors import encode, unavailable
from streams.http.feed import BoardFeed
from streams.http.wallboard import Wallboard

BEAT_SECONDS = 5.0
"""A page that has heard nothing for twelve seconds says that the connection is lost."""

RETRY_MS = 1_000
"""How soon a browser that reconnects by itself tries again."""

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would otherwise hold events back
}


async def send_boards(
    request: web.Request,
    feed: BoardFeed,
    wallboard: Wallboard,
    *,
    view: str,
    language: str,
    beat_seconds: float = BEAT_SECONDS,
    clock: Callable[[], float],
) -> web.StreamResponse:
    """Send boards until the watcher goes away or the worker stops."""
    if feed.full:
        raise unavailable("too many streams are open here", "try another worker, or in a moment")
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    seen: Board | None = None
    signature = ""
    quiet_since = clock()
    # A watcher that goes away in the middle of an event is no error.
    with feed.watching(), suppress(ConnectionResetError):
        await response.write(b"retry: %d\n\n" % RETRY_MS)
        while not feed.closed:
            board = await feed.next(seen, beat_seconds)
            if board is not None:
                seen = board
                if view == "wall":
                    fragment = wallboard.fragment(board, language)
                    body, news = encode(fragment), fragment.signature
                else:
                    body, news = encode(board), board.version
                if news != signature:
                    signature = news
                    await response.write(_event("board", body, board.version))
                    quiet_since = clock()
            if clock() - quiet_since >= beat_seconds or board is None:
                now = datetime.fromtimestamp(clock(), UTC)
                await response.write(_event("beat", encode({"now_at": now})))
                quiet_since = clock()
    return response


def _event(name: str, body: bytes, event_id: str = "") -> bytes:
    """One event; JSON holds no line breaks, so the body is one line."""
    number = f"id: {event_id}\n" if event_id else ""
    return f"event: {name}\n{number}data: ".encode() + body + b"\n\n"
