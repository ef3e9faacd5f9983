"""The ports of what the suites start, as in node/ports.js."""

import contextlib
import functools
import itertools
import socket

FIRST, END, RANGE = 11_000, 20_000, 200


def free_ports(count):
    """Finds ports of 127.0.0.1 that nobody listens on, all different."""
    own, in_turn = _claim()
    ports = []
    for port in itertools.islice(in_turn, RANGE):
        with contextlib.suppress(OSError), _listen(port):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError(f"no {count} free ports from {own.getsockname()[1]} on")


@functools.cache
def _claim():
    """Finds a range that no other process has, and holds it by its first port as long as this one lives."""
    for port in range(FIRST, END, RANGE):
        with contextlib.suppress(OSError):
            return _listen(port), itertools.cycle(range(port + 1, port + RANGE))
    raise RuntimeError("all ranges of ports are taken")


def _listen(port):
    return socket.create_server(("127.0.0.1", port))
