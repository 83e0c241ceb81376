"""An event loop whose time is invented and whose callbacks belong to processes.

Time stands still while something runs and jumps to the next timer when nothing does, so a minute of
a worker's life takes milliseconds and the same seed gives the same run. Every callback carries the
context it was made in, and with it the process it belongs to: a process that was killed is never
called again (no `finally` of it runs, as with kill -9), one that is stopped finds its callbacks
waiting when it goes on (SIGSTOP).
"""

import asyncio
import contextvars
import heapq
import itertools
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

__all__ = ["BOOT", "EPOCH", "KilledError", "Process", "Stuck", "VirtualLoop", "running"]

BOOT: Final = 1_000.0
"""What monotonic clocks show when a run begins."""
EPOCH: Final = 1_772_442_000.0
"""What the wall clock shows then: Monday, 2026-03-02, 09:00 UTC."""
MOST_CALLBACKS: Final = 400_000
"""A run that needs more does not get anywhere; an ordinary one needs some ten thousand."""
CALLBACKS_PER_INSTANT: Final = 50_000
"""So many callbacks without time going on: somebody spins."""


class KilledError(BaseException):
    """Unwinds the frames of a process that ended itself in the middle of a callback."""


class Stuck(RuntimeError):
    """The run does not get anywhere: nothing to wait for, or no end of callbacks."""


class Process:
    """One process on the machine: it may be killed or stopped, and its wall clock may be wrong."""

    __slots__ = (
        "alive",
        "die_after",
        "held",
        "name",
        "on_death",
        "steps",
        "stop_after",
        "stop_seconds",
        "stopped",
        "wall_ahead",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped = False
        self.held: list[_Handle] = []
        self.steps = 0
        """Callbacks run so far."""
        self.die_after = 0
        """Kill it when it has run so many callbacks; 0: do not."""
        self.stop_after = 0
        """Stop it when it has run so many callbacks, for `stop_seconds`; 0: do not."""
        self.stop_seconds = 0.0
        self.wall_ahead = 0.0
        """Seconds its wall clock is ahead of the true time."""
        self.on_death: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return self.name


_OWNER: contextvars.ContextVar[Process | None] = contextvars.ContextVar("owner", default=None)


def running() -> Process | None:
    """The process whose code runs now; None for the broker and whoever else is the world."""
    return _OWNER.get()


class _Handle:
    """A callback to come; what asyncio expects of `Handle` and `TimerHandle`."""

    __slots__ = ("_args", "_callback", "_context", "_when", "dead", "owner")

    def __init__(
        self,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        context: contextvars.Context,
        when: float,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._when = when
        self.owner = context.get(_OWNER)
        self.dead = False

    def cancel(self) -> None:
        """Do not call it."""
        self.dead = True

    def cancelled(self) -> bool:
        """Whether it will not be called."""
        return self.dead

    def when(self) -> float:
        """The loop's time at which it is due."""
        return self._when


class _Task(asyncio.Task[Any]):
    """A task that sets and dictionaries order the same way in every run."""

    __slots__ = ("_number",)
    _number: int
    numbers = itertools.count()

    def __new__(cls, *_args: Any, **_kwargs: Any) -> "_Task":
        task = super().__new__(cls)
        task._number = next(cls.numbers)
        return task

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as a program without sockets and threads needs."""

    def __init__(self) -> None:
        self.now = BOOT
        self.owner: Process | None = None
        self.failures: list[str] = []
        """What nobody caught."""
        self.callbacks = 0
        self._instant_began = 0
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._order = itertools.count()
        self._tasks: list[_Task] = []
        self._world = contextvars.Context()
        _Task.numbers = itertools.count()

    # --- what asyncio asks -----------------------------------------------------------------------

    def time(self) -> float:
        """Seconds of invented time."""
        return self.now

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call back as soon as what is ready before it has run."""
        if context is None:  # an empty context is false
            context = contextvars.copy_context()
        handle = _Handle(callback, args, context, self.now)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call back after `delay` seconds."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call back at a time of this loop."""
        if context is None:
            context = contextvars.copy_context()
        handle = _Handle(callback, args, context, when)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> _Task:
        """A task of this loop, of the process that asks unless `context` says otherwise."""
        task = _Task(coro, loop=self, name=name or "task", context=context)
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Always, from the inside."""
        return True

    def is_closed(self) -> bool:
        """It needs no closing."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what nobody caught: the verdict looks at it."""
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {error!r}")

    # --- what the world asks ---------------------------------------------------------------------

    def at(self, delay: float, callback: Callable[..., Any], *args: Any) -> _Handle:
        """Call back after `delay` seconds, outside of all processes."""
        return self.call_at(self.now + delay, callback, *args, context=self._world)

    def spawn(self, process: Process, coro: Coroutine[Any, Any, Any]) -> _Task:
        """Run a coroutine as a process: everything it starts belongs to it."""
        context = contextvars.Context()
        context.run(_OWNER.set, process)
        return self.create_task(coro, context=context)

    def kill(self, process: Process) -> None:
        """End a process between two of its callbacks; nothing of it runs any more."""
        if process.alive:
            process.alive = False
            process.held.clear()
            self.at(0.0, process.on_death)

    def stop(self, process: Process) -> None:  # type: ignore[override]
        """Stop a process in mid-air; the world goes on."""
        process.stopped = True

    def go_on(self, process: Process) -> None:
        """Let a stopped process go on, with everything it missed waiting for it."""
        process.stopped = False
        if process.alive:
            self._ready.extend(process.held)
        process.held = []

    # --- turning ---------------------------------------------------------------------------------

    def run_world(self, coro: Coroutine[Any, Any, Any]) -> Any:
        """Turn until the coroutine, which belongs to no process, is done; raises `Stuck`."""
        events._set_running_loop(self)
        try:
            task = self.create_task(coro, context=self._world)
            self._turn_until(task)
            return task.result()
        finally:
            events._set_running_loop(None)

    def _turn_until(self, task: "asyncio.Task[Any]") -> None:
        ready, timers = self._ready, self._timers
        pop = heapq.heappop
        while not task.done():
            if not ready:
                if not timers:
                    raise Stuck("nothing is left to wait for")
                if timers[0][0] > self.now:
                    self.now = timers[0][0]
                    self._instant_began = self.callbacks
                    if self.callbacks > MOST_CALLBACKS:
                        raise Stuck(f"no end after {self.callbacks} callbacks")
            while timers and timers[0][0] <= self.now:
                ready.append(pop(timers)[2])
            handle = ready.popleft()
            owner = handle.owner
            if handle.dead or (owner is not None and not self._may_run(owner, handle)):
                continue
            self.callbacks += 1
            if self.callbacks - self._instant_began > CALLBACKS_PER_INSTANT:
                raise Stuck(f"{handle._callback!r} of {owner} is called without end")
            self.owner = owner
            try:
                handle._context.run(handle._callback, *handle._args)
            except KilledError:
                pass
            except Exception as error:
                self.failures.append(f"a callback raised {error!r}")

    def _may_run(self, owner: Process, handle: _Handle) -> bool:
        """Whether a process is alive and running; counts its steps, and ends or stops it in one."""
        if not owner.alive:
            return False
        if owner.stopped:
            owner.held.append(handle)
            return False
        owner.steps += 1
        if owner.steps == owner.die_after:
            self.kill(owner)
            return False
        if owner.steps == owner.stop_after:
            self.stop(owner)
            self.at(owner.stop_seconds, self.go_on, owner)
        return True

    def dispose(self) -> None:
        """Take apart what was left in the middle of something, without letting it do anything."""
        events._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
                elif not task.cancelled():
                    task.exception()
        finally:
            events._set_running_loop(None)
            self._tasks.clear()
            self._ready.clear()
            self._timers.clear()


def _close(coro: Any) -> None:
    for _ in range(100):  # a `finally` may await again, and again
        try:
            coro.close()
        except RuntimeError:
            continue
        except BaseException:
            return
        return
