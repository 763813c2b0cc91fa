"""Processes die at any moment, under load: no acknowledged change is lost, none is done twice.

Each test posts, updates, reverses, reposts and migrates from many workers while versions of the
Schema are stored, breaks one process, starts it again, goes on, and then asks for what nobody knows
(Jepsen's final read phase): every request without a definite answer is sent again. After that the
ledger must hold exactly what was acknowledged.
"""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from loadtests.audit import list_caught_up
from loadtests.common.api import Api
from loadtests.common.documents import document, load_schema
from loadtests.common.ledgers import OPENING_AMOUNT, open_users
from loadtests.common.system import System
from tests.chaos import documents
from tests.chaos.chains import GROUP_KEYS, GROUP_VALUES, USERS
from tests.chaos.load import Load

pytestmark = [pytest.mark.engines, pytest.mark.chaos, pytest.mark.timeout(600)]

ENGINES = ("dynamodb", "elasticsearch")
WRITERS = ("write_service", "indexer")
SETTLED_S = 0.5
REQUESTS_BEFORE = 150
REQUESTS_AFTER = 150
ACKNOWLEDGED_WITHIN_S = 60.0
MIGRATED_WITHIN_S = 30.0
LOOKUPS_PER_QUERY = 50
FROZEN_S = 3.0
SEED = 20

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
        page = api.execute(documents.BALANCES, variables)["ledger"]["ledgerAccounts"]
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
    for chain in load.chains.values():
        for path, amount in chain.moves():
            sums[path] += amount
    return {path: (str(amount), str(amount)) for path, amount in sums.items()}


def open_ledger(api: Api, ik: str) -> dict[str, Any]:
    """Creates the ledger on a Schema of its own, in which users are strong in groups."""
    schema = load_schema() | {"key": ik}
    users = schema["chartOfAccounts"]["accounts"][1]["children"][1]
    users["consistencyConfig"]["groups"] = [{"key": GROUP_KEYS[0], "ownBalanceUpdates": "strong"}]
    api.mutate(document("store_schema"), {"schema": schema})
    api.mutate(document("create_ledger"), {"ik": ik, "name": "Chaos", "schemaKey": ik})
    open_users(api, ik, USERS)
    return schema


def standing(api: Api, ledger_ik: str, iks: list[str]) -> dict[str, Any]:
    """The newest entry of each ik."""
    found: dict[str, Any] = {}
    for first in range(0, len(iks), LOOKUPS_PER_QUERY):
        part = iks[first : first + LOOKUPS_PER_QUERY]
        fields = [
            f"e{place}: ledgerEntry(ledgerEntry: {{ik: $i{place}, ledger: {{ik: $l}}}}) "
            + documents.STANDING_FIELDS
            for place in range(len(part))
        ]
        declared = " ".join(f"$i{place}: SafeString!" for place in range(len(part)))
        query = f"query lookUp($l: SafeString!, {declared}) {{ {' '.join(fields)} }}"
        variables = {"l": ledger_ik, **{f"i{place}": ik for place, ik in enumerate(part)}}
        data = api.execute(query, variables)
        for place, ik in enumerate(part):
            entry = data[f"e{place}"]
            for labels in ("tags", "groups") if entry else ():
                entry[labels] = {each["key"]: each["value"] for each in entry[labels]}
            found[ik] = entry
    return found


def group_balances(api: Api, ledger_ik: str) -> dict[str, dict[str, int]]:
    """The users' balances in the groups, which are strong, without those that are 0."""
    found: dict[str, dict[str, int]] = {}
    for value in GROUP_VALUES:
        variables = {"ik": ledger_ik, "key": GROUP_KEYS[0], "value": value}
        group = api.execute(documents.GROUP, variables)["ledgerEntryGroup"]
        nodes = group["balances"]["nodes"]
        found[value] = {
            node["account"]["path"]: int(node["ownBalance"])
            for node in nodes
            if "users:" in node["account"]["path"] and node["ownBalance"] != "0"
        }
    return found


def wait_migrated(api: Api, load: Load) -> None:
    """Waits until the ledger stands on the last version that was acknowledged."""
    deadline = time.monotonic() + MIGRATED_WITHIN_S
    while True:
        ledger = api.execute(documents.MIGRATIONS, {"ik": load.ledger_ik})["ledger"]
        nodes = ledger["migrations"]["nodes"]
        told = {node["schemaVersion"]["version"]: node["status"] for node in nodes}
        if told.get(load.versions) == "completed" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert sorted(told) == list(range(min(told), load.versions + 1))
    assert told[load.versions] == "completed"
    assert set(told.values()) <= {"completed", "skipped"}


def assert_whole(system: System, api: Api, load: Load) -> None:
    """Everything that was acknowledged is there once, nothing else is, and everything adds up."""
    wait_migrated(api, load)
    wanted_chains = {ik: chain.standing() for ik, chain in load.chains.items()}
    assert standing(api, load.ledger_ik, list(load.chains)) == wanted_chains
    wanted_groups = {
        value: {path: amount for path, amount in sums.items() if amount}
        for value, sums in load.group_sums().items()
    }
    found_groups = group_balances(api, load.ledger_ik)
    assert {value: sums for value, sums in found_groups.items() if sums} == wanted_groups
    said = system.run_module("indexer.verify", "--wait", "60")
    assert said.strip().splitlines()[-1].endswith(" 0 differences"), said
    positions = Counter({ik: chain.position for ik, chain in load.chains.items()})
    listed = list_caught_up(api, load.ledger_ik, set(positions))
    opened = {ik for ik in listed if ik.startswith("open-")}
    assert listed == positions + Counter(opened)
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
async def test_broken_process_loses_and_doubles_no_change(
    broken_system: System, chaos_rounds: int, victim: str, act: Break
) -> None:
    system, rng = broken_system, Random(SEED)
    with Api(system.connection) as api:
        ledger_ik = f"chaos-{uuid4().hex[:8]}"
        schema = open_ledger(api, ledger_ik)
        url = api.connection.api_url
        async with Load(url, api.token(), ledger_ik, schema, SEED) as load:
            await load.acknowledge_more(REQUESTS_BEFORE, ACKNOWLEDGED_WITHIN_S)
            for _ in range(chaos_rounds):
                await act(system, victim, rng)
                await load.acknowledge_more(REQUESTS_AFTER, ACKNOWLEDGED_WITHIN_S)
            await load.stop()
            await load.resolve()
            assert load.unknown == []
            assert set(load.refused) <= {"conditional_request_failed"}
            assert set(load.acknowledged) == {"Post", "Update", "Reversal", "Migration"}
            assert load.versions > 1
        await asyncio.to_thread(assert_whole, system, api, load)
