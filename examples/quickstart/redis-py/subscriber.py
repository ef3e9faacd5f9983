# Prints what is said on two channels, until Ctrl-C. Run it from the folder of relay.sock:
#   python examples/quickstart/redis-py/subscriber.py
import os
import signal
import sys
import time

import redis

for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda *_: sys.exit())

# Only the address differs from plain Redis, where it is redis.Redis(host="localhost", ...).
path = os.environ.get("REDIS_SOCKET", "./relay.sock")
client = redis.Redis(unix_socket_path=path, decode_responses=True)
while True:
    try:
        with client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe("chat:42", "notifications")
            for message in pubsub.listen():
                print(f"{message['channel']}: {message['data']}", flush=True)
    # redis-py gives up after a few attempts; a subscriber must not.
    except (redis.ConnectionError, redis.TimeoutError) as error:
        print(error, file=sys.stderr, flush=True)
        time.sleep(1)
