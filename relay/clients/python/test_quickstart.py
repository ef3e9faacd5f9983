"""Runs the Python pairs of examples/quickstart as a reader would, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import redis

from target import IS_RELAY
from wait import PATIENCE, until

QUICKSTART = Path(__file__).resolve().parents[3] / "examples" / "quickstart"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
@pytest.mark.parametrize("pair", ["redis-py", "redis-py-asyncio"])
def test_what_the_publisher_says_the_subscriber_prints(target, pair, how):
    with redis.Redis(unix_socket_path=target.socket) as observer, tempfile.TemporaryFile("w+") as printed:

        def listeners():
            return [count for _, count in observer.pubsub_numsub("chat:42", "notifications")]

        def output():
            # The subscriber writes where this file descriptor stands, too: nobody may move it.
            return os.pread(printed.fileno(), 1 << 20, 0).decode()

        subscriber = run(target, f"{pair}/subscriber.py", printed)
        try:
            until("subscriptions of the subscriber", lambda: listeners() == [1, 1])
            with tempfile.TemporaryFile("w+") as said:
                assert run(target, f"{pair}/publisher.py", said).wait(PATIENCE) == 0
                said.seek(0)
                report = said.read()
            assert report.startswith("chat:42: 1 receivers\nnotifications: 1 receivers\n"), report
            assert bool(re.search("^refused: INVALID chat:42 .*userId", report, re.MULTILINE)) == IS_RELAY, report

            until("printed messages", lambda: "notifications: Backup done\n" in output())
            assert re.match(r'chat:42: \{"type": "message", .*"userId": "ada".*\}\n', output()), output()
            target.stop(signal.SIGKILL)
            until("failed attempt to connect", lambda: "connecting to" in output())
            target.start()
            until("new subscriptions", lambda: listeners() == [1, 1])
            observer.publish("notifications", "Back again")
            until("printed message", lambda: "notifications: Back again\n" in output())
            subscriber.send_signal(how)
            assert subscriber.wait(PATIENCE) == 0, output()
            assert "Traceback" not in output()
            until("end of the subscriptions", lambda: listeners() == [0, 0])
        finally:
            subscriber.kill()
            subscriber.wait()
            print(output())  # pytest shows it when the test fails


def run(target, file, output):
    """Starts an example against the target; what it prints goes to a file."""
    env = os.environ | {"REDIS_SOCKET": target.socket}
    return subprocess.Popen([sys.executable, str(QUICKSTART / file)], env=env, stdout=output, stderr=output)
