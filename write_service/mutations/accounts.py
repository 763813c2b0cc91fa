"""Mutations of accounts: input -> command -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.accounts import LedgerAccount
from shared.ledger.rejections import Rejection
from shared.limits import ACCOUNT_PATH_CHARS_MAX, NAME_CHARS_MAX
from write_service.account_inputs import (
    NewAccountInput,
    account_match,
    new_account,
    new_accounts,
)
from write_service.accounts import create_accounts, update_account
from write_service.commands import CreateLedgerAccounts, UpdateLedgerAccount
from write_service.inputs import LedgerAccountMatchInput, check_chars
from write_service.ledgers import instantiate_account
from write_service.mutations.answers import Answer, mutation
from write_service.mutations.ledgers import required_match
from write_service.posting import WriteServices


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""
    return {**_bind_creation(services), **_bind_changes(services)}


def _primed(context: RequestContext, account: LedgerAccount) -> LedgerAccount:
    """The request's own selection finds what was just written."""
    context.prime_account(account)
    return account


# The arguments' names are the API's.
def _bind_creation(services: WriteServices) -> dict[str, Any]:
    @mutation("createLedgerAccount")
    async def create(
        context: RequestContext,
        ik: str,
        ledger: dict[str, Any],
        ledgerAccount: dict[str, Any],  # noqa: N803
    ) -> Answer | Rejection:
        given = NewAccountInput.model_validate({**ledgerAccount, "ik": ik})
        command = CreateLedgerAccounts(
            context.workspace_id,
            required_match("ledger", ledger),
            (new_account("ledgerAccount", given),),
        )
        made = await create_accounts(services, command)
        if isinstance(made, Rejection):
            return made
        account, is_ik_replay = made[0]
        return {
            "__typename": "CreateLedgerAccountResult",
            "ledgerAccount": _primed(context, account),
            "isIkReplay": is_ik_replay,
        }

    @mutation("createLedgerAccounts")
    async def create_all(
        context: RequestContext,
        ledger: dict[str, Any],
        ledgerAccounts: list[dict[str, Any]],  # noqa: N803
    ) -> Answer | Rejection:
        given = [NewAccountInput.model_validate(each) for each in ledgerAccounts]
        command = CreateLedgerAccounts(
            context.workspace_id,
            required_match("ledger", ledger),
            new_accounts("ledgerAccounts", given),
        )
        made = await create_accounts(services, command)
        if isinstance(made, Rejection):
            return made
        return {
            "__typename": "CreateLedgerAccountsResult",
            "ledgerAccounts": [_primed(context, account) for account, _ in made],
            "ikReplays": [
                {"ik": account.ik, "isIkReplay": is_replay} for account, is_replay in made
            ],
        }

    return {"createLedgerAccount": create, "createLedgerAccounts": create_all}


def _bind_changes(services: WriteServices) -> dict[str, Any]:
    @mutation("instantiateLedgerAccount")
    async def instantiate(
        context: RequestContext,
        ledger: dict[str, Any],
        path: str,
        parameters: dict[str, Any] | None = None,
    ) -> Answer | Rejection:
        check_chars("path", path, ACCOUNT_PATH_CHARS_MAX)
        match = required_match("ledger", ledger)
        account = await instantiate_account(
            services, context.workspace_id, match, path, parameters or {}
        )
        if isinstance(account, Rejection):
            return account
        account = _primed(context, account)
        return {"__typename": "InstantiateLedgerAccountResult", "ledgerAccount": account}

    @mutation("updateLedgerAccount")
    async def update(
        context: RequestContext,
        ledgerAccount: dict[str, Any],  # noqa: N803
        update: dict[str, Any],
    ) -> Answer | Rejection:
        name = update.get("name")
        check_chars("update.name", name, NAME_CHARS_MAX)
        match = LedgerAccountMatchInput.model_validate(ledgerAccount)
        command = UpdateLedgerAccount(
            context.workspace_id, account_match("ledgerAccount", match), name
        )
        changed = await update_account(services, command)
        if isinstance(changed, Rejection):
            return changed
        changed = _primed(context, changed)
        return {"__typename": "UpdateLedgerAccountResult", "ledgerAccount": changed}

    return {"instantiateLedgerAccount": instantiate, "updateLedgerAccount": update}
