"""What the reports read: pages of the API, one after the other, no more than one held."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from cli.client import GraphQL
from cli.failures import CommandFailure
from cli.reports import documents
from cli.reports.amounts import Amounts, read_amounts, read_unit
from cli.reports.balances import Account
from cli.reports.linked_accounts import LinkedAccount
from shared.ledger.periods import parse_utc_offset
from shared.limits import PAGE_SIZE_MAX, REPORT_PAGE_SIZE


@dataclass(frozen=True, slots=True)
class ReportLedger:
    """The ledger that a report is about; its periods begin `offset_minutes` east of UTC."""

    ik: str
    name: str
    offset: str
    offset_minutes: int


async def read_ledger(api: GraphQL, ik: str) -> ReportLedger:
    """The ledger. Raises CommandFailure when there is none."""
    found = (await api.execute(documents.LEDGER, {"ledgerIk": ik}))["ledger"]
    if found is None:
        raise CommandFailure(f"there is no Ledger {ik}")
    offset = found["balanceUTCOffset"]
    minutes = parse_utc_offset(offset)
    assert minutes is not None, "a ledger's offset is one"
    return ReportLedger(found["ik"], found["name"], offset, minutes)


async def read_accounts(
    api: GraphQL, document: str, variables: dict[str, Any], field: str | None
) -> list[Account]:
    """All accounts with their amounts. `field`: what further currencies are asked of; None when
    the document gives all at once.
    """
    accounts = []
    asked = {**variables, "first": REPORT_PAGE_SIZE, "after": None}
    while True:
        page = (await api.execute(document, asked))["ledger"]["ledgerAccounts"]
        for node in page["nodes"]:
            at = variables.get("balanceAtEndOf")
            amounts = await _all_amounts(api, node["id"], node["amounts"], field, at)
            unit = None if node["currency"] is None else read_unit(node["currency"])
            accounts.append(Account(node["path"], node["name"], node["type"], unit, amounts))
        if not page["pageInfo"]["hasNextPage"]:
            return accounts
        asked["after"] = _moved(asked["after"], page["pageInfo"]["endCursor"])


async def _all_amounts(
    api: GraphQL, account_id: str, page: dict[str, Any], field: str | None, at: str | None
) -> Amounts:
    """The amounts of a first page and of those behind it."""
    amounts = read_amounts(page["nodes"])
    after = None
    while page["pageInfo"]["hasNextPage"]:
        assert field is not None, "changes are given all at once"
        after = _moved(after, page["pageInfo"]["endCursor"])
        asked = {"id": account_id, "at": at, "first": PAGE_SIZE_MAX, "after": after}
        found = (await api.execute(documents.more_balances(field), asked))["ledgerAccount"]
        page = found["amounts"]
        amounts |= read_amounts(page["nodes"])
    return amounts


async def read_linked_accounts(api: GraphQL, ik: str) -> list[LinkedAccount]:
    """All Linked Ledger Accounts of a ledger, by path."""
    accounts = []
    asked: dict[str, Any] = {"ledgerIk": ik, "first": REPORT_PAGE_SIZE, "after": None}
    while True:
        page = (await api.execute(documents.LINKED_ACCOUNTS, asked))["ledger"]["ledgerAccounts"]
        for node in page["nodes"]:
            external = node["linkedAccount"]
            amounts = await _all_amounts(api, node["id"], node["amounts"], "ownBalances", None)
            accounts.append(
                LinkedAccount(
                    node["id"],
                    node["path"],
                    None if node["currency"] is None else read_unit(node["currency"]),
                    amounts,
                    None if external is None else external["id"],
                    None if external is None else external["externalId"],
                )
            )
        if not page["pageInfo"]["hasNextPage"]:
            return sorted(accounts, key=lambda each: each.path.split("/"))
        asked["after"] = _moved(asked["after"], page["pageInfo"]["endCursor"])


async def read_statement(
    api: GraphQL, match: dict[str, Any], starting: str, ending: str
) -> tuple[dict[str, Any], Amounts, Amounts]:
    """The account, and its own balances at the two moments. Raises CommandFailure."""
    asked = {
        "accountMatch": match,
        "startingBalanceAtEndOf": starting,
        "endingBalanceAtEndOf": ending,
        "first": PAGE_SIZE_MAX,
    }
    account = (await api.execute(documents.ACCOUNT_STATEMENT, asked))["ledgerAccount"]
    if account is None:
        raise CommandFailure(f"the Ledger has no account {match['path']}")
    balances = []
    for name, at in (("starting", starting), ("ending", ending)):
        found = await _all_amounts(api, account["id"], account[name], "ownBalances", at)
        if not found and account["currency"] is not None:
            found = {read_unit(account["currency"]): 0}
        balances.append(found)
    return account, balances[0], balances[1]


async def walk_oldest_first(
    api: GraphQL, document: str, variables: dict[str, Any], root: str, field: str
) -> AsyncIterator[dict[str, Any]]:
    """The nodes of a list that is newest first, from its end to its beginning."""
    asked = {**variables, "last": PAGE_SIZE_MAX, "before": None}
    while True:
        page = (await api.execute(document, asked))[root][field]
        for node in reversed(page["nodes"]):
            yield node
        if not page["pageInfo"]["hasPreviousPage"]:
            return
        asked["before"] = _moved(asked["before"], page["pageInfo"]["startCursor"])


def _moved(from_cursor: str | None, to_cursor: str | None) -> str:
    """The next cursor; a walk that stands still would never end."""
    if to_cursor is None or to_cursor == from_cursor:
        raise CommandFailure("the list goes on, but its cursor doesn't move")
    return to_cursor
