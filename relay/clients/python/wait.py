"""What the suites wait for: conditions, each with a deadline that says what was missing."""

import time

PATIENCE = 30  # seconds any one condition may take, on a busy machine, too


def until(what, condition, patience=PATIENCE):
    """Polls a condition until it is true; one that raises OSError counts as not yet true."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise TimeoutError(f"no {what} within {patience} s")
