"""A ledger whose accounts are linked to a bank's, below HTTP: for audits and simulations."""

from typing import Any

from shared.ledger.entries import LedgerEntry
from shared.ledger.identifiers import link_id
from shared.ledger.ledgers import SchemaHead
from shared.ledger.links import Tx
from tests.simulation.links import ACCOUNTS, BANK, synced_tx
from tests.write_rig import WORKSPACE
from write_service.commands import AddLedgerEntry, SyncTxs
from write_service.inputs import LedgerEntryInput, add_ledger_entry
from write_service.ledgers import CreateLedger, create_ledger
from write_service.links import create_custom_link, sync_accounts, sync_txs
from write_service.planning.links import WantedAccount
from write_service.plans import Committed
from write_service.posting import WriteServices
from write_service.reconciling import reconcile
from write_service.schemas import store_schema

LINKED_IK = "linked"
LINK = link_id(WORKSPACE, "bank")
TYPES = (*ACCOUNTS, "both", "card", "card_too")


def _line(key: str, path: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "account": {"path": path}, **more}


def _type(name: str, *paths: str) -> dict[str, Any]:
    """Each path accounts for the Tx of the same name; the user gets the rest."""
    bank = [_line(f"b{at}", path, tx={"externalId": "{{tx}}"}) for at, path in enumerate(paths)]
    return {"type": name, "lines": [*bank, _line("user", "users:{{user}}")]}


def document() -> dict[str, Any]:
    """Two linked accounts, a template of linked ones, users with strong balances."""
    children: list[dict[str, Any]] = [
        {
            "key": each,
            "linkedAccount": {"linkIk": "bank", "linkType": "CustomLink", "externalId": each},
        }
        for each in ACCOUNTS
    ]
    card = {"linkId": "{{link}}", "externalId": "{{external}}"}
    children.append({"key": "cards", "template": True, "linkedAccount": card})
    return {
        "key": LINKED_IK,
        "chartOfAccounts": {
            "defaultCurrencyMode": "single",
            "defaultCurrency": {"code": "USD"},
            "accounts": [
                {"key": "assets", "type": "asset", "children": children},
                {
                    "key": "users",
                    "type": "liability",
                    "template": True,
                    "consistencyConfig": {"ownBalanceUpdates": "strong"},
                },
            ],
        },
        "ledgerEntries": {
            "types": [
                *[_type(each, f"assets/{each}") for each in ACCOUNTS],
                _type("both", *[f"assets/{each}" for each in ACCOUNTS]),
                _type("card", "assets/cards:{{card}}"),
                _type("card_too", f"assets/{ACCOUNTS[0]}", "assets/cards:{{card}}"),
            ]
        },
    }


async def open_linked(services: WriteServices) -> None:
    """The Schema and the ledger."""
    head = await store_schema(services, WORKSPACE, document())
    assert isinstance(head, SchemaHead), head
    command = CreateLedger(WORKSPACE, LINKED_IK, "Linked", 0, LINKED_IK, None)
    assert isinstance(await create_ledger(services, command), tuple)


async def open_bank(services: WriteServices) -> None:
    """The Link and its accounts."""
    await create_custom_link(services, WORKSPACE, "bank", "Bank")
    wanted = [WantedAccount(each, f"Account {each}", None, None) for each in ACCOUNTS]
    await sync_accounts(services, WORKSPACE, BANK, wanted)


async def sync(services: WriteServices, *numbers: int, account: str = ACCOUNTS[0]) -> list[Tx]:
    """Syncs the Txs of these numbers."""
    txs = tuple([synced_tx(account, number) for number in numbers])
    synced = await sync_txs(services, SyncTxs(WORKSPACE, BANK, txs))
    assert isinstance(synced, list | tuple), synced
    return list(synced)


def reconcile_body(type: str, number: int, user: str) -> dict[str, Any]:
    """The input of an entry that accounts for the Tx of this number."""
    parameters = {"tx": f"t{number}", "user": user}
    if type.startswith("card"):
        parameters |= {"card": f"c{number % 2}", "link": LINK, "external": ACCOUNTS[0]}
    return {"ledger": {"ik": LINKED_IK}, "type": type, "parameters": parameters}


def command_of(body: dict[str, Any]) -> AddLedgerEntry:
    """The command of a reconcileTx."""
    return add_ledger_entry(WORKSPACE, None, LedgerEntryInput.model_validate(body))


async def ask(services: WriteServices, body: dict[str, Any]) -> LedgerEntry:
    """The entry that a reconcileTx, which must be accepted, answers with."""
    outcome = await reconcile(services, command_of(body))
    assert isinstance(outcome, Committed), outcome
    return outcome.entries[0][0]
