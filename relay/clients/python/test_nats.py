"""The NATS door, with nats-py: behind two relays, beside redis-py on their sockets."""

import asyncio
import json

import nats
import pytest
import redis.asyncio

from target import IS_RELAY, Pair
from wait import PATIENCE

pytestmark = pytest.mark.skipif(not IS_RELAY, reason="TARGET=redis: only the relay speaks NATS")

ROUNDS = 100
BYTES = bytes(range(256))  # not UTF-8, and every line ending


@pytest.fixture(scope="module")
def pair():
    with Pair() as running:
        yield running


@pytest.fixture
async def door(pair):
    """Connects NATS clients that end with the test."""
    opened = []

    async def connect(relay):
        client = await nats.connect(pair.relays[relay][1], reconnect_time_wait=0.01)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        await client.close()


async def listen(client, subject):
    """Returns the queue of what is heard, once the relay knows of the subscription."""
    heard = asyncio.Queue()
    await client.subscribe(subject, cb=heard.put)
    await request(client, "publish.plain.barrier", b"")  # comes behind the subscription
    return heard


async def request(client, subject, payload):
    answer = await client.request(subject, payload, timeout=PATIENCE)
    return json.loads(answer.data), (answer.headers or {}).get("Nats-Service-Error-Code")


async def next_of(heard):
    return await asyncio.wait_for(heard.get(), PATIENCE)


async def test_everybody_hears_each_message_once_in_order_byte_for_byte(pair, door):
    channel, subject = "plain:a.b c", "plain.a%2Eb%20c"
    ears, mouths, sockets = [], [], []
    for n, (path, _) in enumerate(pair.relays):
        client = await door(n)
        heard = await listen(client, subject)
        ears.append(lambda heard=heard: nats_payload(heard))
        mouths.append(lambda payload, client=client: client.publish(f"publish.{subject}", payload))

        on_socket = redis.asyncio.Redis(unix_socket_path=path)
        sockets.append(on_socket)
        listener = on_socket.pubsub(ignore_subscribe_messages=True)
        await listener.subscribe(channel)
        await listener.get_message(timeout=PATIENCE)
        ears.append(lambda listener=listener: redis_payload(listener))
        mouths.append(lambda payload, on_socket=on_socket: on_socket.publish(channel, payload))
    for on_socket in sockets:  # all who listen are counted: two at each relay
        while (await on_socket.pubsub_numsub(channel))[0][1] < 4:
            await asyncio.sleep(0.01)

    for i in range(ROUNDS):
        await asyncio.gather(*(publish(bytes([n, i]) + BYTES) for n, publish in enumerate(mouths)))
    for hear in ears:
        expected = [0] * len(mouths)
        for _ in range(ROUNDS * len(mouths)):
            payload = await hear()
            publisher, number = payload[0], payload[1]
            assert number == expected[publisher]
            assert payload[2:] == BYTES
            expected[publisher] += 1
    for on_socket in sockets:
        await on_socket.aclose()


async def nats_payload(heard):
    return (await next_of(heard)).data


async def redis_payload(listener):
    while True:
        message = await listener.get_message(timeout=PATIENCE)
        if message is not None:
            return message["data"]


async def test_a_request_is_answered_with_the_reason_if_it_was_refused(door):
    client = await door(0)
    invalid = json.dumps({"type": "typing", "userId": 5, "roomId": "42"}).encode()
    body, code = await request(client, "publish.chat.42", invalid)
    assert code == "INVALID"
    assert body == {"code": "INVALID", "error": "chat:42 /userId: expected string, but got number"}


async def test_history_by_header_and_by_request(door):
    client = await door(0)
    heard = await listen(client, "kept.*")
    sent = [(await request(client, "publish.kept.1", text))[0] for text in (b"one", b"two")]
    assert [s["receivers"] for s in sent] == [1, 1]
    messages = [await next_of(heard) for _ in sent]
    assert [m.headers["Relay-Id"] for m in messages] == [s["id"] for s in sent]
    history, _ = await request(client, "history.kept.1", json.dumps({"from": sent[0]["id"], "count": 10}).encode())
    assert history["entries"] == [
        {"id": sent[0]["id"], "payload": "one"},
        {"id": sent[1]["id"], "payload": "two"},
    ]


async def test_a_queue_group_shares_the_work(door):
    workers = [await door(0) for _ in range(3)]
    heard = asyncio.Queue()
    for worker in workers:
        await worker.subscribe("plain.jobs", queue="workers", cb=heard.put)
        await request(worker, "publish.plain.barrier", b"")
    for i in range(ROUNDS):
        await workers[0].publish("publish.plain.jobs", b"%d" % i)
    assert sorted([int((await next_of(heard)).data) for _ in range(ROUNDS)]) == list(range(ROUNDS))
    await request(workers[0], "publish.plain.barrier", b"")
    assert heard.empty()
