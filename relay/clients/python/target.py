"""The server under test: a relay in front of its own redis-server, or, with TARGET=redis,
that redis-server's Unix socket itself, which proves the suite against the real thing."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from ports import free_ports
from wait import PATIENCE, until

PROBE = 10  # seconds for one probe, which is asked again

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"

# PASSWORD is what a relay asks for on TCP.
PASSWORD = "tcp-secret"

# IS_RELAY says whether the target has the relay's own behaviour (schemas, error codes).
IS_RELAY = os.environ.get("TARGET") != "redis"


class Target:
    """The running server: a socket, a relay's url by TCP, and the power to take it away."""

    def __init__(self):
        binary = relay_binary() if IS_RELAY else None
        self._folder = Path(tempfile.mkdtemp(prefix="rr-", dir="/tmp"))  # short: a socket's path has about 100 bytes
        redis_port, http_port, tcp_port = free_ports(3)
        redis_socket = self._folder / "redis.sock"
        # In the order of their start; the last one is under test.
        self._daemons = [Daemon(redis_command(self._folder, redis_port), lambda: pong(redis_socket))]
        self.socket = str(redis_socket)
        if IS_RELAY:
            self.socket = str(self._folder / "relay.sock")
            config = self._folder / "relay.yaml"
            config.write_text(relay_config(self.socket, redis_port, http_port, tcp_port=tcp_port))
            (self._folder / "password").write_text(PASSWORD)
            self.url = f"redis://:{PASSWORD}@127.0.0.1:{tcp_port}"
            self._daemons.append(Daemon([binary, "--config", str(config)], lambda: ready(http_port)))

    def __enter__(self):
        try:
            for daemon in self._daemons:
                daemon.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            for daemon in reversed(self._daemons):
                daemon.stop(signal.SIGTERM)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self, how):
        """Ends the server under test with a signal and waits for its end."""
        self._daemons[-1].stop(how)

    def start(self):
        """Starts it again, on the same socket."""
        self._daemons[-1].start()


class Pair:
    """Two relays in front of one redis-server, with both doors open: relays is a list of
    (path of the socket, URL for NATS)."""

    def __init__(self):
        binary = relay_binary()
        self._folder = Path(tempfile.mkdtemp(prefix="rr-", dir="/tmp"))
        redis_port, *ports = free_ports(5)
        redis_socket = self._folder / "redis.sock"
        self._daemons = [Daemon(redis_command(self._folder, redis_port), lambda: pong(redis_socket))]
        self.relays = []
        for n in range(2):
            http_port, nats_port = ports[2 * n : 2 * n + 2]
            path = str(self._folder / f"{n}.sock")
            config = self._folder / f"{n}.yaml"
            config.write_text(relay_config(path, redis_port, http_port, nats_port))
            self._daemons.append(Daemon([binary, "--config", str(config)], lambda port=http_port: ready(port)))
            self.relays.append((path, f"nats://127.0.0.1:{nats_port}"))

    __enter__ = Target.__enter__
    __exit__ = Target.__exit__


class Daemon:
    """A child process that is ready when its probe says so."""

    def __init__(self, command, probe):
        self._command = command
        self._probe = probe
        self._output = tempfile.TemporaryFile("w+")
        self._process = None
        atexit.register(self._kill)

    def start(self):
        self._output.truncate(0)
        self._process = subprocess.Popen(self._command, stdout=self._output, stderr=subprocess.STDOUT)
        until(f"readiness of {self._command[0]}", self._is_ready)

    def stop(self, how):
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()
            raise TimeoutError(f"{self._command[0]} goes on after {how.name}; its output:\n{self._text()}") from None

    def _is_ready(self):
        if self._process.poll() is not None:
            code = self._process.returncode
            raise RuntimeError(f"{self._command[0]}: ended with {code} before it was ready:\n{self._text()}")
        return self._probe()

    def _text(self):
        self._output.seek(0)
        return self._output.read()

    def _kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def relay_binary():
    binary = os.environ.get("RELAY_BIN")
    if not binary:
        raise RuntimeError(
            "RELAY_BIN is not set: build the relay (go build -o redis-relay .) and set RELAY_BIN to its absolute "
            "path, or set TARGET=redis to run the suite against redis-server itself"
        )
    return binary


def redis_command(folder, port):
    settings = {"bind": "127.0.0.1", "port": port, "unixsocket": folder / "redis.sock", "dir": folder, "save": ""}
    return ["redis-server", *(str(part) for key, value in settings.items() for part in (f"--{key}", value))]


def relay_config(socket_path, redis_port, http_port, nats_port=None, tcp_port=None):
    config = {
        "redis": {"url": f"redis://127.0.0.1:{redis_port}"},
        "socket": {"path": socket_path},
        "http": {"listen": f"127.0.0.1:{http_port}"},
        "schemas": str(SCHEMAS),
        "routes": [{"prefix": "chat:", "schema": "chat.json"}],
    }
    if tcp_port is not None:
        config["socket"] |= {"tcp": f"127.0.0.1:{tcp_port}", "password_file": "password"}
    if nats_port is not None:
        config["nats"] = {"listen": f"127.0.0.1:{nats_port}"}
        config["routes"] = [
            {"prefix": "chat:", "schema": "chat.json", "nats": True},
            {"prefix": "plain:", "nats": True},
            {"prefix": "kept:", "nats": True, "history": {"length": 100}},
        ]
    return json.dumps(config)  # JSON is YAML


def ready(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PROBE) as response:
        return response.status == 200


def pong(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PROBE)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(5) == b"+PONG"
