"""updateLedgerEntry, reverseLedgerEntry, migrateLedgerEntry: what changes entries that stand."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.entries import LedgerEntry
from shared.ledger.rejections import Rejection
from write_service.chains import entry_by_id
from write_service.inputs import (
    LedgerEntryMatchInput,
    LedgerMatchInput,
    UpdateLedgerEntryInput,
    ledger_match,
    refuse,
    update_ledger_entry,
)
from write_service.mutations.answers import Answer, mutation, refusal
from write_service.mutations.entries import entry_command
from write_service.posting import WriteServices
from write_service.revising import Migrated, Reversed, migrate_entry, reverse_entry, update_entry


def _reversal_answer(context: RequestContext, reversal: Reversed) -> Answer:
    """The pair; the request's own selection finds both as they were just written."""
    for entry in (reversal.reversed, reversal.reversing):
        context.prime_entry(entry)
    return {
        "isIkReplay": reversal.is_replay,
        "reversedLedgerEntry": reversal.reversed,
        "reversingLedgerEntry": reversal.reversing,
    }


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("updateLedgerEntry")
    async def update(
        context: RequestContext,
        ledgerEntry: dict[str, Any],  # noqa: N803 - the argument's name is the API's
        update: dict[str, Any],
    ) -> Answer | Rejection:
        match = LedgerEntryMatchInput.model_validate(ledgerEntry)
        wanted = UpdateLedgerEntryInput.model_validate(update)
        command = update_ledger_entry(context.workspace_id, match, wanted)
        outcome = await update_entry(services, command)
        if not isinstance(outcome, LedgerEntry):
            return refusal(outcome)
        context.prime_entry(outcome)
        return {"__typename": "UpdateLedgerEntryResult", "entry": outcome}

    @mutation("reverseLedgerEntry")
    async def reverse(
        context: RequestContext,
        id: str,
    ) -> Answer | Rejection:
        outcome = await reverse_entry(services, context.workspace_id, id)
        if not isinstance(outcome, Reversed):
            return refusal(outcome)
        return {
            **_reversal_answer(context, outcome),
            "__typename": "ReverseLedgerEntryResult",
        }

    @mutation("migrateLedgerEntry")
    async def migrate(
        context: RequestContext,
        input: dict[str, Any],
    ) -> Answer | Rejection:
        workspace_id = context.workspace_id
        ledger, standing = await entry_by_id(
            services.table, services.prefetcher, workspace_id, input["id"]
        )
        raw = dict(input["newLedgerEntry"])
        where = "input.newLedgerEntry"
        await _check_ledger(services, workspace_id, raw, ledger.id, where)
        raw["ledger"] = {"id": ledger.id}
        command = await entry_command(services, workspace_id, standing.entry.ik, raw, where)
        outcome = await migrate_entry(services, standing, command)
        if not isinstance(outcome, Migrated):
            return refusal(outcome)
        context.prime_entry(outcome.new)
        return {
            **_reversal_answer(context, outcome.reversal),
            "__typename": "MigrateLedgerEntryResult",
            "newLedgerEntry": outcome.new,
        }

    return {
        "updateLedgerEntry": update,
        "reverseLedgerEntry": reverse,
        "migrateLedgerEntry": migrate,
    }


async def _check_ledger(
    services: WriteServices, workspace_id: str, raw: dict[str, Any], ledger_id: str, where: str
) -> None:
    """The new entry may leave out its ledger; one that is given must be the old entry's."""
    given = raw.get("ledger")
    if given is None:
        return
    match = ledger_match(f"{where}.ledger", LedgerMatchInput.model_validate(given))
    named = await services.prefetcher.ledger(workspace_id, match, f"{where}.ledger")
    if named.id != ledger_id:
        raise refuse("bad_request", detail=f"{where}.ledger is not the Ledger of the entry.")
