"""Fixtures: one server for the whole run, and for each test a client of each flavour."""

import itertools

import pytest
import redis
import redis.asyncio

from clients import Flavour
from target import IS_RELAY, Target

FLAVOURS = list(itertools.product((redis, redis.asyncio), (2, 3)))


def pytest_report_header():
    return f"redis-py {redis.__version__} against {'the relay' if IS_RELAY else 'redis-server'}"


@pytest.fixture(scope="session")
def target():
    with Target() as running:
        yield running


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: f"{flavour[0].__name__}-RESP{flavour[1]}")
async def flavour(request, target):
    module, protocol = request.param
    opened = Flavour(module, protocol, target.socket)
    yield opened
    await opened.close()


@pytest.fixture
def fresh():
    """Makes names that no other test uses."""
    return lambda word: f"{word}-{next(_numbers)}"


_numbers = itertools.count(1)
