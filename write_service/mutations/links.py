"""Mutations of Links, External Accounts and Txs: input -> command -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.links import CUSTOM_LINK
from shared.ledger.rejections import Rejection, reject
from shared.limits import (
    ACCOUNTS_PER_SYNC_MAX,
    DESCRIPTION_CHARS_MAX,
    NAME_CHARS_MAX,
    SAFE_STRING_CHARS_MAX,
    TXS_PER_DELETION_MAX,
    TXS_PER_SYNC_MAX,
)
from write_service.commands import ExternalAccountMatch, LinkMatch, SyncedTx, SyncTxs
from write_service.inputs import (
    CurrencyMatchInput,
    check_chars,
    check_count,
    check_ik,
    currency_key,
    refuse,
)
from write_service.links import create_custom_link, delete_txs, sync_accounts, sync_txs
from write_service.mutations.answers import Answer, mutation
from write_service.planning.links import WantedAccount
from write_service.posting import WriteServices

Given = dict[str, Any]


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("createCustomLink")
    async def create(context: RequestContext, ik: str, name: str) -> Answer | Rejection:
        check_ik("ik", ik)
        check_chars("name", name, NAME_CHARS_MAX)
        link, is_ik_replay = await create_custom_link(services, context.workspace_id, ik, name)
        if link.type != CUSTOM_LINK:
            return reject("ik_conflict", ik=ik, detail=f"its Link is a {link.type}.")
        context.catalog.learn_link(link)
        return {
            "__typename": "CreateCustomLinkResult",
            "link": link,
            "isIkReplay": is_ik_replay,
        }

    @mutation("syncCustomAccounts")
    async def sync_custom_accounts(
        context: RequestContext, link: Given, accounts: list[Given]
    ) -> Answer | Rejection:
        check_count("accounts", len(accounts), ACCOUNTS_PER_SYNC_MAX)
        wanted = [_account(f"accounts[{place}]", each) for place, each in enumerate(accounts)]
        synced = await sync_accounts(services, context.workspace_id, _link(link), wanted)
        if isinstance(synced, Rejection):
            return synced
        return {"__typename": "SyncCustomAccountsResult", "accounts": synced}

    @mutation("syncCustomTxs")
    async def sync_custom_txs(
        context: RequestContext, link: Given, txs: list[Given]
    ) -> Answer | Rejection:
        check_count("txs", len(txs), TXS_PER_SYNC_MAX)
        wanted = [_tx(f"txs[{place}]", each) for place, each in enumerate(txs)]
        synced = await sync_txs(services, SyncTxs(context.workspace_id, _link(link), tuple(wanted)))
        if isinstance(synced, Rejection):
            return synced
        return {"__typename": "SyncCustomTxsResult", "txs": synced}

    @mutation("deleteCustomTxs")
    async def delete_custom_txs(context: RequestContext, txs: list[str]) -> Answer | Rejection:
        check_count("txs", len(txs), TXS_PER_DELETION_MAX)
        deleted = await delete_txs(services, context.workspace_id, txs)
        if isinstance(deleted, Rejection):
            return deleted
        return {"__typename": "DeleteCustomTxsResult", "txs": [{"tx": tx} for tx in deleted]}

    return {
        "createCustomLink": create,
        "syncCustomAccounts": sync_custom_accounts,
        "syncCustomTxs": sync_custom_txs,
        "deleteCustomTxs": delete_custom_txs,
    }


def _link(given: Given) -> LinkMatch:
    match = LinkMatch(given.get("id"), given.get("ik"))
    if match.id is None and match.ik is None:
        raise refuse("invalid_match", where="link", rule="a Link, by id or ik")
    return match


def _currency(given: Given) -> str | None:
    currency = given.get("currency")
    return None if currency is None else currency_key(CurrencyMatchInput.model_validate(currency))


def _check_external_id(where: str, given: Given) -> None:
    """Refuses one that nothing could be found by: the scalar lets longer SafeStrings pass."""
    check_chars(f"{where}.externalId", given["externalId"], SAFE_STRING_CHARS_MAX)


def _account(where: str, given: Given) -> WantedAccount:
    _check_external_id(where, given)
    check_chars(f"{where}.name", given["name"], NAME_CHARS_MAX)
    mode, currency = given.get("currencyMode"), _currency(given)
    if mode == "multi" and currency is not None:
        detail = f"{where}.currency doesn't go with the currencyMode multi"
        raise refuse("invalid_currency", where=where, detail=detail)
    return WantedAccount(given["externalId"], given["name"], mode, currency)


def _tx(where: str, given: Given) -> SyncedTx:
    """One Tx; its account may leave the Link out: it is the one that is synced."""
    _check_external_id(where, given)
    check_chars(f"{where}.description", given["description"], DESCRIPTION_CHARS_MAX, empty=True)
    account = given["account"]
    get = account.get
    match = ExternalAccountMatch(get("id"), get("externalId"), get("linkId"))
    if match.id is None and match.external_id is None:
        rule = "an External Account, by externalId or id"
        raise refuse("invalid_match", where=f"{where}.account", rule=rule)
    return SyncedTx(
        account=match,
        external_id=given["externalId"],
        amount=given["amount"],
        currency=_currency(given),
        description=given["description"],
        posted_ms=given["posted"],
    )
