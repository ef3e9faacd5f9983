# Prints what is said on two channels, until Ctrl-C. Run it from the folder of relay.sock:
#   python examples/quickstart/redis-py-asyncio/subscriber.py
import asyncio
import contextlib
import os
import signal
import sys

import redis.asyncio as redis


async def main():
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, asyncio.current_task().cancel)

    # Only the address differs from plain Redis, where it is redis.Redis(host="localhost", ...).
    path = os.environ.get("REDIS_SOCKET", "./relay.sock")
    client = redis.Redis(unix_socket_path=path, decode_responses=True)
    async with client:
        while True:
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe("chat:42", "notifications")
                    async for message in pubsub.listen():
                        print(f"{message['channel']}: {message['data']}", flush=True)
            # redis-py gives up after a few attempts; a subscriber must not.
            except (redis.ConnectionError, redis.TimeoutError) as error:
                print(error, file=sys.stderr, flush=True)
                await asyncio.sleep(1)


with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(main())
