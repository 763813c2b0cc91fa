"""Processes die at any moment, under load: no acknowledged entry is lost, none is doubled.

Each test posts from many workers, breaks one process, starts it again, posts on, and then asks for
what nobody knows (Jepsen's final read phase): the iks of every request without a definite answer
are sent again. After that the ledger must hold exactly what was acknowledged.
"""

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from random import Random
from uuid import uuid4

import pytest

from loadtests.audit import find_missing, list_caught_up
from loadtests.common.api import Api
from loadtests.common.ledgers import OPENING_AMOUNT, create_ledger, open_users
from loadtests.common.system import System
from tests.chaos.load import USERS, Load

pytestmark = [pytest.mark.engines, pytest.mark.chaos, pytest.mark.timeout(600)]

ENGINES = ("dynamodb", "elasticsearch")
WRITERS = ("write_service", "indexer")
SETTLED_S = 0.5
POSTS_BEFORE = 150
POSTS_AFTER = 150
ACKNOWLEDGED_WITHIN_S = 60.0
FROZEN_S = 3.0
SEED = 20

BALANCES = """query balances($ik: SafeString!, $first: Int!, $after: String) {
  ledger(ledger: {ik: $ik}) {
    ledgerAccounts(first: $first, after: $after) {
      nodes { path ownBalance strong: ownBalance(consistencyMode: use_account) }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

Break = Callable[[System, str, Random], Awaitable[None]]


async def kill(system: System, name: str, rng: Random) -> None:
    """Ends the process as kill -9 does, and starts it again a moment later."""
    if name in ENGINES:
        engine = system.engine(name)
        if name == "dynamodb":
            await settle_transactions(system)
        engine.kill()
        resume_writers(system)
        await asyncio.sleep(rng.random())
        await asyncio.to_thread(engine.start)
        return
    service = system.service(name)
    service.kill()
    await asyncio.sleep(rng.random())
    service.start()
    await asyncio.to_thread(system.wait_ready, name)


async def settle_transactions(system: System) -> None:
    """Stops who writes until everything that DynamoDB Local has answered is on disk.

    It answers a transaction some milliseconds before it commits it (DynamoDB itself doesn't). What
    it loses when it dies in between no client can know.
    """
    for name in WRITERS:
        system.service(name).signal(signal.SIGSTOP)
    await asyncio.sleep(SETTLED_S)


def resume_writers(system: System) -> None:
    """Lets go on who was stopped; the others don't notice."""
    for name in WRITERS:
        system.service(name).signal(signal.SIGCONT)


async def freeze(system: System, name: str, rng: Random) -> None:
    """Stops the process in the middle of what it does, and lets it go on later."""
    child = system.engine(name).child if name in ENGINES else system.service(name)
    child.signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_S + rng.random())
    child.signal(signal.SIGCONT)


def balances(api: Api, ledger_ik: str) -> dict[str, tuple[str, str]]:
    """Path -> own balance of the history, and as consistent as the account is."""
    found: dict[str, tuple[str, str]] = {}
    after: str | None = None
    while True:
        variables = {"ik": ledger_ik, "first": 100, "after": after}
        page = api.execute(BALANCES, variables)["ledger"]["ledgerAccounts"]
        found |= {node["path"]: (node["ownBalance"], node["strong"]) for node in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


def expected_balances(load: Load) -> dict[str, tuple[str, str]]:
    """The sums of what was acknowledged, on top of what was opened."""
    sums: dict[str, int] = defaultdict(int)
    for number in range(USERS):
        sums[f"liabilities/users:u{number}"] = OPENING_AMOUNT
    sums["assets/bank"] = OPENING_AMOUNT * USERS
    for post in load.acknowledged:
        for path, amount in post.moves():
            sums[path] += amount
    return {path: (str(amount), str(amount)) for path, amount in sums.items()}


def assert_whole(system: System, api: Api, load: Load) -> None:
    """Everything that was acknowledged is there once, nothing else is, and everything adds up."""
    iks = Counter(ik for post in load.acknowledged for ik in post.iks)
    assert max(iks.values()) == 1, "the load posts no ik twice"
    assert find_missing(api, load.ledger_ik, list(iks)) == []
    said = system.run_module("indexer.verify", "--wait", "60")
    assert said.strip().splitlines()[-1].endswith(" 0 differences"), said
    listed = list_caught_up(api, load.ledger_ik, set(iks))
    opened = {ik for ik in listed if ik.startswith("open-")}
    assert listed == iks + Counter(opened)
    wanted = expected_balances(load)
    found = balances(api, load.ledger_ik)
    assert {path: found[path] for path in wanted} == wanted
    assert min(int(strong) for _, strong in found.values()) >= 0


@pytest.mark.parametrize(
    "victim, act",
    [
        ("write_service", kill),
        ("indexer", kill),
        ("dynamodb", kill),
        ("elasticsearch", kill),
        ("write_service", freeze),
        ("dynamodb", freeze),
        ("indexer", freeze),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_broken_process_loses_and_doubles_no_entry(
    broken_system: System, chaos_rounds: int, victim: str, act: Break
) -> None:
    system, rng = broken_system, Random(SEED)
    with Api(system.connection) as api:
        ledger_ik = f"chaos-{uuid4().hex[:8]}"
        create_ledger(api, ledger_ik)
        open_users(api, ledger_ik, USERS)
        async with Load(api.connection.api_url, api.token(), ledger_ik, SEED) as load:
            await load.acknowledge_more(POSTS_BEFORE, ACKNOWLEDGED_WITHIN_S)
            for _ in range(chaos_rounds):
                await act(system, victim, rng)
                await load.acknowledge_more(POSTS_AFTER, ACKNOWLEDGED_WITHIN_S)
            await load.stop()
            await load.resolve()
            assert load.unknown == []
            assert set(load.refused) <= {"conditional_request_failed"}
        await asyncio.to_thread(assert_whole, system, api, load)
