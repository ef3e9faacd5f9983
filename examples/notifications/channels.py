"""The channels this process listens to, and the handlers of what it hears.

One connection to the relay listens for the whole process. A handler is registered for the channels whose names begin
with a prefix. Each handler has a queue and a task of its own: one that raises, hangs or is slow never stops the others.
(Handlers share the event loop: what blocks a thread belongs into asyncio.to_thread.)
"""

import asyncio
import contextlib
import logging

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

log = logging.getLogger("channels")

EVENTS = "relay:events"  # what the relay tells of itself


class Channels:
    """Subscriptions that outlive the connection. For one event loop; run() must run once."""

    def __init__(self, socket_path):
        # Trying again is our own loop's business: each life of the connection begins with the same steps.
        self._relay = redis.Redis(unix_socket_path=socket_path, decode_responses=True, retry=Retry(NoBackoff(), 0))
        self._handlers = []
        self._wanted = set()
        self._pubsub = None  # while there is a connection
        self._order = asyncio.Lock()  # one command at a time

    def on_message(self, prefix):
        """Registers an async function(channel, message)."""
        return self._register("message", prefix)

    def on_subscribed(self, prefix):
        """Registers an async function(channel), called when a subscription was confirmed, for the first time or again:
        what is published from here on is heard, and what was published before can now be read back without a gap."""
        return self._register("subscribe", prefix)

    def _register(self, kind, prefix):
        def register(function):
            self._handlers.append(Handler(kind, prefix, function))
            return function

        return register

    async def subscribe(self, channel):
        """Listens to a channel. A channel that is listened to already is confirmed once more."""
        self._wanted.add(channel)
        await self._ask("subscribe", channel)

    async def unsubscribe(self, channel):
        self._wanted.discard(channel)
        await self._ask("unsubscribe", channel)

    async def _ask(self, command, channel):
        async with self._order:
            if self._pubsub:
                with contextlib.suppress(redis.RedisError):  # the next life subscribes to what is wanted
                    await getattr(self._pubsub, command)(channel)

    async def run(self):
        """Listens until it is cancelled."""
        await asyncio.gather(self._listen(), *(handler.run() for handler in self._handlers))

    async def _listen(self):
        while True:
            try:
                await self._live()
            except Exception as error:  # the relay is away
                log.warning("listening again: %r", error)
            await asyncio.sleep(0.2)

    async def _live(self):
        """One life of the connection."""
        async with self._relay.pubsub() as pubsub:
            try:
                async with self._order:
                    await pubsub.subscribe(EVENTS, *self._wanted)
                    self._pubsub = pubsub
                async for heard in pubsub.listen():
                    self._hand_on(heard["type"], heard["channel"], heard["data"])
            finally:
                self._pubsub = None

    def _hand_on(self, kind, channel, data):
        if channel == EVENTS and kind == "message":
            log.info("%s", data)
        for handler in self._handlers:
            if handler.kind == kind and channel.startswith(handler.prefix):
                handler.offer(channel, *([data] if kind == "message" else []))


class Handler:
    """A function, and what it has still to handle, in order."""

    def __init__(self, kind, prefix, function):
        self.kind = kind
        self.prefix = prefix
        self._function = function
        self._queue = asyncio.Queue(1000)

    def offer(self, *event):
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.error("%s is behind; left out: %s", self._function.__name__, event)

    async def run(self):
        while True:
            event = await self._queue.get()
            try:
                await self._function(*event)
            except Exception:
                log.exception("%s failed; it goes on with the next", self._function.__name__)
