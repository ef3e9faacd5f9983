"""A server of answers. Any number of them, in Python or in Node.js (server.js), make one service, each behind the relay
of its host: a page may ask on one and read on another.

    python server.py
"""

import asyncio
import contextlib
import json
import logging
import os
import re
import uuid
from pathlib import Path

import redis.asyncio as redis
import uvicorn
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import answers
from model import answer

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3021"))
PING = 2  # seconds; a page that hears nothing for some of these connects again


class IdConvertor(StringConvertor):
    regex = r"[\w-]{1,64}"


register_url_convertor("id", IdConvertor())

# Put your own login here: who may ask, and who may read or stop which answer.


async def ask(request):
    id = str(uuid.uuid4())
    await answers.begin(id, (await request.json()).get("question"), answer)
    return JSONResponse({"id": id}, 201)


async def stop(request):
    await answers.stop(request.path_params["id"])
    return Response(status_code=204)


async def events(request):
    """The parts of an answer as server-sent events, with their IDs: from the first, or behind the one named."""
    after = request.query_params.get("after", "")
    parts = stream(request.path_params["id"], after if re.fullmatch(r"\d+-\d+", after) else "0-0")
    return StreamingResponse(parts, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def stream(id, after):
    async with answers.follow(id, after) as parts:
        if parts is None:
            yield "event: gone\ndata:\n\n"
            return
        yield f"event: server\ndata: Python, port {PORT}\n\n"
        while True:
            try:
                entry, payload = await asyncio.wait_for(parts.get(), PING)
                yield f"id: {entry}\ndata: {payload}\n\n"
            except asyncio.TimeoutError:
                yield "event: ping\ndata:\n\n"


async def refused(_request, error):
    if mistake := re.match(r"INVALID \S+ (.*)", str(error)):  # INVALID answer:… /question: length must be >= 1
        return JSONResponse({"error": mistake[1]}, 422)
    return JSONResponse({"error": f"not reachable at the moment, try again ({error})"}, 503)


@contextlib.asynccontextmanager
async def lifespan(_app):
    logging.basicConfig(level=logging.INFO)
    reading = asyncio.create_task(answers.run())
    yield
    # A new version of this server may be started in its place: what is being written here is written to its end,
    # what is being read here is read elsewhere.
    await answers.finish(25)
    reading.cancel()


app = Starlette(
    routes=[
        Route("/answers", ask, methods=["POST"]),
        Route("/answers/{id:id}/stop", stop, methods=["POST"]),
        Route("/answers/{id:id}/events", events),
        Mount("/", StaticFiles(directory=Path(__file__).with_name("public"), html=True)),
    ],
    exception_handlers={redis.RedisError: refused},
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(app, host=HOST, port=PORT, timeout_graceful_shutdown=1)  # streams of events do not end by themselves
