"""The memory of delivery, in Redis: what was seen, what fires, what waits, what failed.

Shared by all workers and kept over restarts. A transport is either *stateful* (Alertmanager: what
fires is sent again and again) or a *queue* (webhook, terminal: each alert once, in order per
complaint). Work is claimed by moving its due time behind a lease, so that a worker that dies gives
it back.
"""

import json
from collections.abc import Iterable, Sequence

import msgspec
from redis.asyncio import Redis

from agents.alerts.firing import FIRING_LIMIT, Change
from schemas.alert import SlaAlert
from schemas.codec import encode_json
from streams.notifier import scripts
from streams.notifier.deliveries import (
    DETAIL_CHARS,
    Claimed,
    Delivery,
    FailedDelivery,
    Firing,
    Taken,
    WaitingDelivery,
    as_bytes,
    failure_of,
    instant_of,
    read_waiting,
)
from streams.notifier.keys import LedgerKeys
from streams.notifier.settings import NotifierSettings, transport_name

FIRING_SECONDS = int(FIRING_LIMIT.total_seconds()) + 86_400
"""How long what is known of a complaint's firings is kept: a day longer than they last."""


class Ledger:
    """Reads and changes the memory; every method may raise redis.RedisError and changes nothing
    then.
    """

    def __init__(
        self,
        redis: Redis,
        settings: NotifierSettings,
        stateful: Sequence[str],
        queues: Sequence[str],
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._keys = LedgerKeys(settings.redis_prefix)
        self._stateful = tuple(stateful)
        self._queues = tuple(queues)
        self.transports = (*self._stateful, *self._queues)
        self._register = redis.register_script(scripts.REGISTER)
        self._end = redis.register_script(scripts.END)
        self._claim = redis.register_script(scripts.CLAIM)
        self._settle = redis.register_script(scripts.SETTLE)
        self._pop = redis.register_script(scripts.POP)

    @classmethod
    def of(cls, settings: NotifierSettings, redis: Redis, others: Sequence[str] = ()) -> "Ledger":
        """The ledger of the transports that are set, and of `others` that work as queues."""
        queues = [*others]
        queues += ["webhook"] if settings.webhook_url else []
        queues += ["terminal"] if settings.terminal else []
        return cls(redis, settings, [transport_name(u) for u in settings.alertmanager_urls], queues)

    # --- taking in --------------------------------------------------------------------------------
    # ---------------------------------------------------------------------------------

    async def register(
        self, alert: SlaAlert, change: Change, firing: Firing | None, now_ms: int
    ) -> Taken:
        """Take an alert in: firings change, queues grow.

        A full queue does not take it; the alert is then listed as failed with reason `queue_full`.
        """
        raw = encode_json(alert)
        order = {
            "now": now_ms,
            "prefix": self._keys.prefix,
            "id": alert.alert_id,
            "complaint": alert.complaint_id,
            "clock": change.clock,
            "begins": change.begins or "",
            "ends": list(change.ends),
            "states": list(self._stateful),
            "queues": [] if alert.quiet else list(self._queues),
            "memory_s": self._settings.memory_seconds,
            "firing_s": FIRING_SECONDS,
            "waiting_max": self._settings.waiting_max,
        }
        taken, *full = await self._register(
            keys=[
                self._keys.seen(alert.alert_id),
                self._keys.firing(alert.complaint_id),
                self._keys.hushed(alert.complaint_id),
            ],
            args=[json.dumps(order), raw, msgspec.json.encode(firing) if firing else b""],
        )
        for name in full:
            failure = failure_of(name.decode(), alert, "queue_full", "", 0, now_ms)
            await self._list_failed(failure)
        return Taken(taken)

    async def hush(self, complaint_id: str, clock: str) -> None:
        """Note that a clock's alert was quiet: nobody needs to hear of its end either."""
        key = self._keys.hushed(complaint_id)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.sadd(key, clock)
        pipeline.expire(key, FIRING_SECONDS)
        await pipeline.execute()

    async def end_clocks(self, complaint_id: str, clocks: Iterable[str], now_ms: int) -> int:
        """End every firing of the named clocks; how many there were."""
        starts = [f"{clock}/" for clock in clocks]
        if not starts:
            return 0
        due = [self._keys.due(name) for name in self._stateful]
        args: list[str | int] = [complaint_id, now_ms, len(starts), *starts, *due]
        return int(await self._end(keys=[self._keys.firing(complaint_id)], args=args))

    async def with_firings(self, complaint_ids: Sequence[str]) -> set[str]:
        """Those of the complaints that have firings, in one round trip."""
        pipeline = self._redis.pipeline(transaction=False)
        for complaint_id in complaint_ids:
            pipeline.exists(self._keys.firing(complaint_id))
        found = await pipeline.execute()
        return {name for name, exists in zip(complaint_ids, found, strict=True) if exists}

    # --- stateful transports ----------------------------------------------------------------------
    # -----------------------------------------------------------------------

    async def claim_firings(self, transport: str, now_ms: int) -> list[Claimed]:
        """Firings that are due to be sent; ours until their lease ends."""
        lease_ms = self.lease_of(now_ms)
        members: list[bytes] = await self._claim(
            keys=[self._keys.due(transport)],
            args=[now_ms, lease_ms, self._settings.alertmanager_batch],
        )
        if not members:
            return []
        names = [member.decode().partition(" ") for member in members]
        pipeline = self._redis.pipeline(transaction=False)
        for complaint_id, _, name in names:
            pipeline.hget(self._keys.firing(complaint_id), name)
        claimed = []
        for (complaint_id, _, name), entry in zip(names, await pipeline.execute(), strict=True):
            member = f"{complaint_id} {name}"
            if entry is None:  # forgotten since; another instance saw its end
                await self._redis.zrem(self._keys.due(transport), member)
                continue
            ended, _, body = entry.partition(b" ")
            claimed.append(
                Claimed(
                    member=member,
                    complaint_id=complaint_id,
                    name=name,
                    lease_ms=lease_ms,
                    firing=msgspec.json.decode(body, type=Firing),
                    ended_at_ms=int(ended),
                    entry=entry,
                )
            )
        return claimed

    async def settle(
        self, transport: str, claims: Sequence[tuple[Claimed, int | None]], *, forget: bool = True
    ) -> None:
        """Say when each claimed firing is due again at this instance; None: never.

        With `forget`, a firing that is never due again is dropped altogether: its story is over.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for claim, next_ms in claims:
            await self._settle(
                keys=[self._keys.due(transport), self._keys.firing(claim.complaint_id)],
                args=[
                    claim.member,
                    claim.lease_ms,
                    "" if next_ms is None else next_ms,
                    claim.name,
                    claim.entry if forget else b"",
                ],
                client=pipeline,
            )
        await pipeline.execute()

    async def refuse(self, transport: str, claim: Claimed, detail: str, now_ms: int) -> None:
        """Send a firing to this instance no more: it will never accept it."""
        labels = claim.firing.labels
        await self._list_failed(
            FailedDelivery(
                transport=transport,
                alert_id=claim.firing.annotations.get("alert_id", ""),
                complaint_id=claim.complaint_id,
                kind=labels.get("alertname", ""),
                target=labels.get("target", ""),
                reason="refused",
                detail=detail,
                tried_count=1,
                failed_at=instant_of(now_ms),
            )
        )
        await self.settle(transport, [(claim, None)], forget=False)

    # --- queues -----------------------------------------------------------------------------------
    # ------------------------------------------------------------------------------------

    async def claim_queues(self, transport: str, now_ms: int, limit: int) -> list[str]:
        """Complaints with a delivery that is due; ours until the lease ends."""
        args = [now_ms, self.lease_of(now_ms), limit]
        members = await self._claim(keys=[self._keys.due(transport)], args=args)
        return [member.decode() for member in members]

    def lease_of(self, now_ms: int) -> int:
        """When a claim made now ends."""
        return now_ms + int(self._settings.lease_seconds * 1000)

    async def head(self, transport: str, complaint_id: str, lease_ms: int) -> Delivery | None:
        """The delivery that stands first in a complaint's queue; None where it is empty."""
        raw = as_bytes(await self._redis.lindex(self._keys.queue(transport, complaint_id), 0))
        if raw is None:
            await self._redis.zrem(self._keys.due(transport), complaint_id)
            return None
        alert = msgspec.json.decode(raw, type=SlaAlert)
        waiting = await self._redis.hget(self._keys.waiting(transport), alert.alert_id)
        tried, first_ms, _ = read_waiting(as_bytes(waiting))
        return Delivery(
            transport=transport,
            alert=alert,
            raw=raw,
            tried_count=tried,
            first_at_ms=first_ms,
            lease_ms=lease_ms,
        )

    async def delivered(self, delivery: Delivery) -> bool:
        """Take a delivered alert off its queue; True where more of the complaint is waiting."""
        return await self._take_off(delivery, b"")

    async def give_up(self, delivery: Delivery, reason: str, detail: str, now_ms: int) -> bool:
        """Move an alert from its queue to the list of failed ones; True where more is waiting."""
        failure = failure_of(
            delivery.transport, delivery.alert, reason, detail, delivery.tried_count + 1, now_ms
        )
        return await self._take_off(delivery, msgspec.json.encode(failure))

    async def postpone(self, delivery: Delivery, error: str, next_ms: int) -> None:
        """Note a failed try and when to try again; the rest of the complaint's queue waits too."""
        alert = delivery.alert
        note = f"{delivery.tried_count + 1} {delivery.first_at_ms} {error[:DETAIL_CHARS]}"
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(self._keys.waiting(delivery.transport), alert.alert_id, note)
        pipeline.zadd(self._keys.due(delivery.transport), {alert.complaint_id: next_ms}, xx=True)
        await pipeline.execute()

    async def release(self, transport: str, complaint_id: str, now_ms: int) -> None:
        """Give a claimed queue back at once, so that anybody can go on with it."""
        await self._redis.zadd(self._keys.due(transport), {complaint_id: now_ms}, xx=True)

    # --- what people ask --------------------------------------------------------------------------
    # ---------------------------------------------------------------------------

    async def failed(self, limit: int) -> list[FailedDelivery]:
        """The newest deliveries that were given up, of all transports, newest first."""
        found: list[FailedDelivery] = []
        for name in self.transports:
            rows = await self._redis.lrange(self._keys.failed(name), 0, limit - 1)
            found.extend(msgspec.json.decode(row, type=FailedDelivery) for row in rows)
        found.sort(key=lambda failure: failure.failed_at, reverse=True)
        return found[:limit]

    async def waiting(self, limit: int) -> list[WaitingDelivery]:
        """Deliveries of queue transports that wait, oldest first."""
        found: list[WaitingDelivery] = []
        for name in self._queues:
            rows = await self._redis.hgetall(self._keys.waiting(name))
            for alert_id, row in rows.items():
                tried, since_ms, error = read_waiting(as_bytes(row))
                found.append(
                    WaitingDelivery(
                        transport=name,
                        alert_id=(as_bytes(alert_id) or b"").decode(),
                        tried_count=tried,
                        since=instant_of(since_ms),
                        last_error=error,
                    )
                )
        found.sort(key=lambda delivery: delivery.since)
        return found[:limit]

    async def waiting_count(self, transport: str) -> int:
        """How many alerts of a queue wait, or how many firings a stateful transport repeats."""
        if transport in self._queues:
            return int(await self._redis.hlen(self._keys.waiting(transport)))
        return int(await self._redis.zcard(self._keys.due(transport)))

    # --- where reading began ----------------------------------------------------------------------
    # ------------------------------------------------------------------------

    async def known_partitions(self, partitions: Sequence[str]) -> set[str]:
        """Those of the partitions this ledger has read before, and not lost since.

        A mark names the server process it was set on: one that was restarted, or took over, may
        lack the last second although it has the mark.
        """
        if not partitions:
            return set()
        found = await self._redis.mget([self._keys.partition(name) for name in partitions])
        server = await self._server()
        return {name for name, mark in zip(partitions, found, strict=True) if mark == server}

    async def mark_partitions(self, partitions: Iterable[str]) -> None:
        """Note that these partitions are being read; kept for as long as alert ids are."""
        server = await self._server()
        pipeline = self._redis.pipeline(transaction=False)
        for name in partitions:
            pipeline.set(self._keys.partition(name), server, ex=self._settings.memory_seconds // 2)
        await pipeline.execute()

    async def _server(self) -> bytes:
        return str((await self._redis.info("server"))["run_id"]).encode()

    # ---------------------------------------------------------------------------------------

    async def _take_off(self, delivery: Delivery, failure: bytes) -> bool:
        alert = delivery.alert
        transport = delivery.transport
        left = await self._pop(
            keys=[
                self._keys.queue(transport, alert.complaint_id),
                self._keys.waiting(transport),
                self._keys.due(transport),
                self._keys.failed(transport),
            ],
            args=[
                delivery.raw,
                alert.alert_id,
                alert.complaint_id,
                delivery.lease_ms,
                failure,
                self._settings.failed_max,
            ],
        )
        return int(left) > 0

    async def _list_failed(self, failure: FailedDelivery) -> None:
        key = self._keys.failed(failure.transport)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.lpush(key, msgspec.json.encode(failure))
        pipeline.ltrim(key, 0, self._settings.failed_max - 1)
        await pipeline.execute()
