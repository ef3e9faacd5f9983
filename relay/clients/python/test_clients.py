"""One suite for all flavours: listen, publish, stop listening, check health, survive a restart."""

import contextlib
import itertools
import json
import signal
import time

import pytest
import redis

from clients import settled
from target import IS_RELAY

needs_relay = pytest.mark.skipif(not IS_RELAY, reason="TARGET=redis: only the relay does this")
VALID = {"type": "message", "id": "m1", "roomId": "42", "userId": "u1", "message": "hi", "timestamp": 1700000000000}


async def test_hears_and_counts_receivers(flavour, fresh):
    listener, publisher, channel = flavour.listener(), flavour.client(), fresh("news")
    assert await listener.ask("subscribe", channel) == [(channel, 1)]
    assert await settled(publisher.publish(channel, "héllo")) == 1
    assert await listener.heard() == [("message", channel, "héllo".encode())]
    assert await settled(publisher.publish(fresh("nobody"), "x")) == 0


async def test_hears_by_pattern_and_once_for_each_way(flavour, fresh):
    listener, publisher, prefix = flavour.listener(), flavour.client(), fresh("room")
    exact, every, some = f"{prefix}:a", f"{prefix}:*", f"{prefix}:[ab]"
    assert await listener.ask("psubscribe", every, some) == [(every, 1), (some, 2)]
    assert await listener.ask("subscribe", exact) == [(exact, 3)]
    assert await settled(publisher.publish(exact, "1")) == 3
    first, *others = await listener.heard(3)
    assert first == ("message", exact, b"1")
    assert sorted(others) == [("pmessage", exact, b"1", every), ("pmessage", exact, b"1", some)]
    assert await settled(publisher.publish(f"{prefix}:c", "2")) == 1
    assert await listener.heard() == [("pmessage", f"{prefix}:c", b"2", every)]


async def test_sees_in_monitor_what_is_published(flavour, fresh):
    channel, publisher, monitor = fresh("watched"), flavour.client(), flavour.client().monitor()
    async with contextlib.AsyncExitStack() as stack:
        if hasattr(monitor, "__aenter__"):
            await stack.enter_async_context(monitor)
        else:
            stack.enter_context(monitor)
        await settled(publisher.publish(channel, 'a "b"  c'))
        await settled(publisher.publish(channel, "second"))
        seen = []
        while len(seen) < 2:
            command = await settled(monitor.next_command())
            if channel in command["command"]:  # redis-server shows the client's other commands, too
                seen.append(command)
    for command, payload in zip(seen, ('a "b"  c', "second")):
        assert command["command"].lower().startswith(f"publish {channel} {payload}")
        assert (command["client_type"], command["db"]) == ("unix", 0)
        assert abs(command["time"] - time.time()) < 60
        if IS_RELAY:
            assert " verdict=ok route=unrouted " in command["command"]


async def test_stops_hearing_what_it_names(flavour, fresh):
    listener, publisher, kept, left = flavour.listener(), flavour.client(), fresh("kept"), fresh("left")
    await listener.ask("subscribe", kept, left)
    await listener.ask("psubscribe", f"{kept}:*", f"{left}:*")
    assert await listener.ask("unsubscribe", left) == [(left, 3)]
    assert await listener.ask("punsubscribe", f"{left}:*") == [(f"{left}:*", 2)]
    receivers = [await settled(publisher.publish(name, "x")) for name in (left, f"{left}:1", kept, f"{kept}:1")]
    assert receivers == [0, 0, 1, 1]
    assert await listener.heard(2) == [("message", kept, b"x"), ("pmessage", f"{kept}:1", b"x", f"{kept}:*")]


async def test_stops_hearing_everything_without_naming_it(flavour, fresh):
    listener, publisher, names = flavour.listener(), flavour.client(), [fresh("all"), fresh("all")]
    for kind in ("", "p"):
        await listener.ask(f"{kind}subscribe", *names)
        confirmed = await listener.ask(f"{kind}unsubscribe", confirmations=2)
        assert sorted(name for name, _ in confirmed) == names
        assert sorted(count for _, count in confirmed) == [0, 1]
        assert await settled(publisher.publish(names[0], "x")) == 0
    await listener.ask("subscribe", names[0])
    assert await settled(publisher.publish(names[0], "again")) == 1
    assert await listener.heard() == [("message", names[0], b"again")]


async def test_answers_ping_before_and_while_it_listens(flavour, fresh):
    listener, client = flavour.listener(), flavour.client()
    assert await settled(client.ping()) is True
    await listener.ask("subscribe", fresh("ping"))
    for _ in range(3):
        await settled(listener.pubsub.ping())
        assert (await listener.next())["type"] == "pong"
    await settled(listener.pubsub.ping("payload"))
    frame = await listener.next()
    assert (frame["type"], frame["data"]) == ("pong", b"payload")


async def test_passes_its_own_health_check_while_it_listens(flavour, fresh):
    listener, publisher, channel = flavour.listener(health_check_interval=30), flavour.client(), fresh("health")
    await listener.ask("subscribe", channel)
    connection = listener.pubsub.connection
    pings = spy(connection)
    for i in range(20):
        connection.next_health_check = 0  # due at every look for a message, until an answer is read
        assert await listener.poll(0) is None  # the check's answer is not a message
        assert await settled(publisher.publish(channel, str(i))) == 1
        assert await listener.heard() == [("message", channel, str(i).encode())]
    assert len(pings) >= 20
    await settled(listener.pubsub.ping("last"))  # replies come in order: each check was answered
    assert (await listener.next())["data"] == b"last"


async def test_get_message_waits_no_longer_than_its_timeout(flavour, fresh):
    listener, publisher, channel = flavour.listener(), flavour.client(), fresh("timeout")
    await listener.ask("subscribe", channel)
    assert await listener.poll(0) is None
    assert await listener.poll(0.05) is None
    await settled(publisher.publish(channel, "late"))
    assert await listener.heard() == [("message", channel, b"late")]


async def test_counts_listeners_and_lists_channels(flavour, fresh):
    publisher, prefix = flavour.client(), fresh("count")
    one, two, none = (f"{prefix}:{name}" for name in ("one", "two", "none"))
    await flavour.listener().ask("subscribe", one, two)
    await flavour.listener().ask("subscribe", two)
    counts = await settled(publisher.pubsub_numsub(one, two, none))
    assert counts == [(one.encode(), 1), (two.encode(), 2), (none.encode(), 0)]
    assert sorted(await settled(publisher.pubsub_channels(f"{prefix}:*"))) == [one.encode(), two.encode()]
    assert await settled(publisher.pubsub_channels(f"{prefix}:n*")) == []


async def test_carries_any_bytes_unchanged(flavour, fresh):
    listener, publisher, channel = flavour.listener(), flavour.client(), fresh("bytes")
    await listener.ask("subscribe", channel)
    every = bytes(range(256))
    for payload in (every, b"", b"\r\n$-1\r\n", every * 1200):
        assert await settled(publisher.publish(channel, payload)) == 1
        assert await listener.heard() == [("message", channel, payload)]


async def test_hears_many_channels_in_the_order_of_publishing(flavour, fresh):
    listener, publisher, channels = flavour.listener(), flavour.client(), [fresh("many") for _ in range(20)]
    await listener.ask("subscribe", *channels)
    sent = [("message", channels[i % 20], str(i).encode()) for i in range(1000)]
    pipeline = publisher.pipeline(transaction=False)
    for _, channel, payload in sent:
        pipeline.publish(channel, payload)
    assert await settled(pipeline.execute()) == [1] * len(sent)
    assert await listener.heard(len(sent)) == sent


async def test_hears_each_room_it_moves_to_though_nothing_is_awaited(flavour, fresh):
    listener, publisher, prefix, moves = flavour.listener(), flavour.client(), fresh("move"), 500
    rooms = [f"{prefix}:{i}" for i in range(moves + 1)]
    await listener.ask("subscribe", rooms[0])
    heard = []

    async def listen_until(is_last):
        while not is_last(frame := await listener.next()):
            if frame["type"] == "message":
                heard.append(frame["channel"].decode())

    for old, new in itertools.pairwise(rooms):
        await settled(listener.pubsub.unsubscribe(old))  # sent, not confirmed
        await settled(listener.pubsub.subscribe(new))
        await settled(publisher.publish(new, "here"))
        # Between two moves all is quiet: redis-server's event loop, too, then sees what comes first.
        await settled(listener.pubsub.ping("quiet"))
        await listen_until(lambda frame: frame["type"] == "pong")
    await settled(publisher.publish(rooms[-1], "end"))
    await listen_until(lambda frame: frame["data"] == b"end")
    assert len(heard) == moves, f"heard {len(heard)} of {moves}"
    assert heard == rooms[1:]


async def test_speaks_shard_channels(flavour, fresh):
    listener, publisher, channel = flavour.listener(), flavour.client(), fresh("shard")
    if not listener.has_shards:  # redis-py 7 in asyncio can publish to them and not listen
        assert await settled(publisher.spublish(channel, "1")) == 0
        return
    assert await listener.ask("ssubscribe", channel) == [(channel, 1)]
    assert await settled(publisher.spublish(channel, "1")) == 1
    assert await settled(publisher.publish(channel, "not for shards")) == 0
    assert await listener.heard() == [("smessage", channel, b"1")]
    assert await listener.ask("sunsubscribe", channel) == [(channel, 0)]
    assert await settled(publisher.spublish(channel, "2")) == 0


@needs_relay
async def test_is_told_why_a_payload_is_refused_and_goes_on(flavour):
    listener, publisher = flavour.listener(), flavour.client()
    await listener.ask("subscribe", "chat:42")
    with pytest.raises(redis.ResponseError, match="^INVALID chat:42 .*userId"):
        await settled(publisher.publish("chat:42", json.dumps(VALID | {"userId": 7})))
    with pytest.raises(redis.ResponseError, match=r"^INVALID chat:42\b.*JSON"):
        await settled(publisher.publish("chat:42", "not JSON"))
    assert await settled(publisher.publish("chat:42", json.dumps(VALID))) == 1
    assert await listener.heard() == [("message", "chat:42", json.dumps(VALID).encode())]


@needs_relay
async def test_is_told_that_other_commands_belong_to_redis_itself(flavour, fresh):
    client = flavour.client()
    with pytest.raises(redis.ResponseError, match="unknown command"):
        await settled(client.get("key"))
    assert await settled(client.publish(fresh("after"), "x")) == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_listens_again_by_itself_after_a_restart(flavour, fresh, target, how):
    listener, publisher = flavour.listener(), flavour.client()
    channel, prefix, shard = fresh("again"), fresh("again"), fresh("again")
    await listener.ask("subscribe", channel)
    await listener.ask("psubscribe", f"{prefix}:*")
    names = [channel, f"{prefix}:*"]
    if listener.has_shards:
        await listener.ask("ssubscribe", shard)
        names.append(shard)
    assert await settled(publisher.ping()) is True

    target.stop(how)
    target.start()
    confirmed = [await next_after_reconnect(listener) for _ in names]
    assert sorted(frame["channel"].decode() for frame in confirmed) == sorted(names)

    assert await settled(publisher.publish(channel, "1")) == 1
    assert await settled(publisher.publish(f"{prefix}:x", "2")) == 1
    assert await listener.heard(2) == [
        ("message", channel, b"1"),
        ("pmessage", f"{prefix}:x", b"2", f"{prefix}:*"),
    ]
    if listener.has_shards:
        assert await settled(publisher.spublish(shard, "3")) == 1
        assert await listener.heard() == [("smessage", shard, b"3")]


async def next_after_reconnect(listener):
    """The next frame; a connection that was lost may be told once, before redis-py connects again."""
    try:
        return await listener.next()
    except redis.ConnectionError:
        return await listener.next()


def spy(connection):
    """Notes each PING that a connection sends."""
    pings, send = [], connection.send_command

    def send_and_note(*args, **options):
        if args[0] == "PING":
            pings.append(args)
        return send(*args, **options)

    connection.send_command = send_and_note
    return pings
