"""Waiting between sendings: bounded, doubling, drawn from the injected source alone."""

from random import Random

from shared.limits import STORE_ATTEMPTS_MAX, STORE_BACKOFF_MS, STORE_BACKOFF_MS_MAX
from shared.store.wire import backoff_ms


def test_each_wait_lies_under_a_doubling_bound() -> None:
    for attempt in range(1, STORE_ATTEMPTS_MAX):
        bound = min(STORE_BACKOFF_MS_MAX, STORE_BACKOFF_MS * 2 ** (attempt - 1))
        waits = {backoff_ms(attempt, Random(seed)) for seed in range(500)}
        assert min(waits) >= 0
        assert max(waits) <= bound
        assert len(waits) > 15


def test_the_same_seed_waits_the_same() -> None:
    first, second = Random(3), Random(3)
    assert [backoff_ms(n, first) for n in range(1, 10)] == [
        backoff_ms(n, second) for n in range(1, 10)
    ]
