"""A Stripe account's balance transactions become Txs: all, once, whatever comes in between."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest

from connectors.book import NativeLink
from connectors.progress import again
from connectors.sources import Source
from connectors.synchroniser import TRANSACTION_REFUSED
from shared.errors import StoreError
from shared.ledger.links import STRIPE_LINK
from shared.limits import LINK_LEASE_MS, LINK_OVERLAP_S
from shared.store.table import TableName
from shared.testing.faults import FaultyTable, swarm_table
from tests.connecting import ConnectRig, Killed, KillTable, words
from tests.stripe_server import CREATED_S, KEY, PATH, StripeServer, transaction


@pytest.fixture
async def server() -> AsyncIterator[StripeServer]:
    async with StripeServer().running() as running:
        yield running


@pytest.fixture
async def rig(server: StripeServer) -> ConnectRig:
    return ConnectRig(server)


# --- What comes in --------------------------------------------------------------------------------
async def test_the_whole_history_comes_in_page_by_page(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(250)])
    await rig.create()
    rig.server.queries.clear()
    state = await rig.sync()
    rig.judge()
    assert state.progress.status == "idle"
    assert (state.progress.synced, state.progress.rounds) == (250, 1)
    assert state.progress.high_s == CREATED_S + 249
    asked = words(rig.server.queries)
    assert asked.since == [None, None, None]
    assert asked.after == [None, "txn_000150", "txn_000050"]


async def test_a_balance_transaction_is_two_txs(rig: ConnectRig) -> None:
    rig.server.add(transaction(1, 10_00, 59), transaction(2, -300, 0, type="payout"))
    await rig.create()
    await rig.sync()
    fee, gross, no_fee, payout = rig.txs()
    assert (gross.external_id, gross.amount) == ("txn_000001_gross", 1000)
    assert (fee.external_id, fee.amount) == ("txn_000001_fee", -59)
    assert (no_fee.amount, payout.amount) == (0, -300)
    assert {tx.posted_ms for tx in (fee, gross)} == {(CREATED_S + 1) * 1000}
    assert {tx.currency for tx in rig.txs()} == {"USD"}
    assert {tx.account_external_id for tx in rig.txs()} == {"acct_1Twofold_usd"}
    assert gross.description == "Charge: Order 1"
    assert fee.description == "Fee: Charge: Order 1"


async def test_each_currency_has_an_account_of_its_own(rig: ConnectRig) -> None:
    rig.server.add(transaction(1), transaction(2, currency="eur"), transaction(3, currency="jpy"))
    await rig.create()
    await rig.sync()
    rig.judge()
    accounts = {(tx.currency, tx.account_external_id) for tx in rig.txs()}
    assert accounts == {(each.upper(), f"acct_1Twofold_{each}") for each in ("usd", "eur", "jpy")}


async def test_later_rounds_read_what_is_new_and_a_little_before(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(0, 5_000, 20)])
    await rig.create()
    await rig.sync()
    rig.server.add(transaction(6_000))
    rig.server.queries.clear()
    state = await rig.later()
    rig.judge()
    assert words(rig.server.queries).since == [str(CREATED_S + 4_980 - LINK_OVERLAP_S)]
    assert (state.progress.synced, state.progress.high_s) == (251, CREATED_S + 6_000)


async def test_what_arrives_while_others_page_comes_with_the_next_round(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(250)])
    await rig.create()
    numbers = iter(range(250, 400))
    rig.server.on_list = lambda: rig.server.add(
        transaction(next(numbers)), transaction(next(numbers))
    )
    await rig.sync()
    assert len(rig.txs()) == 2 * 252
    rig.server.on_list = lambda: None
    await rig.later()
    rig.judge()


async def test_one_that_is_listed_late_among_others_of_its_second_is_found(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n, created=CREATED_S) for n in range(100, 300)])
    await rig.create()
    await rig.sync()
    rig.server.add(transaction(1, created=CREATED_S), transaction(2, created=CREATED_S - 599))
    await rig.later()
    rig.judge()


async def test_a_round_that_finds_nothing_new_writes_no_tx_and_reads_none(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(50)])
    await rig.create()
    await rig.sync()
    reads: list[int] = []
    get_many = rig.memory.get_many

    async def counted(*values: object, **named: object) -> object:
        reads.append(1)
        return await get_many(*values, **named)  # type: ignore[arg-type]

    rig.memory.get_many = counted  # type: ignore[method-assign, assignment]
    before = rig.memory.dump(TableName.LEDGER)
    state = await rig.later()
    assert (state.progress.rounds, reads) == (2, [])
    assert rig.memory.dump(TableName.LEDGER) == before


async def test_a_description_that_changes_at_stripe_changes(rig: ConnectRig) -> None:
    rig.server.add(transaction(1))
    await rig.create()
    await rig.sync()
    rig.server.held[0]["description"] = "Another"
    state = await rig.later()
    assert [tx.description for tx in rig.txs()] == ["Fee: Charge: Another", "Charge: Another"]
    assert [tx.revision for tx in rig.txs()] == [2, 2]
    assert state.progress.synced == 1


async def test_what_the_ledger_refuses_is_told_and_the_others_go_on(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(3)])
    await rig.create()
    await rig.sync()
    rig.server.held[1]["amount"] = 7
    rig.server.add(
        transaction(5), transaction(6, currency="xyz"), {**transaction(7), "amount": "1"}
    )
    state = await rig.later()
    state = await rig.later()
    assert [tx.amount for tx in rig.txs()] == [-59, 1000] * 4
    refusals = {each.id: each.reason for each in state.progress.refusals}
    assert list(refusals) == ["txn_000007", "txn_000006", "txn_000001"]
    assert "has the amount 1000, which can't become 7" in refusals["txn_000001"]
    assert refusals["txn_000006"] == "its currency xyz is not known"
    assert refusals["txn_000007"] == "its amount is not a whole number"
    assert (state.progress.refused, state.progress.synced) == (3, 4)
    assert state.progress.status == "idle"


async def test_a_refusal_is_logged_once_however_often_stripe_lists_it(
    rig: ConnectRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)

    def logged() -> list[str]:
        told = [each for each in caplog.records if each.msg == TRANSACTION_REFUSED]
        caplog.clear()
        return [vars(each)["fields"]["transaction"] for each in told]

    rig.server.add(transaction(6, currency="xyz"))
    await rig.create()
    await rig.sync()
    assert logged() == ["txn_000006"]
    await rig.later()
    assert logged() == []
    rig.server.add(transaction(7, currency="xyz"))
    state = await rig.later()
    assert logged() == ["txn_000007"]
    assert [each.id for each in state.progress.refusals] == ["txn_000006", "txn_000007"]


async def test_an_account_without_transactions_is_synced(rig: ConnectRig) -> None:
    await rig.create()
    state = await rig.sync()
    assert (state.progress.status, state.progress.synced, state.progress.high_s) == (
        "idle",
        0,
        None,
    )
    rig.server.add(transaction(1))
    await rig.later()
    rig.judge()


async def test_new_ones_come_in_while_a_long_history_is_read(
    rig: ConnectRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.progress.LINK_REST_PAGES", 3)
    rig.server.add(*[transaction(n * 60) for n in range(850)])
    await rig.create()
    numbers = iter(range(900 * 60, 10**6, 60))
    rig.server.on_list = lambda: rig.server.add(transaction(next(numbers)))
    rig.server.queries.clear()
    rig.server.faults = ["fine"] * 8 + [500]
    state = await rig.sync()
    held = {each["id"] for each in rig.server.held}
    synced = {tx.external_id.removesuffix("_gross") for tx in rig.txs()}
    assert state.progress.rounds == 0  # of eight pages six are the history's
    assert len(held - synced) == 850 - 599
    assert words(rig.server.queries).since[3] == str(CREATED_S + 900 * 60 - LINK_OVERLAP_S)
    rig.server.on_list = lambda: None
    await rig.later()
    await rig.later()
    rig.judge()


# --- What goes wrong ------------------------------------------------------------------------------
@pytest.mark.parametrize("fault", [429, 500, 503, "cut", "nonsense"])
async def test_a_round_that_fails_goes_on_from_its_page(rig: ConnectRig, fault: int | str) -> None:
    rig.server.add(*[transaction(n) for n in range(250)])
    await rig.create()
    await rig.synchroniser.look()  # takes the Link
    rig.server.faults = ["fine", fault, fault]
    rig.server.queries.clear()
    state = await rig.sync()
    assert (state.progress.status, state.progress.failures) == ("waiting", 1)
    assert "Stripe" in state.progress.trouble
    assert KEY not in state.progress.trouble
    assert len(rig.txs()) == 200
    state = await rig.later(1_000)
    assert (state.progress.status, state.progress.failures) == ("waiting", 2)
    state = await rig.later(2_000)
    assert (state.progress.status, state.progress.failures, state.progress.trouble) == (
        "idle",
        0,
        "",
    )
    assert words(rig.server.queries).after == [None, "txn_000150", "txn_000050"]
    rig.judge()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_refused_stops_the_link_until_it_is_told_to_go_on(
    rig: ConnectRig, status: int
) -> None:
    rig.server.add(*[transaction(n) for n in range(150)])
    await rig.create()
    rig.server.faults = ["fine", status]
    state = await rig.sync()
    assert state.progress.status == "stopped"
    assert state.progress.trouble.startswith(f"Stripe answered {status}: ")
    assert KEY not in state.progress.trouble
    calls = rig.server.calls[PATH]
    await rig.book.ask(state.workspace_id, state.link_id)
    assert (await rig.later(86_400_000)).progress.status == "stopped"
    assert rig.server.calls[PATH] == calls
    await rig.command("sync", "--workspace", state.workspace_id, "--ik", "stripe")
    assert (await rig.sync()).progress.status == "idle"
    rig.judge()


async def test_a_revoked_key_is_replaced(rig: ConnectRig) -> None:
    rig.server.add(transaction(1))
    link_id = await rig.create()
    rig.server.key = "rk_test_another0123456789"
    state = await rig.sync()
    assert state.progress.status == "stopped"
    assert state.progress.trouble == (
        "Stripe answered 401: Invalid API Key provided: [hidden] (req_test)"
    )
    asked = ("--workspace", state.workspace_id, "--ik", "stripe")
    await rig.command("set-key", *asked, secret=rig.server.key)
    assert (await rig.sync()).progress.status == "idle"
    rig.judge()
    kept = await rig.book.secrets(link_id, rig.sealer)
    assert kept is not None
    assert kept.api_key == rig.server.key


async def test_a_place_that_stripe_forgot_begins_the_round_again(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(150)])
    await rig.create()
    rig.server.faults = ["fine", 500]
    await rig.sync()
    gone = next(each for each in rig.server.held if each["id"] == "txn_000050")
    rig.server.held.remove(gone)
    state = await rig.later()
    assert state.progress.status == "idle"
    rig.server.add(gone)
    rig.judge()


async def test_a_mistake_of_ours_is_told_and_tried_again_later(
    rig: ConnectRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.server.add(transaction(1))
    await rig.create()
    with monkeypatch.context() as broken:
        broken.setattr("connectors.synchroniser.sync_txs", None)
        state = await rig.sync()
    assert state.progress.trouble == "an error of Twofold's own: TypeError"
    assert (await rig.later()).progress.status == "idle"
    rig.judge()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_death_at_any_call_leaves_each_transaction_twice_told_and_once_written(
    server: StripeServer, after: bool
) -> None:
    """Whoever comes next ends the round; every balance transaction is exactly two Txs."""
    server.add(*[transaction(n, created=CREATED_S + n // 7) for n in range(130)])
    deaths = 0
    for at in range(100):
        rig = ConnectRig(server)
        await rig.create()
        table = KillTable(rig.memory, at, after)
        rig.restart(table)
        try:
            await rig.synchroniser.drain()
        except (Killed, asyncio.CancelledError):
            assert table.died
        except AssertionError:
            assert table.died
        if not table.died:
            break
        deaths += 1
        rig.restart()
        await rig.sync()  # sees the lease first, then that it stands still
        state = await rig.later(LINK_LEASE_MS)
        assert state.progress.status == "idle", (at, state)
        assert state.progress.synced <= 130
        rig.judge()
    assert deaths > 10


@pytest.mark.parametrize("seed", range(4))
async def test_random_faults_of_table_and_stripe_change_nothing(
    server: StripeServer, seed: int
) -> None:
    rng = Random(seed)
    server.add(*[transaction(n, created=CREATED_S + n // 9) for n in range(330)])
    rig = ConnectRig(server)
    await rig.create()
    table = FaultyTable(rig.memory, rng, swarm_table(rng))
    numbers = iter(range(330, 10_000))
    server.on_list = lambda: server.add(transaction(next(numbers))) if rng.random() < 0.5 else None
    for _ in range(30):
        rig.restart(table)
        server.faults = [rng.choice(["fine", "fine", 429, 500, "cut"]) for _ in range(4)]
        with suppress(StoreError):
            await rig.synchroniser.look()
        await asyncio.sleep(rng.random() * 0.02)
        for task in list(rig.synchroniser._tasks.values()):
            task.cancel()
        await asyncio.gather(*rig.synchroniser._tasks.values(), return_exceptions=True)
        rig.clock.advance(rng.choice([1_000, 30_000, LINK_LEASE_MS]))
    table.calm()
    await table.settle()
    server.faults, server.on_list = [], lambda: None
    rig.restart()
    await rig.sync()
    for _ in range(3):
        await rig.later(LINK_LEASE_MS)
    rig.judge()


# --- Several processes ----------------------------------------------------------------------------
async def test_of_two_processes_one_syncs_a_link(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(150)])
    await rig.create()
    one = rig.synchroniser
    rig.restart()
    two = rig.synchroniser
    counts = await asyncio.gather(one.look(), two.look())
    assert sorted(counts) == [0, 1]
    await asyncio.gather(one.drain(), two.drain())
    assert (await rig.state()).progress.rounds == 1
    assert rig.server.calls[PATH] == 1 + 2  # the creation's and the round's
    rig.judge()


async def test_one_that_was_overtaken_stops_at_its_next_write(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(150)])
    await rig.create()
    slow = rig.synchroniser
    await slow.look()
    state = await rig.state()
    await rig.book.reset(state, again(state.progress, None))
    rig.restart()
    await asyncio.gather(slow.drain(), rig.sync())
    assert (await rig.later()).progress.status == "idle"
    rig.judge()


async def test_what_was_asked_for_during_a_round_begins_another(rig: ConnectRig) -> None:
    rig.server.add(transaction(1))
    await rig.create()
    await rig.sync()
    await rig.synchroniser.look()
    state = await rig.state()
    assert await rig.book.ask(state.workspace_id, state.link_id)
    assert await rig.book.ask(state.workspace_id, state.link_id)
    assert not await rig.book.ask(state.workspace_id, "0" * 32)
    assert (await rig.sync()).progress.rounds == 1  # it rests for a moment
    assert (await rig.later(2_000)).progress.rounds == 2
    assert (await rig.later(2_000)).progress.rounds == 2


async def test_a_process_that_is_stopped_gives_its_round_back(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(350)])
    await rig.create()
    rig.server.on_list = rig.synchroniser.stop
    running = asyncio.create_task(rig.synchroniser.run())
    await running
    state = await rig.state()
    assert (state.owner, state.progress.status) == ("", "syncing")
    assert len(rig.txs()) == 200
    rig.server.on_list = lambda: None
    rig.restart()
    await rig.sync()
    rig.judge()


async def test_links_of_a_system_are_of_its_type(rig: ConnectRig) -> None:
    await rig.create()
    assert (await rig.state()).type == STRIPE_LINK


async def test_a_mistake_outside_of_the_pages_is_tried_again(rig: ConnectRig) -> None:
    rig.server.add(transaction(1))
    await rig.create()
    tries: list[int] = []
    open_source = rig.open

    async def broken(state: NativeLink) -> Source:
        tries.append(1)
        if len(tries) < 3:
            raise AssertionError("a mistake")
        return await open_source(state)

    rig.synchroniser = rig.make_synchroniser(broken)
    await rig.sync()
    assert len(tries) == 3
    rig.judge()


async def test_a_hundred_txs_cost_five_requests(rig: ConnectRig) -> None:
    rig.server.add(*[transaction(n) for n in range(50)])
    await rig.create()
    await rig.synchroniser.look()
    rig.counted.clear()
    await asyncio.gather(*rig.synchroniser._tasks.values())
    # The key; the Txs that stand; the Txs that are new; how far it is.
    calls = {"GetItem": 1, "BatchGetItem": 1, "TransactWriteItems": 1, "UpdateItem": 1}
    assert rig.counted.calls == calls


async def test_a_look_that_fails_is_followed_by_others(
    rig: ConnectRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.server.add(transaction(1))
    await rig.create()
    failures: list[Exception] = [StoreError("away"), KeyError("a mistake")]
    look = rig.synchroniser.look

    async def failing() -> int:
        if failures:
            raise failures.pop()
        count = await look()
        rig.synchroniser.stop()
        return count

    monkeypatch.setattr(rig.synchroniser, "look", failing)
    monkeypatch.setattr("connectors.synchroniser.LINK_LOOK_MS", 1)
    await rig.synchroniser.run()
    assert failures == []
    rig.restart()
    await rig.later(LINK_LEASE_MS)
    rig.judge()
