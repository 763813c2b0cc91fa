"""Clients that reconcile the Txs of a statement at once, each sending until it has an answer."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.chaos.load import judge

IN_FLIGHT = 4  # of one client
TIMEOUT_S = 15.0
PAUSE_S = 0.3  # before what nobody knows is sent again
SENT_AGAIN_SHARE = 0.1  # of what was acknowledged
SENDINGS_MAX = 60

RECONCILE = """mutation reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) {
    ... on ReconcileTxResult { isIkReplay entry { id ik } lines { amount } }
    ... on Error { code message retryable }
  }
}"""


@dataclass
class Reconcilers:
    """What the clients were told: by external id the ids of entries, and how often it was told that
    an entry is new.
    """

    url: str
    token: str
    ledger_ik: str
    entries: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    amounts: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    first_answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: list[str] = field(default_factory=list)
    unknown: int = 0

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()

    async def reach(self, count: int) -> None:
        """Waits until that many Txs are known to be reconciled."""
        while len(self.entries) < count:
            self._changed.clear()
            await self._changed.wait()

    async def run(self, shares: Sequence[Sequence[str]], seed: int) -> None:
        """One client for each share: it reconciles those Txs in its own order."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(
                *[
                    self._client(session, list(share), Random(seed + place))
                    for place, share in enumerate(shares)
                ]
            )

    async def _client(self, session: aiohttp.ClientSession, left: list[str], rng: Random) -> None:
        rng.shuffle(left)

        async def work() -> None:
            while left:
                name = left.pop()
                await self._until_known(session, name)
                if rng.random() < SENT_AGAIN_SHARE:
                    await self._until_known(session, name)

        await asyncio.gather(*[work() for _ in range(IN_FLIGHT)])

    async def _until_known(self, session: aiohttp.ClientSession, external_id: str) -> None:
        for _ in range(SENDINGS_MAX):
            fate, answer = await self._ask(session, external_id)
            if fate == "acknowledged":
                self.entries[external_id].add(answer["entry"]["id"])
                self.amounts[external_id].add(answer["lines"][0]["amount"])
                self.first_answers[external_id] += not answer["isIkReplay"]
                self._changed.set()
                return
            if fate == "refused":
                self.refused.append(f"{external_id}: {answer}")
                return
            self.unknown += 1
            await asyncio.sleep(PAUSE_S)
        self.refused.append(f"{external_id}: no answer")

    async def _ask(
        self, session: aiohttp.ClientSession, external_id: str
    ) -> tuple[str, dict[str, Any]]:
        entry = {
            "ledger": {"ik": self.ledger_ik},
            "type": "settle",
            "parameters": {"tx": external_id},
        }
        body = {"query": RECONCILE, "variables": {"entry": entry}}
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with session.post(self.url, json=body, headers=headers) as answer:
                if answer.status != 200:
                    return "unknown", {"code": f"http {answer.status}"}
                return judge(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            return "unknown", {"code": type(error).__name__}
