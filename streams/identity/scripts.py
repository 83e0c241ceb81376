"""The Lua scripts of the index, each with `marker.lua` in front, and how they are called."""

from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

_HERE = Path(__file__).parent


class Script(NamedTuple):
    """A script and the name the server knows it by."""

    text: str
    sha: str

    async def run(self, client: Redis, keys: list[str], *args: str | int | bytes) -> Any:
        """Call it; a server that does not know it (new, or restarted) is told."""
        try:
            return await client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            await client.script_load(self.text)
            return await client.evalsha(self.sha, len(keys), *keys, *args)


def _script(name: str) -> Script:
    text = (_HERE / "marker.lua").read_text() + (_HERE / f"{name}.lua").read_text()
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


RESOLVE = _script("resolve")
CONFIRM = _script("confirm")
BEGIN = _script("begin")
RESTORE = _script("restore")
FINISH = _script("finish")
EPOCH = _script("epoch")


def identity_prefix(redis_prefix: str) -> str:
    """What all keys of the index begin with; the hash tag keeps them in one slot of a cluster."""
    return f"{redis_prefix}{{identity}}:"
