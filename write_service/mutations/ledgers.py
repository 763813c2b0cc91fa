"""createLedger, updateLedger and deleteLedger: input -> command -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.rejections import Rejection, reject
from shared.limits import NAME_CHARS_MAX
from write_service.commands import LedgerMatch
from write_service.inputs import LedgerMatchInput, check_chars, check_ik, ledger_match
from write_service.ledgers import CreateLedger, create_ledger, delete_ledger, update_ledger
from write_service.mutations.answers import Answer, mutation
from write_service.posting import WriteServices


def required_match(where: str, ledger: dict[str, Any]) -> LedgerMatch:
    """The match of a mutation's own ledger argument."""
    match = ledger_match(where, LedgerMatchInput.model_validate(ledger))
    assert match is not None
    return match


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("createLedger")
    async def create(
        context: RequestContext,
        ik: str,
        ledger: dict[str, Any],
        schema: dict[str, Any] | None = None,
    ) -> Answer | Rejection:
        check_ik("ik", ik)
        check_chars("ledger.name", ledger["name"], NAME_CHARS_MAX)
        version = None if schema is None else schema.get("version")
        if version is not None and version < 0:
            return reject("bad_request", detail="schema.version must be 0 (the latest) or more")
        command = CreateLedger(
            workspace_id=context.workspace_id,
            ik=ik,
            name=ledger["name"],
            utc_offset_minutes=ledger.get("balanceUTCOffset") or 0,
            schema_key=None if schema is None else schema["key"],
            schema_version=version or None,
        )
        created = await create_ledger(services, command)
        if isinstance(created, Rejection):
            return created
        return {
            "__typename": "CreateLedgerResult",
            "ledger": created[0],
            "isIkReplay": created[1],
        }

    @mutation("updateLedger")
    async def update(
        context: RequestContext, ledger: dict[str, Any], update: dict[str, Any]
    ) -> Answer | Rejection:
        name = update.get("name")
        check_chars("update.name", name, NAME_CHARS_MAX)
        match = required_match("ledger", ledger)
        changed = await update_ledger(services, context.workspace_id, match, name)
        if isinstance(changed, Rejection):
            return changed
        return {"__typename": "UpdateLedgerResult", "ledger": changed}

    @mutation("deleteLedger")
    async def delete(context: RequestContext, ledger: dict[str, Any]) -> Answer | Rejection:
        match = required_match("ledger", ledger)
        deleted = await delete_ledger(services, context.workspace_id, match)
        if isinstance(deleted, Rejection):
            return deleted
        return {"__typename": "DeleteLedgerResult", "success": True}

    return {"createLedger": create, "updateLedger": update, "deleteLedger": delete}
