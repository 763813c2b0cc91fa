"""What tests of reconcileTx ask of the API: a bank's accounts linked to a ledger's."""

from typing import Any

from tests.linking import LinkRig
from tests.read_rig import WORKSPACE
from tests.write_api_rig import BALANCE

SCHEMA_KEY = "bank-schema"
LEDGER = {"ik": "books"}
POSTED = "2024-03-05T07:00:00.000Z"  # what `tx` is posted at
RECONCILE = """mutation reconcile($entry: LedgerEntryInput!) {
  reconcileTx(entry: $entry) {
    __typename
    ... on ReconcileTxResult {
      isIkReplay
      entry { id ik type posted description isReversal reversalPosition
        lines { nodes { id } } }
      lines { id key amount currency { code } account { path } txId }
    }
    ... on Error { code message retryable }
  }
}"""
REVERSE = """mutation reverse($id: ID!) {
  reverseLedgerEntry(id: $id) {
    __typename
    ... on ReverseLedgerEntryResult {
      isIkReplay
      reversedLedgerEntry { id }
      reversingLedgerEntry { id lines { nodes { amount txId } } }
    }
    ... on Error { code message retryable }
  }
}"""
MIGRATE = """mutation migrate($input: MigrateLedgerEntryInput!) {
  migrateLedgerEntry(input: $input) {
    __typename
    ... on MigrateLedgerEntryResult {
      isIkReplay
      reversingLedgerEntry { id }
      newLedgerEntry { id ik type posted lines { nodes { amount txId } } }
    }
    ... on Error { code message retryable }
  }
}"""
INSTANTIATE = """mutation make(
  $ledger: LedgerMatchInput!, $path: String!, $parameters: Parameters
) {
  instantiateLedgerAccount(ledger: $ledger, path: $path, parameters: $parameters) {
    __typename
    ... on InstantiateLedgerAccountResult { ledgerAccount { id path } }
    ... on Error { code message retryable }
  }
}"""


def line(key: str, path: str, amount: str | None = None, tx: str | None = None, **more: Any) -> Any:
    """A line of an entry type; `tx` is its external id."""
    given: dict[str, Any] = {"key": key, "account": {"path": path}, **more}
    if amount is not None:
        given["amount"] = amount
    if tx is not None:
        given["tx"] = {"externalId": tx}
    return given


def linked(external_id: str, **link: str) -> dict[str, str]:
    return {"externalId": external_id, **(link or {"linkIk": "bank", "linkType": "CustomLink"})}


def accounts(**more: Any) -> list[dict[str, Any]]:
    """Two linked accounts, one for each customer, users, and a clearing account between."""
    per_customer = linked("{{account}}", linkId="{{link}}")
    return [
        {
            "key": "assets",
            "type": "asset",
            "children": [
                {"key": "checking", "linkedAccount": linked("checking")},
                {"key": "savings", "linkedAccount": linked("savings")},
                {"key": "cards", "template": True, "linkedAccount": per_customer},
                {"key": "transit"},
                {
                    "key": "vaults",
                    "template": True,
                    "name": "Vault {{title}}",
                    "linkedAccount": linked("savings"),
                },
            ],
        },
        {
            "key": "users",
            "type": "liability",
            "template": True,
            "consistencyConfig": {"ownBalanceUpdates": "strong"},
        },
        *more.get("roots", []),
    ]


def types() -> list[dict[str, Any]]:
    """Entry types: one Tx, two of one time, one for each element, by id, for a customer."""
    user = "users:{{user}}"
    return [
        {
            "type": "fund",
            "description": "Funding {{user}}",
            "lines": [
                line("bank", "assets/checking", tx="{{tx}}"),
                line("user", user),
            ],
        },
        {
            "type": "fund_fixed",
            "lines": [
                line("bank", "assets/checking", "{{amount}}", tx="{{tx}}"),
                line("user", user, "{{amount}}"),
            ],
        },
        {
            "type": "book_transfer",
            "lines": [
                line("in", "assets/savings", tx="{{tx}}"),
                line("out", "assets/checking", tx="{{tx}}"),
            ],
        },
        {
            "type": "fund_many",
            "lines": [
                line("bank", "assets/checking", tx="{{txs.id}}", repeated={"key": "txs"}),
                line("user", user),
            ],
        },
        {
            "type": "by_id",
            "lines": [
                {"key": "b", "account": {"path": "assets/checking"}, "tx": {"id": "{{tx}}"}},
                line("user", user),
            ],
        },
        {
            "type": "card",
            "lines": [
                line("card", "assets/cards:{{card}}", tx="{{tx}}"),
                line("user", user),
            ],
        },
        {"type": "free"},
        {
            "type": "netted",
            "postLinesAs": "net_amounts",
            "lines": [
                line("one", "assets/checking", tx="{{one}}"),
                line("two", "assets/checking", tx="{{two}}"),
                line("user", user, "{{amount}}"),
                line("fee", user, "-{{amount}}"),
                line("rest", "users:rest"),
            ],
        },
        {
            "type": "gift",
            "lines": [
                line("out", "assets/transit", "{{amount}}"),
                line("user", user, "{{amount}}"),
            ],
        },
    ]


def schema() -> dict[str, Any]:
    return {
        "key": SCHEMA_KEY,
        "chartOfAccounts": {
            "defaultCurrencyMode": "single",
            "defaultCurrency": {"code": "USD"},
            "accounts": accounts(),
        },
        "consistencyConfig": {"entries": "eventual"},
        "ledgerEntries": {"types": types()},
    }


class ReconcileRig(LinkRig):
    """A write service with a bank and a ledger whose accounts are linked to the bank's."""

    async def books(self) -> Any:
        """The bank's Link; checking and savings in USD; the ledger."""
        link = await self.bank("checking", "savings")
        await self.store(schema())
        await self.create("books", SCHEMA_KEY)
        return link

    async def reconcile(
        self, type: str | None = None, *, as_workspace: str = WORKSPACE, **entry: Any
    ) -> Any:
        """The answer of reconcileTx; what isn't a part of the input is a parameter."""
        parts = ("lines", "posted", "tags", "groups", "description", "conditions", "ledger")
        body = {"ledger": LEDGER, **{name: entry.pop(name) for name in parts if name in entry}}
        if type is not None:
            body |= {"type": type, "parameters": entry}
        return await self.mutate(RECONCILE, as_workspace, entry=body)

    async def reconciled(self, type: str | None = None, **entry: Any) -> Any:
        """The answer of a reconcileTx that must be accepted."""
        result = await self.reconcile(type, **entry)
        assert result["__typename"] == "ReconcileTxResult", result
        return result

    async def users(self, *names: str) -> list[int]:
        """The users' strong balances; 0 for one that was never posted to."""
        balances = []
        for name in names:
            answer = await self.ask(BALANCE, path=f"users:{name}", ik=LEDGER["ik"])
            found = answer.data["ledgerAccount"]
            balances.append(0 if found is None else int(found["ownBalance"]))
        return balances

    async def reverse(self, entry_id: str) -> Any:
        result = await self.mutate(REVERSE, id=entry_id)
        assert result["__typename"] == "ReverseLedgerEntryResult", result
        return result
