"""A real DynamoDB behind a network that loses answers: nothing is written twice or guessed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

import pytest
from botocore.credentials import ReadOnlyCredentials

from shared.clock import SystemClock
from shared.errors import StoreError, StoreRefused, StoreTimeout, StoreUnavailable
from shared.limits import STORE_ATTEMPTS_MAX
from shared.store.access import Access, FixedCredentials
from shared.store.dynamo import DynamoTable
from shared.store.table import (
    Absent,
    Cancelled,
    Cause,
    Delete,
    GuardFailed,
    Is,
    Item,
    Put,
    Reason,
    Transacted,
    Update,
    Write,
    Written,
)
from shared.store.wire import Wire
from shared.testing.counting import CountingMetrics
from tests.contract.flaky import FlakyNetwork, Mishap, flaky_network
from tests.contract.stores import Engine, balance_key, fresh, insert, ledger_key, provisioned, token

pytestmark = pytest.mark.engines

LOST_AFTER = (Mishap.DROPPED_AFTER, Mishap.FAILED_AFTER, Mishap.GARBLED_AFTER)
LOST = (*LOST_AFTER, Mishap.DROPPED_BEFORE, Mishap.GATEWAY)


@dataclass(frozen=True, slots=True)
class Bench:
    """A table behind a network with mishaps, and the same table without."""

    table: DynamoTable
    network: FlakyNetwork
    metrics: CountingMetrics
    direct: DynamoTable


@pytest.fixture(scope="module")
def engine(module_dynamodb_endpoint: str) -> Engine:
    return provisioned(module_dynamodb_endpoint, "lost-")


@asynccontextmanager
async def bench(engine: Engine, mishaps: Sequence[Mishap]) -> AsyncIterator[Bench]:
    metrics = CountingMetrics()
    clock, rng, prefix = SystemClock(), Random(7), engine.settings.table_prefix
    direct = Wire(engine.access, "dynamodb", clock=clock, rng=rng)
    async with flaky_network(engine.access.endpoint_url, mishaps) as network:
        access = replace(engine.access, endpoint_url=network.url)
        wire = Wire(access, "dynamodb", clock=clock, rng=rng, metrics=metrics)
        yield Bench(
            DynamoTable(wire, prefix=prefix, rng=rng),
            network,
            metrics,
            DynamoTable(direct, prefix=prefix, rng=rng),
        )
        await wire.close()
    await direct.close()


@pytest.mark.parametrize("mishap", [*LOST, Mishap.THROTTLED])
async def test_a_batch_is_sent_again_with_its_token_and_written_once(
    engine: Engine, mishap: Mishap
) -> None:
    entry, balance = fresh(), balance_key(fresh())
    once = token()
    async with bench(engine, [mishap, mishap]) as bed:
        answer = await bed.table.transact([insert(entry), Update(balance, add={"v": 5})], once)
        assert answer == Transacted()
        assert bed.network.tokens == [once] * 3
        assert bed.metrics.retries == {"TransactWriteItems": 2}
        assert bed.metrics.outcomes == {("TransactWriteItems", "ok"): 1}
        assert await bed.direct.get(balance, consistent=True) == {
            "pk": balance.pk, "sk": ".", "v": 5,
        }  # fmt: skip


async def test_a_batch_that_is_never_answered_is_unknown(engine: Engine) -> None:
    entry = fresh()
    async with bench(engine, [Mishap.FAILED_AFTER] * 20) as bed:
        with pytest.raises(StoreTimeout):
            await bed.table.transact([insert(entry)], token())
        assert len(bed.network.tokens) == STORE_ATTEMPTS_MAX
        assert len(set(bed.network.tokens)) == 1
        assert bed.metrics.outcomes == {("TransactWriteItems", "StoreTimeout"): 1}
        assert await bed.direct.get(ledger_key(entry), consistent=True) is not None


async def test_a_batch_that_is_always_turned_away_is_unavailable(engine: Engine) -> None:
    entry = fresh()
    async with bench(engine, [Mishap.THROTTLED] * 20) as bed:
        with pytest.raises(StoreUnavailable):
            await bed.table.transact([insert(entry)], token())
        assert len(bed.network.tokens) == STORE_ATTEMPTS_MAX
        assert await bed.direct.get(ledger_key(entry), consistent=True) is None


async def test_a_batch_refused_after_a_lost_answer_stays_unknown(engine: Engine) -> None:
    async with bench(engine, [Mishap.DROPPED_AFTER, Mishap.REFUSED]) as bed:
        with pytest.raises(StoreTimeout):
            await bed.table.transact([insert(fresh())], token())
        assert len(bed.network.tokens) == 2


async def test_a_refusal_is_not_sent_again(engine: Engine) -> None:
    async with bench(engine, [Mishap.REFUSED]) as bed:
        with pytest.raises(StoreRefused, match="AccessDenied"):
            await bed.table.transact([insert(fresh())], token())
        assert len(bed.network.tokens) == 1


async def test_a_cancelled_batch_says_so_after_a_lost_answer(engine: Engine) -> None:
    taken = fresh()
    async with bench(engine, [Mishap.DROPPED_AFTER]) as bed:
        await bed.direct.write(insert(taken, a="first"))
        answer = await bed.table.transact([insert(taken, a="second")], token())
        old: Item = {"pk": taken, "sk": ".", "a": "first"}
        assert answer == Cancelled((Reason(Cause.GUARD, old),))


@pytest.mark.parametrize("mishap", LOST)
async def test_a_lost_answer_to_an_add_is_unknown_at_once(engine: Engine, mishap: Mishap) -> None:
    key = balance_key(fresh())
    async with bench(engine, [mishap]) as bed:
        with pytest.raises(StoreTimeout):
            await bed.table.write(Update(key, add={"v": 1}))
        assert bed.network.targets == ["UpdateItem"]
        written: Item = {"pk": key.pk, "sk": ".", "v": 1}
        expected = written if mishap in LOST_AFTER else None
        assert await bed.direct.get(key, consistent=True) == expected


async def test_an_add_that_was_turned_away_is_sent_again(engine: Engine) -> None:
    key = balance_key(fresh())
    async with bench(engine, [Mishap.THROTTLED] * 3) as bed:
        assert await bed.table.write(Update(key, add={"v": 1})) == Written()
        assert await bed.direct.get(key, consistent=True) == {"pk": key.pk, "sk": ".", "v": 1}


@pytest.mark.parametrize("mishap", LOST)
@pytest.mark.parametrize("kind", ["put", "update", "delete"])
async def test_a_guarded_write_recognises_its_own_first_sending(
    engine: Engine, mishap: Mishap, kind: str
) -> None:
    key = balance_key(fresh())
    before: Item = {"pk": key.pk, "sk": ".", "r": 1}
    guards = (Is("r", 1),)
    write: Write = Put(key.table, {**before, "r": 2}, guards)
    if kind == "update":
        write = Update(key, set={"r": 2}, guards=guards)
    if kind == "delete":
        write = Delete(key, guards)
    async with bench(engine, [mishap]) as bed:
        await bed.direct.write(Put(key.table, before))
        assert await bed.table.write(write) == Written()
        assert len(bed.network.targets) == 2
        after = None if kind == "delete" else {**before, "r": 2}
        assert await bed.direct.get(key, consistent=True) == after


async def test_a_guard_that_fails_after_a_lost_answer_is_unknown_if_the_item_is_foreign(
    engine: Engine,
) -> None:
    key = balance_key(fresh())
    theirs: Item = {"pk": key.pk, "sk": ".", "owner": "they"}
    ours = Put(key.table, {**theirs, "owner": "we"}, (Absent(),))
    async with bench(engine, [Mishap.DROPPED_BEFORE]) as bed:
        await bed.direct.write(Put(key.table, theirs))
        with pytest.raises(StoreTimeout):
            await bed.table.write(ours)
        assert await bed.table.write(ours) == GuardFailed(theirs)


@pytest.mark.parametrize("mishap", [*LOST, Mishap.THROTTLED])
async def test_reads_are_sent_again(engine: Engine, mishap: Mishap) -> None:
    key = ledger_key(fresh())
    item: Item = {"pk": key.pk, "sk": "."}
    async with bench(engine, [mishap] * 4) as bed:
        await bed.direct.write(insert(key.pk))
        assert await bed.table.get(key, consistent=True) == item
        assert bed.network.targets == ["GetItem"] * 5


async def test_a_read_that_is_never_answered_is_unavailable(engine: Engine) -> None:
    async with bench(engine, [Mishap.DROPPED_AFTER] * 20) as bed:
        with pytest.raises(StoreUnavailable):
            await bed.table.get(ledger_key(fresh()))
        assert bed.network.targets == ["GetItem"] * STORE_ATTEMPTS_MAX


async def test_unprocessed_keys_are_asked_again(engine: Engine) -> None:
    pks = [fresh() for _ in range(4)]
    async with bench(engine, [Mishap.PARTIAL] * 3) as bed:
        for pk in (pks[0], pks[2]):
            await bed.direct.write(insert(pk))
        items = await bed.table.get_many([ledger_key(pk) for pk in pks], consistent=True)
        assert [item and item["pk"] for item in items] == [pks[0], None, pks[2], None]
        assert bed.network.targets == ["BatchGetItem"] * 4
        assert bed.metrics.units == {"BatchGetItem": 4}


class RotatingCredentials:
    """New credentials for every sending."""

    def __init__(self) -> None:
        self.issued = 0

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.issued += 1
        return ReadOnlyCredentials(f"key{self.issued}", "secret", None)


async def test_every_sending_is_signed_with_the_credentials_of_its_moment(engine: Engine) -> None:
    access = replace(engine.access, credentials=RotatingCredentials())
    rotating = replace(engine, access=access)
    async with bench(rotating, [Mishap.THROTTLED, Mishap.FAILED_AFTER]) as bed:
        assert await bed.table.transact([insert(fresh())], token()) == Transacted()
        assert bed.network.access_keys == ["key1", "key2", "key3"]


async def test_nobody_listening_is_unavailable() -> None:
    access = Access("http://127.0.0.1:9", "us-east-1", FixedCredentials())
    wire = Wire(access, "dynamodb", clock=SystemClock(), rng=Random(1))
    table = DynamoTable(wire, prefix="none-", rng=Random(1))
    with pytest.raises(StoreUnavailable) as caught:
        await table.transact([insert(fresh())], token())
    assert isinstance(caught.value, StoreError)
    await wire.close()
