"""redis-py's two clients, sync and asyncio, behind one way of asking.

Their methods have the same names; one answers at once, the other with an awaitable, so a test
writes `await settled(client.publish(...))` for both.
"""

import copy
import inspect
import time

import redis
import redis.asyncio
from redis.maint_notifications import MaintNotificationsConfig

from wait import PATIENCE


async def settled(answer):
    """The answer itself, whichever client gave it."""
    return await answer if inspect.isawaitable(answer) else answer


class Flavour:
    """One module at one protocol, and what a test opened with it."""

    def __init__(self, module, protocol, socket_path):
        self._module = module
        self._url = f"unix://{socket_path}"
        self._options = {"protocol": protocol}
        if module is redis and protocol == 3 and redis.VERSION[0] == 7:
            # Without this, redis-py 7 connects to no Unix socket in RESP3, not even to redis-server's.
            self._options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
        self._opened = []

    def at(self, url):
        """The same at another address; what it opens ends with this one."""
        other = copy.copy(self)
        other._url = url
        return other

    def client(self, **options):
        """A client that ends with the test."""
        client = self._module.Redis.from_url(self._url, **self._options, **options)
        self._opened.append(client)
        return client

    def listener(self, **options):
        """A listener on a client of its own."""
        pubsub = self.client(**options).pubsub()
        self._opened.append(pubsub)
        return Listener(pubsub)

    async def close(self):
        for opened in reversed(self._opened):
            await settled(opened.aclose() if hasattr(opened, "aclose") else opened.close())


class Listener:
    """A PubSub whose subscriptions are confirmed and whose messages are waited for."""

    def __init__(self, pubsub):
        self.pubsub = pubsub

    @property
    def has_shards(self):
        """Whether this version has shard channels: the asyncio client has them from redis-py 8 on."""
        return hasattr(self.pubsub, "ssubscribe")

    async def ask(self, command, *names, confirmations=None):
        """Sends subscribe, punsubscribe and the like; returns the confirmations as (name, count) pairs."""
        await settled(getattr(self.pubsub, command)(*names))
        frames = [await self.next() for _ in range(confirmations or len(names))]
        assert {frame["type"] for frame in frames} == {command}, frames
        return [(frame["channel"].decode(), frame["data"]) for frame in frames]

    async def next(self):
        """The next frame of any kind; redis-py keeps the answers to its own health checks."""
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            if (frame := await self.poll(left)) is not None:
                return frame
        raise TimeoutError(f"nothing heard within {PATIENCE} s")

    async def poll(self, timeout):
        """The next frame, or None after timeout seconds."""
        return await settled(self.pubsub.get_message(timeout=timeout))

    async def heard(self, count=1):
        """The next messages as (type, channel, payload) or (type, channel, payload, pattern)."""
        return [short(await self.next()) for _ in range(count)]


def short(frame):
    """A message without its parts' names."""
    parts = (frame["type"], frame["channel"].decode(), frame["data"])
    return (*parts, frame["pattern"].decode()) if frame["pattern"] else parts
