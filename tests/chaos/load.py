"""Load that remembers: what was asked, what was answered, and what nobody knows yet.

request ──► acknowledged   it was done, once, for ever
       ├──► refused        it was not done
       └──► unknown        no answer, or one that a retry may change: resolved at the end

Entries are posted, and then changed by whoever has their ik in hand: nobody else changes it until
the fate of the change is known, so that the chains here are what must stand.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import aiohttp

from loadtests.common.documents import document
from tests.chaos.chains import GROUP_KEYS, Chain, Post, Request, draw_body, draw_change

WORKERS = 16
CHANGES_SHARE = 0.4  # of what is asked
TWICE_SHARE = 0.2  # of the changes, which are sent twice at once
TIMEOUT_S = 15.0
PAUSE_S = 0.3  # after an unknown outcome: what it went to may be away
THINK_S = 0.02  # between two requests: a process that is away for long isn't to be told too much
STORING_PAUSE_S = 1.0  # between two versions of the Schema
RESOLVE_S = 60.0
WEIGHT = ("acknowledged", "unknown", "refused")  # of two answers to one request
Fate = tuple[str, dict[str, Any]]  # and the mutation's result


@dataclass
class Load:
    """Workers that ask until told to stop; everything that they learned."""

    url: str
    token: str
    ledger_ik: str
    schema: dict[str, Any]  # its versions are stored while entries are posted
    seed: int
    chains: dict[str, Chain] = field(default_factory=dict)  # by ik
    acknowledged: Counter[str] = field(default_factory=Counter)  # by kind
    refused: list[str] = field(default_factory=list)
    unknown: list[Request] = field(default_factory=list)
    versions: int = 1

    def __post_init__(self) -> None:
        self._numbers = count()
        self._rng = Random(self.seed)
        self._free: list[str] = []  # iks that nobody changes now
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "Load":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        self._tasks.append(asyncio.create_task(self._store_versions()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self._session.close()

    async def stop(self) -> None:
        """Lets every request in flight end."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def acknowledge_more(self, wanted: int, within_s: float) -> None:
        """Waits until `wanted` further requests were acknowledged."""
        goal = self.acknowledged.total() + wanted
        async with asyncio.timeout(within_s):
            while self.acknowledged.total() < goal:
                self._changed.clear()
                await self._changed.wait()

    def group_sums(self) -> dict[str, dict[str, int]]:
        """What the users have in each group whose balances are strong, by its value and path."""
        sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for chain in self.chains.values():
            value = chain.groups.get(GROUP_KEYS[0])
            for path, amount in chain.moves():
                if value is not None and "users:" in path:
                    sums[value][path] += amount
        return sums

    async def _work(self) -> None:
        while not self._stopping:
            request = self._draw()
            is_unknown = await self._send(request) == "unknown"
            if is_unknown:
                self.unknown.append(request)
            await asyncio.sleep(PAUSE_S if is_unknown else THINK_S)

    def _draw(self) -> Request:
        rng = self._rng
        if self._free and rng.random() < CHANGES_SHARE:
            ik = self._free.pop(rng.randrange(len(self._free)))
            return draw_change(rng, self.chains[ik], next(self._numbers))
        size = 3 if rng.random() < 0.1 else 1
        iks = [f"c-{next(self._numbers)}" for _ in range(size)]
        return Post(tuple([(ik, draw_body(rng, self.ledger_ik)) for ik in iks]))

    async def _send(self, request: Request) -> str:
        """Sends it; says what is known now, and notes it unless it is unknown."""
        times = 2 if not isinstance(request, Post) and self._rng.random() < TWICE_SHARE else 1
        fates = await asyncio.gather(*[self._ask(*request.asked()) for _ in range(times)])
        fate, answer = min(fates, key=lambda each: WEIGHT.index(each[0]))
        if fate == "acknowledged":
            for chain in request.learned(answer):
                self.chains[chain.ik] = chain
                self._free.append(chain.ik)
            self.acknowledged[type(request).__name__] += 1
            self._changed.set()
        elif fate == "refused":
            self.refused.append(answer["code"])
            self._free += [ik for ik in request.iks() if ik in self.chains]
        return fate

    async def _ask(self, query: str, variables: dict[str, Any]) -> Fate:
        body = {"query": query, "variables": variables}
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with self._session.post(self.url, json=body, headers=headers) as answer:
                if answer.status != 200:
                    return "unknown", {"code": f"http {answer.status}"}
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            return "unknown", {"code": type(error).__name__}
        return judge(said)

    async def _store_versions(self) -> None:
        """Stores version after version, each until it is acknowledged; each has an account more."""
        while not self._stopping:
            number = self.versions + 1
            assets = self.schema["chartOfAccounts"]["accounts"][0]["children"]
            assets.append({"key": f"reserve{number}"})
            fate = "unknown"
            while fate == "unknown":
                await asyncio.sleep(STORING_PAUSE_S)
                fate, answer = await self._ask(document("store_schema"), {"schema": self.schema})
                assert fate != "refused", answer
            assert answer["schema"]["version"]["version"] == number
            self.versions = number

    async def resolve(self) -> None:
        """Sends what is unknown again until each has a definite answer."""
        left, self.unknown = self.unknown, []
        async with asyncio.timeout(RESOLVE_S):
            while left:
                now, left = left[:WORKERS], left[WORKERS:]
                outcomes = await asyncio.gather(*[self._send(request) for request in now])
                again = [
                    request
                    for request, outcome in zip(now, outcomes, strict=True)
                    if outcome == "unknown"
                ]
                left += again
                if again:
                    await asyncio.sleep(PAUSE_S)


def judge(said: dict[str, Any]) -> Fate:
    """What an answer says of what was asked."""
    if said.get("errors"):
        return "unknown", {"code": str(said["errors"])}
    (member,) = said["data"].values()
    if "code" not in member:
        return "acknowledged", member
    return ("unknown" if member["retryable"] else "refused"), member
