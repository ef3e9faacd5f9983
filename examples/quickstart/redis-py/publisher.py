# Publishes a chat message, a plain text and a mistake. Run it from the folder of relay.sock:
#   python examples/quickstart/redis-py/publisher.py
import json
import os
import time

import redis

# Only the address differs from plain Redis, where it is redis.Redis(host="localhost").
client = redis.Redis(unix_socket_path=os.environ.get("REDIS_SOCKET", "./relay.sock"))

chat = {"type": "message", "id": "m1", "roomId": "42", "userId": "ada", "message": "Hello"}
chat["timestamp"] = int(time.time() * 1000)
print("chat:42:", client.publish("chat:42", json.dumps(chat)), "receivers")
print("notifications:", client.publish("notifications", "Backup done"), "receivers")
try:
    client.publish("chat:42", json.dumps(chat | {"userId": 7}))  # plain Redis would let it through
except redis.ResponseError as error:
    print("refused:", error)
client.close()
