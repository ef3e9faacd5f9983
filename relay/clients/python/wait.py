"""What the suites wait for: conditions, each with a deadline that says what was missing."""

import time

import redis

PATIENCE = 120  # seconds any one condition may take, on a busy machine, too


def until(what, condition, patience=PATIENCE):
    """Polls a condition until it is true; one that cannot ask the system or Redis counts as not yet true."""
    cause = None
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, redis.RedisError) as error:
            cause = error
        time.sleep(0.01)
    raise TimeoutError(f"no {what} within {patience} s") from cause
