"""addLedgerEntry, addLedgerEntries and reconcileTx: input -> command -> commit -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.errors import RejectionError
from shared.graphql.results import failure
from shared.ledger.entries import LedgerEntry, PlacedLine
from shared.ledger.identifiers import is_id
from shared.ledger.rejections import Rejection, reject
from shared.limits import ENTRIES_PER_ATOMIC_BATCH_MAX
from write_service.commands import AddLedgerEntry
from write_service.inputs import (
    LedgerAccountMatchInput,
    LedgerEntryInput,
    add_ledger_entry,
    check_count,
    ledger_match,
    refuse,
)
from write_service.mutations.answers import Answer, mutation, refusal
from write_service.plans import Committed, Rejected
from write_service.posting import WriteServices, post_batch, post_entry
from write_service.reconciling import reconcile


def entry_result(
    context: RequestContext,
    entry: LedgerEntry,
    is_ik_replay: bool,
    name: str = "AddLedgerEntryResult",
) -> Answer:
    """The result of type `name`; the request's own selection finds what was just written."""
    context.prime_entry(entry)
    return {
        "__typename": name,
        "entry": entry,
        "isIkReplay": is_ik_replay,
        "lines": [PlacedLine(entry, line) for line in entry.lines],
    }


async def entry_command(
    services: WriteServices, workspace_id: str, ik: str | None, raw: dict[str, Any], where: str
) -> AddLedgerEntry:
    """The command of one input, without an ik that of reconcileTx; accounts that it names by id are
    turned into paths first.
    """
    entry = LedgerEntryInput.model_validate(raw)
    matches = [line.account for line in entry.lines or ()]
    matches += [condition.account for condition in entry.conditions]
    if any(match.id is not None or match.ledger is not None for match in matches):
        entry = await _named_by_path(services, workspace_id, entry, where)
    return add_ledger_entry(workspace_id, ik, entry, where)


async def _named_by_path(
    services: WriteServices, workspace_id: str, entry: LedgerEntryInput, where: str
) -> LedgerEntryInput:
    """The input with paths for its account matches, which must be of the entry's own ledger."""
    ledger = await services.prefetcher.ledger(
        workspace_id, ledger_match(f"{where}.ledger", entry.ledger), f"{where}.ledger"
    )
    known = services.prefetcher
    matches = [line.account for line in entry.lines or ()]
    matches += [condition.account for condition in entry.conditions]
    await known.learn_accounts([each.id for each in matches if each.id and is_id(each.id)])

    async def path_only(match: LedgerAccountMatchInput) -> LedgerAccountMatchInput:
        if match.ledger is not None:
            of = ledger_match(f"{where}: account.ledger", match.ledger)
            named = await known.ledger(workspace_id, of, f"{where}: account.ledger")
            if named.id != ledger.id:
                raise refuse("bad_request", detail=f"{where} names an account of another Ledger.")
        path = match.path
        if match.id is not None:
            path = await known.path_of(ledger, match.id)
            if match.path not in (None, path):
                raise refuse("bad_request", detail=f"{where} names an account by another's id.")
        return LedgerAccountMatchInput(path=path)

    lines = [
        line.model_copy(update={"account": await path_only(line.account)})
        for line in entry.lines or ()
    ]
    conditions = [
        each.model_copy(update={"account": await path_only(each.account)})
        for each in entry.conditions
    ]
    named_lines = None if entry.lines is None else lines
    return entry.model_copy(update={"lines": named_lines, "conditions": conditions})


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    @mutation("addLedgerEntry")
    async def add_entry(
        context: RequestContext, ik: str, entry: dict[str, Any]
    ) -> Answer | Rejection:
        command = await entry_command(services, context.workspace_id, ik, entry, "entry")
        outcome = await post_entry(services, command)
        if isinstance(outcome, Committed):
            posted, is_ik_replay = outcome.entries[0]
            return entry_result(context, posted, is_ik_replay)
        return refusal(outcome)

    @mutation("addLedgerEntries")
    async def add_entries(
        context: RequestContext, entries: list[dict[str, Any]]
    ) -> Answer | Rejection:
        if not entries:
            return reject("bad_request", detail="entries must hold at least one entry")
        check_count("entries", len(entries), ENTRIES_PER_ATOMIC_BATCH_MAX)
        commands: list[AddLedgerEntry | Rejection] = []
        for place, each in enumerate(entries):
            try:
                where = f"entries[{place}].entry"
                workspace_id = context.workspace_id
                commands.append(
                    await entry_command(services, workspace_id, each["ik"], each["entry"], where)
                )
            except RejectionError as error:
                commands.append(error.rejection)
        outcome = await post_batch(services, commands)
        if isinstance(outcome, Rejection):
            return outcome
        if isinstance(outcome, Committed):
            results = [entry_result(context, *each) for each in outcome.entries]
            return {"__typename": "AddLedgerEntriesResult", "results": results}
        if isinstance(outcome, Rejected):
            return _batch_failure(entries, outcome)
        return refusal(outcome)

    @mutation("reconcileTx")
    async def reconcile_tx(context: RequestContext, entry: dict[str, Any]) -> Answer | Rejection:
        command = await entry_command(services, context.workspace_id, None, entry, "entry")
        outcome = await reconcile(services, command)
        if isinstance(outcome, Committed):
            posted, is_ik_replay = outcome.entries[0]
            return entry_result(context, posted, is_ik_replay, "ReconcileTxResult")
        return refusal(outcome)

    return {
        "addLedgerEntry": add_entry,
        "addLedgerEntries": add_entries,
        "reconcileTx": reconcile_tx,
    }


def _batch_failure(entries: list[dict[str, Any]], outcome: Rejected) -> Answer:
    """An AddLedgerEntriesError with one element for each refused entry."""
    count = len(outcome.rejections)
    whole = reject("ledger_entry_batch_operation_failed", count=count, total=len(entries))
    return {
        **failure(whole),
        "__typename": "AddLedgerEntriesError",
        "errors": [
            {
                **failure(rejection),
                "__typename": "AddLedgerEntryError",
                "ik": entries[place]["ik"],
            }
            for place, rejection in outcome.rejections
        ],
    }
