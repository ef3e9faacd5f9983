"""The TCP door: each flavour gives the password of its URL, listens and publishes."""

import pytest
import redis

from clients import settled
from target import IS_RELAY

pytestmark = pytest.mark.skipif(not IS_RELAY, reason="TARGET=redis: it is the relay that opens the port")


async def test_listens_and_publishes_by_tcp(flavour, target, fresh):
    by_tcp = flavour.at(target.url)
    listener, publisher, channel = by_tcp.listener(), by_tcp.client(), fresh("news")
    assert await listener.ask("subscribe", channel) == [(channel, 1)]
    for i in range(100):
        assert await settled(publisher.publish(channel, str(i))) == 1
    assert await listener.heard(100) == [("message", channel, str(i).encode()) for i in range(100)]
    with pytest.raises(redis.AuthenticationError):
        await settled(flavour.at(target.url.replace("tcp-secret", "wrong")).client().ping())
