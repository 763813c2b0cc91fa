"""Value <-> item. What guards and other items need stands in attributes of its own; the rest is one
JSON body.

    b  body (JSON)
    w  workspace
    l  ledger
    r  revision
    a  attempt: token of the batch that posted an entry
    m  marks: tokens of the batches that wrote an entry's later revisions, oldest first
    h  head: the newest position of an ik's reversal chain (on position 1), the newest place of a
       Tx's sequence (on place 1)
    d  when a Tx was deleted
    n  how many standing entries account for a Tx; one that is reconciled can't be deleted
    @… of a Tx, with a Ledger Account's id: the entry that accounts for it there; empty once that
       was reversed
    v  a balance, or what a mark was made for; c, C beside a total balance the part of it below the
       account (C counts in 10^30s)
    e  earliest moment of a posted window; l is its latest
    c  currency of an account (`*` when multi): guarded, so that no two posts give an instance two
       currencies
    x  id of the External Account that an account is linked to: guarded likewise
"""

from typing import Any

import orjson

from shared.ledger.accounts import LedgerAccount, consistency_from_record, consistency_record
from shared.ledger.clearing import PostedWindow
from shared.ledger.currencies import CustomCurrency
from shared.ledger.entries import LedgerEntry
from shared.ledger.history import LIMB
from shared.ledger.ledgers import (
    Ledger,
    MigrationRecord,
    MigrationStatus,
    SchemaHead,
    SchemaVersion,
    Workspace,
)
from shared.ledger.links import ExternalAccount, Link, Tx, tx_from_record, tx_record
from shared.ledger.records import entry_from_record, entry_record
from shared.limits import ITEM_BYTES_MAX
from shared.store import keys
from shared.store.table import Item, Key, Put, Value


def item_bytes(item: Item) -> int:
    """Size of an item as DynamoDB counts it: names and values, UTF-8."""
    size = 0
    for name, value in item.items():
        size += len(name)
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode())
        elif isinstance(value, int):
            size += len(str(value)) // 2 + 2
        else:
            size += len(value)
    return size


def _item(key: Key, body: object, **attributes: Value) -> Item:
    return {"pk": key.pk, "sk": key.sk, "b": orjson.dumps(body).decode(), **attributes}


def _body(item: Item) -> Any:
    body = item["b"]
    assert isinstance(body, str)
    return orjson.loads(body)


# --- Entries --------------------------------------------------------------------------------------
def entry_item(entry: LedgerEntry, attempt: str) -> Item:
    """The whole entry; `attempt` marks the batch that writes it: a lost answer can be told."""
    assert entry.lines
    item: Item = {
        "pk": f"E#{entry.id}",
        "sk": ".",
        "b": orjson.dumps(entry_record(entry)).decode(),
        "a": attempt,
        "r": entry.revision,
    }
    if entry.position == 1:
        item["h"] = 1
    return item


def entry_from_item(item: Item) -> LedgerEntry:
    """The entry of an item of kind `E`."""
    entry = entry_from_record(_body(item))
    assert item["pk"] == f"E#{entry.id}"
    assert entry.revision == item["r"]
    return entry


def revised_item(entry: LedgerEntry, standing: Item) -> Item:
    """`entry` in the place of its revision before, as that stands; what else it says is kept."""
    assert standing["pk"] == f"E#{entry.id}"
    assert standing["r"] == entry.revision - 1
    body = orjson.dumps(entry_record(entry)).decode()
    return {**standing, "b": body, "r": entry.revision}


def marked(item: Item, token: str) -> Item:
    """The item of a later revision with the mark of the batch that writes it."""
    return {**item, "m": ",".join([*_marks(item), token])}


def has_mark(item: Item, token: str) -> bool:
    """Whether the batch `token` posted the entry or wrote one of its revisions."""
    return item["a"] == token or token in _marks(item)


def _marks(item: Item) -> list[str]:
    marks = item.get("m")
    return marks.split(",") if isinstance(marks, str) else []


def chain_head(item: Item) -> int:
    """The newest position of the chain; only the item at position 1 carries it."""
    head = item["h"]
    assert isinstance(head, int)
    assert head >= 1
    return head


# --- Accounts -------------------------------------------------------------------------------------
def account_attributes(account: LedgerAccount) -> Item:
    """All attributes but the key: what an Update sets if the account is absent."""
    body: dict[str, Any] = {
        "i": account.id,
        "l": account.ledger_id,
        "w": account.workspace_id,
        "p": account.path,
        "k": account.ik,
        "n": account.name,
        "t": account.type,
        "m": account.currency_mode,
        "c": account.currency,
        "u": account.parent_id,
        "q": account.parent_path,
        "d": account.created_ms,
        "x": account.linked,
    }
    if account.consistency is not None:
        body["g"] = consistency_record(account.consistency)
    attributes: Item = {
        "b": orjson.dumps(body).decode(),
        "r": account.revision,
        "c": account.currency or "*",
    }
    if account.linked is not None:
        attributes["x"] = account.external_account_id or "-"
    return attributes


def account_from_item(item: Item) -> LedgerAccount:
    """The account of an item of kind `A`."""
    body = _body(item)
    revision = item["r"]
    assert isinstance(revision, int)
    linked = body["x"]
    return LedgerAccount(
        id=body["i"],
        ledger_id=body["l"],
        workspace_id=body["w"],
        path=body["p"],
        ik=body["k"],
        name=body["n"],
        type=body["t"],
        currency_mode=body["m"],
        currency=body["c"],
        parent_id=body["u"],
        parent_path=body["q"],
        created_ms=body["d"],
        linked=None if linked is None else (linked[0], linked[1]),
        consistency=consistency_from_record(body.get("g")),
        revision=revision,
    )


def account_item(account: LedgerAccount) -> Item:
    """The whole item."""
    key = keys.account(account.id)
    return {"pk": key.pk, "sk": key.sk, **account_attributes(account)}


def account_ik_item(account: LedgerAccount) -> Item:
    """Keeps the ik from creating another account of the ledger."""
    key = keys.account_ik(account.ledger_id, account.ik)
    return {"pk": key.pk, "sk": key.sk, "i": account.id, "p": account.path}


# --- Ledgers --------------------------------------------------------------------------------------
def ledger_item(ledger: Ledger) -> Item:
    body = {
        "i": ledger.id,
        "w": ledger.workspace_id,
        "k": ledger.ik,
        "n": ledger.name,
        "o": ledger.utc_offset_minutes,
        "d": ledger.created_ms,
        "s": ledger.schema_key,
        "v": ledger.schema_version,
        "g": ledger.schema_generation,
        "f": ledger.schema_since,
        "t": ledger.state,
    }
    return _item(keys.ledger(ledger.id), body, r=ledger.revision)


def ledger_from_item(item: Item) -> Ledger:
    body = _body(item)
    revision = item["r"]
    assert isinstance(revision, int)
    return Ledger(
        id=body["i"],
        workspace_id=body["w"],
        ik=body["k"],
        name=body["n"],
        utc_offset_minutes=body["o"],
        created_ms=body["d"],
        schema_key=body["s"],
        schema_version=body["v"],
        state=body["t"],
        revision=revision,
        schema_generation=body.get("g", 1),
        schema_since=body.get("f"),
    )


def ledger_ik_item(workspace_id: str, ik: str, ledger_id: str, generation: int) -> Item:
    """Maps an ik to its ledger; `g` counts the ids that were made of it. `f` says for what the last
    of them is reserved, `t` when the ik was freed."""
    key = keys.ledger_ik(workspace_id, ik)
    return {"pk": key.pk, "sk": key.sk, "l": ledger_id, "g": generation}


# --- Schemas --------------------------------------------------------------------------------------
def schema_head_item(head: SchemaHead) -> Item:
    body = {
        "w": head.workspace_id,
        "k": head.key,
        "n": head.name,
        "v": head.version,
        "d": head.created_ms,
        "h": head.digest,
        "g": head.generation,
        "t": head.state,
    }
    return _item(keys.schema_head(head.workspace_id, head.key), body, r=head.revision)


def schema_head_from_item(item: Item) -> SchemaHead:
    body = _body(item)
    revision = item["r"]
    assert isinstance(revision, int)
    return SchemaHead(
        workspace_id=body["w"],
        key=body["k"],
        name=body["n"],
        version=body["v"],
        created_ms=body["d"],
        digest=body["h"],
        revision=revision,
        generation=body.get("g", 1),
        state=body.get("t", "live"),
    )


def schema_version_item(version: SchemaVersion) -> Item:
    key = keys.schema_version(
        version.workspace_id, version.key, version.generation, version.version
    )
    body = {
        "w": version.workspace_id,
        "k": version.key,
        "v": version.version,
        "d": version.created_ms,
        "j": version.json,
        "g": version.generation,
    }
    return _item(key, body)


def schema_version_from_item(item: Item) -> SchemaVersion:
    body = _body(item)
    return SchemaVersion(body["w"], body["k"], body["v"], body["d"], body["j"], body.get("g", 1))


_MIGRATION_STATUSES: dict[str, MigrationStatus] = {
    "started": "started",
    "completed": "completed",
    "failed": "failed",
    "skipped": "skipped",
}


def migration_item(record: MigrationRecord) -> Item:
    """`s` status, `e` the reason of a failure."""
    key = keys.ledger_migration(record.ledger_id, record.version)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "v": record.version,
        "s": record.status,
        "r": record.revision,
    }
    if record.reason:
        item["e"] = record.reason
    return item


def migration_from_item(item: Item) -> MigrationRecord:
    version, revision = item["v"], item["r"]
    assert isinstance(version, int)
    assert isinstance(revision, int)
    ledger_id = str(item["pk"]).partition("#")[2]
    status = _MIGRATION_STATUSES[str(item["s"])]
    return MigrationRecord(ledger_id, version, status, revision, str(item.get("e", "")))


# --- Work behind an answer ------------------------------------------------------------------------
def schema_work_item(head: SchemaHead) -> Item:
    """The work that brings a Schema's ledgers to its newest version; it takes the place of an older
    one. Later versions begin with higher revisions, so a lease of the work before doesn't fit.
    """
    at = keys.schema_work(head.workspace_id, head.key)
    return {
        "pk": at.pk,
        "sk": at.sk,
        "w": head.workspace_id,
        "k": head.key,
        "g": head.generation,
        "v": head.version,
        "o": "",
        "r": (head.generation << 80) + (head.version << 40) + 1,
        "c": "",
        "f": 0,
    }


def sweep_work_item(ledger_id: str, due_ms: int) -> Item:
    """The work that touches a deleted ledger at `due_ms`."""
    at = keys.sweep_work(due_ms, ledger_id)
    return {"pk": at.pk, "sk": at.sk, "l": ledger_id, "o": "", "r": 1}


# --- Custom currencies ----------------------------------------------------------------------------
def custom_currency_item(currency: CustomCurrency) -> Item:
    body = {
        "w": currency.workspace_id,
        "i": currency.id,
        "k": currency.code,
        "n": currency.name,
        "p": currency.precision,
        "d": currency.created_ms,
    }
    return _item(keys.custom_currency(currency.workspace_id, currency.id), body)


def custom_currency_from_item(item: Item) -> CustomCurrency:
    body = _body(item)
    return CustomCurrency(body["w"], body["i"], body["k"], body["n"], body["p"], body["d"])


# --- Links, External Accounts, Txs ----------------------------------------------------------------
def link_item(link: Link) -> Item:
    body: dict[str, Any] = {
        "i": link.id,
        "w": link.workspace_id,
        "t": link.type,
        "k": link.ik,
        "n": link.name,
        "d": link.created_ms,
    }
    if link.env is not None:
        body["e"] = link.env
    return _item(keys.link(link.workspace_id, link.id), body)


def link_from_item(item: Item) -> Link:
    body = _body(item)
    get = body.get
    return Link(body["i"], body["w"], body["t"], body["k"], body["n"], body["d"], get("e"))


def external_account_item(account: ExternalAccount) -> Item:
    body = {
        "i": account.id,
        "w": account.workspace_id,
        "l": account.link_id,
        "x": account.external_id,
        "n": account.name,
        "m": account.currency_mode,
        "c": account.currency,
        "d": account.created_ms,
    }
    return _item(keys.external_account(account.id), body, r=account.revision)


def external_account_from_item(item: Item) -> ExternalAccount:
    body = _body(item)
    revision = item["r"]
    assert isinstance(revision, int)
    return ExternalAccount(
        id=body["i"],
        workspace_id=body["w"],
        link_id=body["l"],
        external_id=body["x"],
        name=body["n"],
        currency_mode=body["m"],
        currency=body["c"],
        created_ms=body["d"],
        revision=revision,
    )


NO_ENTRY = ""  # what accounts for a Tx once its entry was reversed


def claim_attribute(ledger_account_id: str) -> str:
    """Where a Tx's item says which entry accounts for it in the Ledger Account."""
    return f"@{ledger_account_id}"


def tx_attributes(tx: Tx) -> Item:
    """What a write sets: of what stands beside it (`h`, `n`, claims) it says nothing."""
    record = tx_record(tx)
    del record["r"]
    record.pop("m", None)
    attributes: Item = {"b": orjson.dumps(record).decode(), "r": tx.revision}
    if tx.deleted_at_ms is not None:
        attributes["d"] = tx.deleted_at_ms
    return attributes


def new_tx_item(tx: Tx) -> Item:
    """The whole item of a Tx that is new."""
    assert tx.revision == 1
    assert not tx.reconciled
    key = keys.tx(tx.id)
    item: Item = {"pk": key.pk, "sk": key.sk, **tx_attributes(tx)}
    if tx.sequence == 1:
        item["h"] = 1
    return item


def tx_from_item(item: Item) -> Tx:
    """The Tx of an item of kind `T`."""
    claims = {name[1:]: each for name, each in item.items() if name[0] == "@" and each}
    tx = tx_from_record({**_body(item), "r": item["r"], "m": claims})
    assert item["pk"] == f"T#{tx.id}"
    assert item.get("d") == tx.deleted_at_ms
    return tx


def newest_sequence(item: Item) -> int:
    """The newest place of the sequence; only the item at place 1 carries it."""
    return chain_head(item)


def reconciled_count(item: Item) -> int:
    """How many standing entries account for the Tx."""
    count = item.get("n", 0)
    assert isinstance(count, int)
    return count


# --- Workspaces, strong balances, list references -------------------------------------------------
def workspace_item(workspace: Workspace) -> Item:
    return _item(keys.workspace(workspace.id), {"i": workspace.id, "n": workspace.name})


def workspace_from_item(item: Item) -> Workspace:
    body = _body(item)
    return Workspace(body["i"], body["n"])


def strong_balance(item: Item | None) -> int:
    """The running sum of a strong balance item; 0 when there is none."""
    if item is None:
        return 0
    balance = item.get("v", 0)
    assert isinstance(balance, int)
    return balance


def strong_child(item: Item | None) -> int:
    """What of a strong total balance lies below the account; 0 when there is no item."""
    if item is None:
        return 0
    low, high = item.get("c", 0), item.get("C", 0)
    assert isinstance(low, int)
    assert isinstance(high, int)
    return high * LIMB + low


def strong_adds(amount: int, child: int | None) -> dict[str, int]:
    """What moves a strong balance by `amount`, `child` of it on lines below the account, if any
    are.

    The child part isn't guarded within Int96, so it is kept in two limbs, as histories are.
    """
    if child is None:
        return {"v": amount}
    if -LIMB < child < LIMB:
        return {"v": amount, "c": child}
    high, low = divmod(child, LIMB)
    return {"v": amount, "c": low, "C": high}


def posted_window_item(account_id: str, window: PostedWindow, revision: int) -> Item:
    """A clearing account's window."""
    assert window.earliest_ms <= window.latest_ms
    key = keys.posted_window(account_id)
    earliest_ms, latest_ms = window
    return {"pk": key.pk, "sk": key.sk, "e": earliest_ms, "l": latest_ms, "r": revision}


def posted_window_from_item(item: Item) -> tuple[PostedWindow, int]:
    """The window, and the item's revision."""
    earliest_ms, latest_ms, revision = item["e"], item["l"], item["r"]
    assert isinstance(earliest_ms, int)
    assert isinstance(latest_ms, int)
    assert isinstance(revision, int)
    assert earliest_ms <= latest_ms
    return PostedWindow(earliest_ms, latest_ms), revision


def put(key: Key, item: Item) -> Put:
    """A Put whose item is checked: it stands under its key and fits DynamoDB's limit."""
    assert item["pk"] == key.pk
    assert item["sk"] == key.sk
    assert item_bytes(item) <= ITEM_BYTES_MAX
    return Put(key.table, item)
