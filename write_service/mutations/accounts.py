"""instantiateLedgerAccount: input -> path of the chart -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.rejections import Rejection
from shared.limits import ACCOUNT_PATH_CHARS_MAX
from write_service.inputs import check_chars
from write_service.ledgers import instantiate_account
from write_service.mutations.answers import Answer, mutation
from write_service.mutations.ledgers import required_match
from write_service.posting import WriteServices


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

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
        context.prime_account(account)
        return {"__typename": "InstantiateLedgerAccountResult", "ledgerAccount": account}

    return {"instantiateLedgerAccount": instantiate}
