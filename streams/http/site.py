"""Serving: the routes of the API, the wallboard and its files, on an aiohttp application.

In a worker that is the one of Faust's own web server, so everything stands on one port.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from streams.http.errors import ApiError, Problem, json_response
from streams.http.explanation import render
from streams.http.feed import BoardFeed
from streams.http.handlers import Api
from streams.http.params import read_params
from streams.http.routes import ROUTES, Route
from streams.http.services import Services
from streams.http.stream import send_boards
from streams.http.wallboard import STATIC, Wallboard
from streams.http.words import language_of
from streams.views.board import BoardBuilder
from streams.views.facts import QUEUE_STATES

log = logging.getLogger(__name__)

VIEWS_SECONDS = 2.0
"""What a scrape waits for the views at most: the other metrics must not be lost with them."""

THEMES = ("light", "dark")
PAGE_HEADERS = {
    # The bars take their lengths from style attributes; everything else comes from files.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The handlers bound to their services."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.feed = BoardFeed(BoardBuilder(services.reader, services.clock), services.clock)
        self.api = Api(services, self.feed)
        self.wallboard = Wallboard(services)

    def add_to(self, app: web.Application) -> None:
        """Add all routes; what is not found or goes wrong is answered in JSON."""
        app.middlewares.append(errors_in_json)
        for route in ROUTES:
            handler = self._handler(route)
            if route.method == "GET":
                # HEAD comes with it, but for the stream, which has no end.
                app.router.add_get(route.path, handler, allow_head=route.name != "stream")
            else:
                app.router.add_route(route.method, route.path, handler)
        app.router.add_get("/", self._page)
        app.router.add_get("/complaints/{complaint_id}", self._complaint)
        app.router.add_static("/static", STATIC)
        app.on_shutdown.append(self._close)

    def _handler(self, route: Route) -> Handler:
        own: dict[str, Handler] = {
            "command": self._command,
            "stream": self._stream,
            "metrics": self._metrics,
            "openapi": self._openapi,
        }
        if route.name in own:
            return own[route.name]
        answer = getattr(self.api, route.name)

        async def handle(request: web.Request) -> web.StreamResponse:
            answered = await answer(read_params(route.params, request))
            status, body = answered if isinstance(answered, tuple) else (200, answered)
            return json_response(body, status)

        return handle

    async def _command(self, request: web.Request) -> web.StreamResponse:
        read_params((), request)
        return json_response(await self.api.command(request), 202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        route = next(route for route in ROUTES if route.name == "stream")
        args = read_params(route.params, request)
        return await send_boards(
            request,
            self.feed,
            self.wallboard,
            view=args["view"],
            language=args["lang"],
            clock=self.services.clock,
        )

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        await self._count_open()
        return web.Response(
            body=generate_latest(self.services.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    async def _count_open(self) -> None:
        """Set the gauge of open complaints from the views; without them there is no such gauge."""
        if self.services.metrics is None:
            return
        gauge = self.services.metrics.complaints_open
        now_ms = int(self.services.clock() * 1000)
        try:
            async with asyncio.timeout(VIEWS_SECONDS):
                states = Counter(f.state(now_ms) for f in await self.services.reader.open_facts())
        except (RedisError, OSError, TimeoutError):
            gauge.clear()
            return
        for state in QUEUE_STATES:
            gauge.labels(state).set(states[state])

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        # Imported here, so that `python -m streams.http.openapi` is not imported before it runs.
        from streams.http.openapi import document

        return web.Response(body=document(), content_type="application/json", charset="utf-8")

    async def _page(self, request: web.Request) -> web.StreamResponse:
        board = await self.feed.current()
        return _html(request, lambda language, theme: self.wallboard.page(board, language, theme))

    async def _complaint(self, request: web.Request) -> web.StreamResponse:
        """A complaint explained, for people; the same as data is `/v1/complaints/{id}/clocks`."""
        complaint_id = request.match_info["complaint_id"]
        found = await self.api.explained(complaint_id)
        card = await self.services.reader.complaint(complaint_id)
        return _html(request, lambda language, theme: render(found, card, language, theme))

    async def _close(self, app: web.Application) -> None:
        await self.feed.close()


def _html(request: web.Request, page: Callable[[str, str], str]) -> web.Response:
    """A page in the language and the theme (empty: the system's) that are asked for."""
    language = language_of(request.query.get("lang"), request.headers.get("Accept-Language", ""))
    theme = request.query.get("theme", "")
    headers = PAGE_HEADERS | {"Content-Language": language, "Vary": "Accept-Language"}
    text = page(language, theme if theme in THEMES else "")
    return web.Response(text=text, content_type="text/html", headers=headers)


@web.middleware
async def errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered with what is wrong and what to do about it."""
    try:
        return await handler(request)
    except ApiError as error:
        return json_response(error.problem, error.status)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return _refused(request, error)
    except (RedisError, OSError, TimeoutError) as error:
        if isinstance(error, ConnectionResetError):  # the caller went away
            raise
        log.warning("%s %s: live views cannot be read: %r", request.method, request.path, error)
        hint = "nothing is lost; try again in a moment"
        return json_response(Problem(error="the live views cannot be read", hint=hint), 503)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        problem = Problem(error="an error of the server", hint="the worker's log says more")
        return json_response(problem, 500)


def _refused(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    paths = sorted({route.path for route in ROUTES})
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        problem = Problem(
            error=f"{request.method} is not for {request.path}", hint=f"use {allowed}"
        )
        return json_response(problem, 405, {"Allow": allowed})
    if error.status == 404:
        hint = f"there are {', '.join(paths)}; /openapi.json describes them"
        return json_response(Problem(error=f"nothing at {request.path}", hint=hint), 404)
    return json_response(Problem(error=error.reason, hint="see /openapi.json"), error.status)


def build_app(services: Services) -> web.Application:
    """An application of its own, for tests and for reading without a worker."""
    app = web.Application()
    Site(services).add_to(app)
    return app


def install(app: Any, services: Services) -> Site:
    """Serve on the web server of a Faust app, before it starts.

    Faust's own pages (tables, router, statistics) are left out: they speak of tables we do not use,
    and its index would stand where the wallboard is.
    """
    from faust.web.base import BlueprintManager

    site = Site(services)
    app.web.blueprints = BlueprintManager()
    site.add_to(app.web.web_app)
    return site
