"""Load that remembers: what was asked, what was answered, and what nobody knows yet.

post ──► acknowledged   it is there, once, for ever
    ├──► refused        it is not there
    └──► unknown        no answer, or one that a retry may change: resolved at the end by its ik
"""

import asyncio
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import aiohttp

from loadtests.common.documents import document

USERS = 20
WORKERS = 16
TIMEOUT_S = 15.0
PAUSE_S = 0.3  # after an unknown outcome: what it went to may be away
THINK_S = 0.02  # between two posts: a process that is away for long isn't to be told too much
RESOLVE_S = 60.0


@dataclass(frozen=True, slots=True)
class Post:
    """One request: an entry, or entries that are posted together."""

    entries: tuple[dict[str, Any], ...]

    @property
    def iks(self) -> list[str]:
        """The iks that it posts."""
        return [entry["ik"] for entry in self.entries]

    def moves(self) -> list[tuple[str, int]]:
        """What it adds to which account."""
        found: list[tuple[str, int]] = []
        for member in self.entries:
            given = member["entry"]["parameters"]
            amount = int(given["amount"])
            if member["entry"]["type"] == "deposit":
                found += [("assets/bank", amount), ("liabilities/float", amount)]
            else:
                found.append((f"liabilities/users:{given['from']}", -amount))
                found.append((f"liabilities/users:{given['to']}", amount))
        return found


@dataclass
class Load:
    """Workers that post until told to stop; everything that they learned."""

    url: str
    token: str
    ledger_ik: str
    seed: int
    acknowledged: list[Post] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count()
        self._rng = Random(self.seed)
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "Load":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        self._tasks = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
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
        goal = len(self.acknowledged) + wanted
        async with asyncio.timeout(within_s):
            while len(self.acknowledged) < goal:
                self._changed.clear()
                await self._changed.wait()

    async def _work(self) -> None:
        while not self._stopping:
            post = self._draw()
            is_unknown = await self._send(post) == "unknown"
            if is_unknown:
                self.unknown.append(post)
            await asyncio.sleep(PAUSE_S if is_unknown else THINK_S)

    def _draw(self) -> Post:
        size = 3 if self._rng.random() < 0.1 else 1
        return Post(tuple(self._entry() for _ in range(size)))

    def _entry(self) -> dict[str, Any]:
        amount = str(1 + self._rng.randrange(500))
        if self._rng.random() < 0.4:
            kind, parameters = "deposit", {"amount": amount}
        else:
            payer, payee = self._rng.sample(range(USERS), 2)
            kind = "guarded_transfer"
            parameters = {"from": f"u{payer}", "to": f"u{payee}", "amount": amount}
        entry = {"ledger": {"ik": self.ledger_ik}, "type": kind, "parameters": parameters}
        return {"ik": f"c-{next(self._numbers)}", "entry": entry}

    async def _send(self, post: Post) -> str:
        """Sends once; says what is known now, and notes it unless it is unknown."""
        outcome, code = await self._ask(post)
        if outcome == "acknowledged":
            self.acknowledged.append(post)
            self._changed.set()
        elif outcome == "refused":
            self.refused.append(code)
        return outcome

    async def _ask(self, post: Post) -> tuple[str, str]:
        if len(post.entries) == 1:
            member = post.entries[0]
            variables = {
                "ik": member["ik"],
                "ledgerIk": self.ledger_ik,
                "type": member["entry"]["type"],
                "parameters": member["entry"]["parameters"],
            }
            body = {"query": document("add_ledger_entry"), "variables": variables}
        else:
            variables = {"entries": list(post.entries)}
            body = {"query": document("add_ledger_entries"), "variables": variables}
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with self._session.post(self.url, json=body, headers=headers) as answer:
                if answer.status != 200:
                    return "unknown", f"http {answer.status}"
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            return "unknown", type(error).__name__
        return judge(said)

    async def resolve(self) -> None:
        """Sends what is unknown again, with its ik, until each has a definite answer."""
        left, self.unknown = self.unknown, []
        async with asyncio.timeout(RESOLVE_S):
            while left:
                now, left = left[:WORKERS], left[WORKERS:]
                outcomes = await asyncio.gather(*[self._send(post) for post in now])
                again = [
                    post
                    for post, outcome in zip(now, outcomes, strict=True)
                    if outcome == "unknown"
                ]
                left += again
                if again:
                    await asyncio.sleep(PAUSE_S)


def judge(said: dict[str, Any]) -> tuple[str, str]:
    """What an answer says of its entries, and its code."""
    if said.get("errors"):
        return "unknown", str(said["errors"])
    (member,) = said["data"].values()
    if "code" not in member:
        return "acknowledged", ""
    return ("unknown" if member["retryable"] else "refused"), member["code"]
