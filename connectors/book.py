"""What is kept of native Links: how far each is synced and by whom (`NL#`), its secrets (`NK#`).

    NL#  w workspace   i Link   y its type   a the account at the system   b progress (JSON)
         o owner, empty when free   r revision   q how often a sync was asked for   t … when the
         last round began   u when the next is due (ms)
    NK#  w workspace   i Link   k sealed API key   e sealed secret of the webhook endpoint

Who syncs holds the item: each of its writes is guarded by the revision that it knows and moves it,
so of two only one goes on. An item that stands still for LINK_LEASE_MS on one's own clock is free
again. Asking for a sync moves no revision: it never disturbs who is at it.
"""

from dataclasses import dataclass, field, replace

import orjson

from connectors.progress import Progress, progress_from_record, progress_record
from connectors.sealing import Sealer
from shared.clock import Clock
from shared.errors import LeaseLost, StoreTimeout
from shared.ledger.links import Link
from shared.limits import LINK_GAP_MS, LINK_LEASE_MS, NATIVE_LINKS_MAX, NATIVE_LINKS_PER_PAGE
from shared.store import keys
from shared.store.table import (
    Absent,
    GuardFailed,
    Is,
    Item,
    Key,
    Present,
    Put,
    Table,
    TableName,
    Transacted,
    Update,
    Value,
)


@dataclass(frozen=True, slots=True)
class NativeLink:
    """A native Link as it was last seen or written."""

    workspace_id: str
    link_id: str
    type: str
    account_id: str  # at the system
    progress: Progress
    owner: str = ""
    revision: int = 1
    asked: int = 0
    taken: int = 0
    due_ms: int = 0

    @property
    def key(self) -> Key:
        return keys.native_link(self.workspace_id, self.link_id)

    def is_due(self, now_ms: int) -> bool:
        """Whether a round is to begin, or to go on, once nobody is at it."""
        status = self.progress.status
        if status == "stopped":
            return False
        if status in ("new", "syncing") or now_ms >= self.due_ms:
            return True
        rested_ms = now_ms - (self.progress.finished_ms or 0)
        return status == "idle" and self.asked > self.taken and rested_ms >= LINK_GAP_MS


@dataclass(frozen=True, slots=True)
class LinkSecrets:
    """What opens the system for us; never shown."""

    workspace_id: str
    api_key: str = field(repr=False)
    webhook_secret: str = field(default="", repr=False)  # empty: there is no endpoint
    sealed: str = field(default="", repr=False)  # the key as it stands; new with every change


def _native_link_item(state: NativeLink) -> Item:
    return {
        "pk": state.key.pk,
        "sk": state.key.sk,
        "w": state.workspace_id,
        "i": state.link_id,
        "y": state.type,
        "a": state.account_id,
        "b": _body(state.progress),
        "o": state.owner,
        "r": state.revision,
        "q": state.asked,
        "t": state.taken,
        "u": state.due_ms,
    }


def _native_link_from_item(item: Item) -> NativeLink:
    return NativeLink(
        workspace_id=str(item["w"]),
        link_id=str(item["i"]),
        type=str(item["y"]),
        account_id=str(item["a"]),
        progress=progress_from_record(orjson.loads(str(item["b"]))),
        owner=str(item["o"]),
        revision=_number(item["r"]),
        asked=_number(item["q"]),
        taken=_number(item["t"]),
        due_ms=_number(item["u"]),
    )


def _body(progress: Progress) -> str:
    return orjson.dumps(progress_record(progress)).decode()


def _number(value: Value) -> int:
    assert isinstance(value, int)
    return value


class LinkBook:
    """The items of all native Links, for one process. `name` is unique among all processes."""

    def __init__(self, table: Table, clock: Clock, name: str) -> None:
        assert name
        self._table = table
        self._clock = clock
        self._name = name
        self._still: dict[str, tuple[int, float]] = {}  # sort key -> revision, since when

    # --- Looking ----------------------------------------------------------------------------------
    async def listed(self, workspace_id: str | None = None) -> list[NativeLink]:
        """Every native Link, or those of one workspace. Also notes which show no sign of life."""
        prefix = "" if workspace_id is None else f"{workspace_id}#"
        items: list[Item] = []
        after: str | None = None
        while len(items) < NATIVE_LINKS_MAX:
            page = await self._table.query(
                TableName.BALANCES,
                keys.NATIVE_LINKS,
                prefix=prefix,
                after=after,
                limit=NATIVE_LINKS_PER_PAGE,
                consistent=True,
            )
            items += page.items
            if page.next_key is None:
                break
            after = page.next_key[1]
        found = [_native_link_from_item(item) for item in items]
        now_ms = self._clock.monotonic_ms()
        still: dict[str, tuple[int, float]] = {}
        for each in found:
            before = self._still.get(each.key.sk)
            unmoved = before is not None and before[0] == each.revision
            still[each.key.sk] = before if before and unmoved else (each.revision, now_ms)
        if workspace_id is None:
            self._still = still
        return found

    async def find(self, workspace_id: str, link_id: str) -> NativeLink | None:
        """One native Link."""
        item = await self._table.get(keys.native_link(workspace_id, link_id), consistent=True)
        return None if item is None else _native_link_from_item(item)

    def is_free(self, state: NativeLink) -> bool:
        """Whether nobody is at it: given back, our own from a write whose answer was lost, or
        without a sign of life for LINK_LEASE_MS. `state` is of the last `listed`.
        """
        if state.owner in ("", self._name):
            return True
        revision, since_ms = self._still[state.key.sk]
        assert revision == state.revision
        return self._clock.monotonic_ms() - since_ms >= LINK_LEASE_MS

    # --- Holding ----------------------------------------------------------------------------------
    async def take(self, state: NativeLink, progress: Progress) -> NativeLink | None:
        """Ours now, if it still stands as `state`; None when another was faster."""
        wanted = replace(state, owner=self._name, taken=state.asked, progress=progress)
        try:
            return await self._change(state, wanted)
        except (LeaseLost, StoreTimeout):
            return None  # if it was done after all, the next look shows it as our own

    async def note(self, held: NativeLink, progress: Progress) -> NativeLink:
        """A page further; a sign of life too. Raises LeaseLost."""
        return await self._change(held, replace(held, progress=progress))

    async def release(self, held: NativeLink, progress: Progress, due_ms: int) -> None:
        """Gives it back; the next round is due at `due_ms`. Raises LeaseLost."""
        await self._change(held, replace(held, owner="", progress=progress, due_ms=due_ms))

    async def reset(self, state: NativeLink, progress: Progress) -> None:
        """Sets the progress, whoever is at it: that one stops at its next write. Raises LeaseLost
        when it was faster.
        """
        await self._change(state, replace(state, owner="", progress=progress, due_ms=0))

    async def _change(self, standing: NativeLink, wanted: NativeLink) -> NativeLink:
        wanted = replace(wanted, revision=standing.revision + 1)
        changes: dict[str, Value] = {
            "b": _body(wanted.progress),
            "o": wanted.owner,
            "r": wanted.revision,
            "t": wanted.taken,
            "u": wanted.due_ms,
        }
        guards = (Is("r", standing.revision), Is("o", standing.owner))
        answer = await self._table.write(Update(wanted.key, set=changes, guards=guards))
        if isinstance(answer, GuardFailed):
            old = answer.old or {}
            # Our own write counts, whose answer was lost and which was sent again.
            if any(old.get(name) != value for name, value in changes.items()):
                raise LeaseLost(f"native Link {wanted.link_id}")
        return wanted

    async def ask(self, workspace_id: str, link_id: str) -> bool:
        """Asks for a round soon; False when there is no such Link."""
        key = keys.native_link(workspace_id, link_id)
        answer = await self._table.write(Update(key, add={"q": 1}, guards=(Present(),)))
        return not isinstance(answer, GuardFailed)

    # --- Secrets ----------------------------------------------------------------------------------
    async def begin(
        self, link: Link, account_id: str, secrets: LinkSecrets, sealer: Sealer, token: str
    ) -> bool:
        """Keeps the secrets of a new Link and has it synced; False when that was done before."""
        state = NativeLink(link.workspace_id, link.id, link.type, account_id, Progress())
        writes = (
            Put(TableName.BALANCES, _native_link_item(state), (Absent(),)),
            Put(TableName.BALANCES, _secrets_item(link.id, secrets, sealer), (Absent(),)),
        )
        return isinstance(await self._table.transact(writes, token), Transacted)

    async def secrets(self, link_id: str, sealer: Sealer) -> LinkSecrets | None:
        """The Link's secrets, opened. Raises SealBroken."""
        item = await self._table.get(keys.link_secrets(link_id), consistent=True)
        if item is None:
            return None
        api_key = sealer.open(str(item["k"]), f"{link_id}.key")
        sealed = str(item.get("e", ""))
        webhook = sealer.open(sealed, f"{link_id}.webhook") if sealed else ""
        return LinkSecrets(str(item["w"]), api_key, webhook, str(item["k"]))

    async def sealed(self, link_id: str) -> str:
        """The Link's key as it is sealed, for who can't open it."""
        item = await self._table.get(keys.link_secrets(link_id), consistent=True)
        assert item is not None, "a native Link is made with its secrets"
        return str(item["k"])

    async def keep(self, link_id: str, secrets: LinkSecrets, sealer: Sealer) -> bool:
        """Replaces the Link's secrets, as they were read, by these, sealed by the newest secret of
        the setting; False when somebody else changed them meanwhile.
        """
        item = _secrets_item(link_id, secrets, sealer)
        put = Put(TableName.BALANCES, item, (Is("k", secrets.sealed),))
        answer = await self._table.write(put)
        return not isinstance(answer, GuardFailed) or answer.old == item


def _secrets_item(link_id: str, secrets: LinkSecrets, sealer: Sealer) -> Item:
    key = keys.link_secrets(link_id)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "w": secrets.workspace_id,
        "i": link_id,
        "k": sealer.seal(secrets.api_key, f"{link_id}.key"),
    }
    if secrets.webhook_secret:
        item["e"] = sealer.seal(secrets.webhook_secret, f"{link_id}.webhook")
    return item
