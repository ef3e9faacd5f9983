"""Answers: written once, read by any number of pages, on any number of servers.

The stream of an answer, on the channel answer:<id>, is a question, tokens and an end. Whoever writes it listens to
stop:<id>: so that channel also tells whether somebody still does.
"""

import asyncio
import contextlib
import json
import logging
import os
import time

import redis.asyncio as redis

log = logging.getLogger("answers")

PATIENCE = 5  # seconds of silence, after which it is asked whether anybody still writes

# The relay waits for a Redis that is away for 15 s (redis.publish_timeout), and has the last word.
relay = redis.Redis(
    unix_socket_path=os.environ.get("REDIS_SOCKET", "relay.sock"), decode_responses=True, socket_timeout=20
)


def append(id, part):
    return relay.xadd(f"answer:{id}", {"payload": json.dumps(part)})


# Writing

writing = {}  # id: the task


async def begin(id, question, model):
    """Keeps the question and has the model's answer written. From here on nobody needs to wait for it."""
    await append(id, {"type": "begin", "question": question})
    can_be_stopped = asyncio.Event()
    writing[id] = asyncio.create_task(write(id, model(question), can_be_stopped))
    writing[id].add_done_callback(lambda _: writing.pop(id))
    await can_be_stopped.wait()


async def write(id, tokens, can_be_stopped):
    work = asyncio.create_task(append_all(id, tokens))
    listening = asyncio.create_task(cancel_on_stop(id, work, can_be_stopped))
    await asyncio.wait([work])
    listening.cancel()
    if not work.cancelled() and work.exception():  # of the model; or a token that the schema refuses
        log.error("answer %s: %r", id, work.exception())
    reason = "stopped" if work.cancelled() else "failed" if work.exception() else "complete"
    await append_surely(id, {"type": "end", "reason": reason})


async def append_all(id, tokens):
    n = 0
    async for text in tokens:
        await append_surely(id, {"type": "token", "n": n, "text": text})
        n += 1


async def append_surely(id, part):
    """Tries until the relay and Redis are there. A token that was kept although the answer got lost is kept twice
    then, under one number: readers take the first."""
    while True:
        try:
            return await append(id, part)
        except redis.RedisError as error:
            if str(error).startswith(("INVALID ", "TOOLARGE ", "DENIED ")):
                raise
            await asyncio.sleep(0.2)


async def cancel_on_stop(id, work, can_be_stopped):
    while True:
        try:
            async with relay.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.subscribe(f"stop:{id}")
                can_be_stopped.set()
                async for _ in pubsub.listen():
                    work.cancel()
        except redis.RedisError as error:
            log.warning("answer %s: %r", id, error)
            await asyncio.sleep(0.2)


async def stop(id):
    """Ends an answer, whoever writes it. If nobody does any more, there is still its end to be marked."""
    writers = await relay.publish(f"stop:{id}", '{"type":"stop"}')
    if writers == 0:
        await append(id, {"type": "end", "reason": "stopped"})


async def finish(patience):
    """Lets what is being written here come to its end, for so long, and stops the rest."""
    if writing:
        _, late = await asyncio.wait(list(writing.values()), timeout=patience)
        for id in list(writing):
            await stop(id)
        if late:
            await asyncio.wait(late)


# Reading


class Answer:
    """An answer that somebody follows here."""

    def __init__(self, last):
        self.last = last
        self.followers = set()
        self.heard = time.monotonic()
        self.doubts = 0


class Follower:
    def __init__(self, last):
        self.last = last
        self.parts = asyncio.Queue()

    def tell(self, id, payload):
        if place(id) > place(self.last):
            self.last = id
            self.parts.put_nowait((id, payload))


followed = {}  # id: Answer


def place(id):
    """An entry's ID is <milliseconds>-<number within them>."""
    return [int(number) for number in id.split("-")]


@contextlib.asynccontextmanager
async def follow(id, after):
    """A queue of the parts of an answer behind an entry, those that are there and those to come. None where there is
    no such answer."""
    if await relay.xlen(f"answer:{id}") == 0:
        yield None
        return
    follower = Follower(after)
    answer = followed.setdefault(id, Answer(after))
    answer.followers.add(follower)
    answer.last = min(answer.last, after, key=place)  # all are read for the one who lacks most
    try:
        yield follower.parts
    finally:
        answer.followers.discard(follower)
        if not answer.followers and followed.get(id) is answer:
            del followed[id]


async def read_on():
    """Asks once for all answers that somebody follows here: they share one XREAD on one connection."""
    while not followed:
        await asyncio.sleep(0.05)
    asked = {f"answer:{id}": answer.last for id, answer in followed.items()}
    streams = await relay.xread(asked, block=200, count=100)  # briefly: who comes next waits for it
    for name, entries in streams or []:
        if not (answer := followed.get(name.removeprefix("answer:"))):
            continue
        for follower in answer.followers:
            if place(follower.last) < place(asked[name]):
                continue  # it came meanwhile and lacks more: it is its turn next
            for id, fields in entries:
                follower.tell(id, fields["payload"])
        answer.heard, answer.doubts = time.monotonic(), 0
        if answer.last == asked[name]:
            answer.last = entries[-1][0]


async def end_lost():
    """An answer whose writer has died is ended by a server where somebody waits for it: nobody listens to its stop
    channel, twice in a row."""
    await asyncio.sleep(PATIENCE / 2)
    for id, answer in list(followed.items()):
        if time.monotonic() - answer.heard < PATIENCE:
            continue
        [(_, writers)] = await relay.pubsub_numsub(f"stop:{id}")
        answer.doubts = answer.doubts + 1 if writers == 0 else 0
        if answer.doubts == 2:
            await append(id, {"type": "end", "reason": "lost"})


async def run():
    """Reads until it is cancelled."""
    await asyncio.gather(for_ever(read_on), for_ever(end_lost))


async def for_ever(step):
    while True:
        try:
            await step()
        except redis.RedisError as error:  # the relay or Redis is away
            log.warning("%s: %r", step.__name__, error)
            await asyncio.sleep(0.2)
