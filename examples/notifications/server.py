"""Notifications: whoever has a page open sees them at once, everybody else when they open one.

    python server.py

Messages go through the relay (REDIS_SOCKET). What the app keeps as keys, here the marks of what was read, goes
straight to Redis (REDIS_URL).
"""

import asyncio
import contextlib
import json
import logging
import os
import time
import uuid
from collections import defaultdict
from pathlib import Path

import anyio
import redis.asyncio as redis
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Route

from channels import Channels

SOCKET = os.environ.get("REDIS_SOCKET", "relay.sock")
PAGE = Path(__file__).with_name("page.html")
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "8000"))
SHOWN = 50  # notifications a page shows
MARKS = 2000  # marks kept for a user: more than the notifications that relay.yaml keeps
MARKS_LAST = 60 * 24 * 3600  # seconds after the last one
PING = 2  # seconds; a page that hears nothing for some of these connects again

# The relay waits for a Redis that is away for 15 s (redis.publish_timeout), and has the last word.
relay = redis.Redis(unix_socket_path=SOCKET, decode_responses=True, socket_timeout=20)
store = redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)
channels = Channels(SOCKET)
pages = defaultdict(set)  # user: the open pages


class Page:
    """An open page: what it has still to be told."""

    def __init__(self):
        self.queue = asyncio.Queue(100)

    def tell(self, event):
        if self.queue.full():
            self.leave()
        else:
            self.queue.put_nowait(event)

    def leave(self):
        """Ends the stream. The page connects again and is shown its list: that is less than a long queue."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


@channels.on_message("user:")
async def tell_pages(channel, message):
    for page in pages.get(user_of(channel), ()):
        page.tell(json.loads(message))


@channels.on_subscribed("user:")
async def show_list(channel):
    user = user_of(channel)
    try:
        event = {"type": "list", "data": await notifications(user)}
        for page in pages.get(user, ()):
            page.tell(event)
    except redis.RedisError:
        for page in pages.get(user, ()):
            page.leave()


def user_of(channel):
    return channel.removeprefix("user:")


async def notifications(user):
    """The newest ones, newest first, each with its mark."""
    entries = await relay.xrevrange(f"user:{user}", count=SHOWN)
    notes = [json.loads(fields["payload"])["data"] for _, fields in entries]
    marks = await store.zmscore(f"read:{user}", [note["id"] for note in notes]) if notes else []
    return [{**note, "read": mark is not None} for note, mark in zip(notes, marks)]


async def events(request):
    """What concerns a user, as server-sent events. An app asks here who it is that listens."""
    if not (user := request.query_params.get("user")):
        raise HTTPException(400, "say whose: /events?user=ann")
    return StreamingResponse(stream(user), media_type="text/event-stream")


async def stream(user):
    page = Page()
    pages[user].add(page)
    try:
        await channels.subscribe(f"user:{user}")  # when that is confirmed, show_list tells the page its list
        while (event := await next_event(page)) is not None:
            yield f"data: {json.dumps(event)}\n\n"
    finally:
        pages[user].discard(page)
        if not pages[user]:
            del pages[user]
            with anyio.CancelScope(shield=True):
                await channels.unsubscribe(f"user:{user}")


async def next_event(page):
    try:
        return await asyncio.wait_for(page.queue.get(), PING)
    except asyncio.TimeoutError:
        return {"type": "ping"}


async def notify(request):
    """POST {"users": ["ann", "bob"], "title": "…", "message": "…"}. Whoever sends it again, for want of an answer,
    gives it the same "id": then nobody sees it twice."""
    body = await fields(request, users=list)
    note = {key: body.get(key, "") for key in ("title", "message")}
    note |= {"id": body.get("id") or uuid.uuid4().hex, "timestamp": now()}
    pipeline = relay.pipeline(transaction=False)  # one round trip; the relay has no MULTI
    for user in body["users"]:
        payload = {"type": "notification", "data": {**note, "userId": user}}
        pipeline.xadd(f"user:{user}", {"payload": json.dumps(payload)})
    answers = await pipeline.execute(raise_on_error=False)
    failed = {user: str(answer) for user, answer in zip(body["users"], answers) if isinstance(answer, Exception)}
    return JSONResponse({"id": note["id"], "failed": failed}, 422 if failed else 200)


async def mark_read(request):
    """POST {"user": "ann", "ids": ["…"]}. First the marks are kept, then the user's other pages are told."""
    body = await fields(request, user=str, ids=list)
    user, ids, key = body["user"], body["ids"], f"read:{body['user']}"
    pipeline = store.pipeline()
    pipeline.zadd(key, {id: now() for id in ids})
    pipeline.zremrangebyrank(key, 0, -MARKS - 1)
    pipeline.expire(key, MARKS_LAST)
    await pipeline.execute()
    with contextlib.suppress(redis.RedisError):  # they learn it from their next list
        await relay.publish(f"user:{user}", json.dumps({"type": "read", "data": {"userId": user, "ids": ids}}))
    return JSONResponse({})


async def fields(request, **kinds):
    """The fields of a request. What is in them, the schema judges."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    for name, kind in kinds.items():
        if not isinstance(body, dict) or not isinstance(body.get(name), kind):
            raise HTTPException(400, f"expected JSON with {name}: a {kind.__name__}")
    return body


def now():
    return int(time.time() * 1000)


async def unavailable(_request, error):
    return JSONResponse({"error": f"not sent, try again: {error}"}, 503)


@contextlib.asynccontextmanager
async def lifespan(_app):
    logging.basicConfig(level=logging.INFO)
    listening = asyncio.create_task(channels.run())
    yield
    listening.cancel()


app = Starlette(
    routes=[
        Route("/", lambda _request: FileResponse(PAGE)),
        Route("/events", events),
        Route("/notify", notify, methods=["POST"]),
        Route("/read", mark_read, methods=["POST"]),
    ],
    exception_handlers={redis.RedisError: unavailable},
    lifespan=lifespan,
)


def main():
    uvicorn.run(app, host=HOST, port=PORT, timeout_graceful_shutdown=1)  # streams of events do not end by themselves


if __name__ == "__main__":
    main()
