"""plan_entry: a command and a view -> the entry with everything that is written beside it. Pure.

type and parameters ─► lines ─► balanced? ─► tags, groups ─► conditions ─► strong balances
└───── draft_entry ────────┘                                                      │
                                                                   EntryPlan ◄────┘

An entry that reconciles is drafted first: its lines say which Txs have to be read, and those fill
it in (planning/reconciling.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.errors import RejectionError
from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount, external_account_of
from shared.ledger.amounts import in_int96
from shared.ledger.balances import BalanceKey, GroupPlace
from shared.ledger.entries import Bounds, EntryCondition, Group, LedgerEntry, LedgerLine, Tag
from shared.ledger.rejections import Rejection
from shared.ledger.schemas import ConditionTemplate, EntryType
from shared.ledger.strings import safe_string_problem
from shared.ledger.templates import Template
from shared.limits import (
    CONDITIONS_PER_ENTRY_MAX,
    DESCRIPTION_CHARS_MAX,
    ENTRY_BYTES_MAX,
    GROUP_VALUE_CHARS_MAX,
    GROUPS_PER_ENTRY_MAX,
    LINES_PER_ENTRY_MAX,
    NAME_CHARS_MAX,
    TAG_VALUE_CHARS_MAX,
    TAGS_PER_ENTRY_MAX,
)
from shared.store import keys
from shared.store.items import entry_item, item_bytes
from shared.store.table import Item, Key
from write_service.commands import AddLedgerEntry
from write_service.planning.lines import (
    AccountAt,
    DraftLine,
    account_currency,
    balance_lines,
    line_currency,
    postable,
    posted_lines,
    refused,
    render_pairs,
    render_text,
    resolve_account,
    runtime_lines,
    typed_lines,
)
from write_service.planning.parameters import ParameterValues, check_parameters, shown
from write_service.planning.view import LedgerView, ResolvedAccount
from write_service.plans import (
    FIRST,
    ChainPlace,
    EntryPlan,
    PlannedCondition,
    PlannedDelta,
    account_misfit,
    condition_range,
)

_NO_PARAMETERS = ParameterValues({}, {}, {}, {})
ATTEMPT_BYTES = 40  # the mark that packing adds to the item


def plan_entry(
    command: AddLedgerEntry, view: LedgerView, now_ms: int, place: ChainPlace = FIRST
) -> EntryPlan | Rejection:
    """What posting `command` at `now_ms` would write, or the first reason to refuse it."""
    try:
        return plan_draft(command, view, draft_entry(command, view), now_ms, place)
    except RejectionError as error:
        return error.rejection


@dataclass(frozen=True, slots=True)
class DraftEntry:
    """An entry whose lines are known, and not yet all of their amounts."""

    entry_type: EntryType | None
    values: ParameterValues
    lines: list[DraftLine]


def draft_entry(
    command: AddLedgerEntry,
    view: LedgerView,
    account_at: AccountAt = postable,
    *,
    is_disabled_fine: bool = False,
) -> DraftEntry:
    """What the type and the parameters make of the command. `account_at` finds its accounts, and
    refuses those that aren't to be posted to. Raises RejectionError.
    """
    entry_type = _entry_type(command, view, is_disabled_fine)
    values = _NO_PARAMETERS
    if entry_type is not None and entry_type.lines is not None:
        if command.lines is not None:
            raise refused("lines_not_allowed", type=entry_type.type)
        values = check_parameters(entry_type, command.parameters, view.path_parameters(entry_type))
        drafts = typed_lines(view, entry_type, values, account_at)
    else:
        if not command.lines:
            detail = "no lines are defined in the Schema" if entry_type else "it has no type"
            raise refused("lines_required", where="entry", detail=detail)
        if entry_type is not None:
            named = view.path_parameters(entry_type)
            values = check_parameters(entry_type, command.parameters, named)
        elif command.parameters:
            name = next(iter(command.parameters))
            raise refused("unknown_parameter", name=name, type="(none)")
        drafts = runtime_lines(view, command, account_at)
    if not drafts:
        detail = "its repeated lines are given no elements"
        raise refused("lines_required", where="entry", detail=detail)
    return DraftEntry(entry_type, values, drafts)


def plan_draft(
    command: AddLedgerEntry, view: LedgerView, draft: DraftEntry, now_ms: int, place: ChainPlace
) -> EntryPlan:
    """What posting the draft would write. Raises RejectionError."""
    entry_type, values, drafts = draft.entry_type, draft.values, draft.lines
    balance_lines(drafts)
    asked = drafts
    drafts = posted_lines(entry_type, asked)
    if len(drafts) > LINES_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_lines", count=len(drafts), max=LINES_PER_ENTRY_MAX)
    conditions = _conditions(command, entry_type, view, values)
    entry = _entry(command, entry_type, view, values, drafts, conditions, now_ms, place.position)
    deltas = strong_deltas(drafts)
    if entry.groups:
        deltas += group_deltas(view, entry, entry.groups)
    if conditions and len(drafts) < len(asked):
        deltas = _with_unposted(deltas, asked, conditions, view)
    item = entry_item(entry, "")
    size = item_bytes(item) + ATTEMPT_BYTES
    if size > ENTRY_BYTES_MAX:
        raise refused("entry_too_large", bytes=size, max=ENTRY_BYTES_MAX)
    return EntryPlan(
        entry=entry,
        item=item,
        item_bytes=size,
        deltas=deltas,
        conditions=_planned_conditions(view, conditions, deltas),
        accounts=_new_accounts(view, drafts, values, now_ms),
        listed=strong_list_items(view, entry, drafts),
        chain=None
        if place.head_before is None
        else place.step(identifiers.entry_id(entry.ledger_id, entry.ik, 1)),
    )


def _entry_type(
    command: AddLedgerEntry, view: LedgerView, is_disabled_fine: bool
) -> EntryType | None:
    if command.type is None:
        if command.type_version is not None:
            raise refused("bad_request", detail="entry.typeVersion goes with entry.type")
        return None
    if view.ledger.schema_key is None:
        detail = "an entry to it can't have a type"
        raise refused("ledger_without_schema", ledger=view.ledger.ik, detail=detail)
    version = 1 if command.type_version is None else command.type_version
    entry_type = view.schema.entry_types.get((command.type, version))
    if entry_type is None:
        raise refused("ledger_entry_type_not_found", type=command.type, version=version)
    if entry_type.status != "active" and not is_disabled_fine:
        raise refused(
            "entry_type_disabled", type=command.type, version=version, status=entry_type.status
        )
    return entry_type


def _entry(
    command: AddLedgerEntry,
    entry_type: EntryType | None,
    view: LedgerView,
    values: ParameterValues,
    drafts: list[DraftLine],
    conditions: tuple[EntryCondition, ...],
    now_ms: int,
    position: int,
) -> LedgerEntry:
    description = command.description
    if description is None and entry_type is not None and entry_type.description is not None:
        description = render_text(
            entry_type.description,
            values.texts,
            DESCRIPTION_CHARS_MAX,
            "description of",
            "the entry",
        )
    ledger = view.ledger
    return LedgerEntry(
        id=identifiers.entry_id(ledger.id, command.ik, position),
        ledger_id=ledger.id,
        workspace_id=ledger.workspace_id,
        ik=command.ik,
        position=position,
        posted_ms=now_ms if command.posted_ms is None else command.posted_ms,
        created_ms=now_ms,
        lines=tuple([_line(index, draft) for index, draft in enumerate(drafts)]),
        type=None if entry_type is None else entry_type.type,
        type_version=None if entry_type is None else entry_type.version,
        description=description,
        tags=_tags(command, entry_type, values),
        groups=_groups(command, entry_type, values),
        conditions=conditions,
        parameters=values.given or None,
    )


def _line(index: int, draft: DraftLine) -> LedgerLine:
    assert draft.amount is not None
    return LedgerLine(
        index,
        draft.account.path,
        draft.account.node.type,
        draft.amount,
        draft.currency,
        draft.key,
        draft.description,
        draft.tags,
        None if draft.matched is None else draft.matched.id,
        None if draft.matched is None else draft.matched.external_id,
    )


def _tags(
    command: AddLedgerEntry, entry_type: EntryType | None, values: ParameterValues
) -> tuple[Tag, ...]:
    """The Schema's tags, then the runtime ones; one key with two values is refused."""
    fixed: tuple[Tag, ...] = ()
    if entry_type is not None and entry_type.tags:
        fixed = render_pairs("tag", entry_type.tags, values.texts, TAG_VALUE_CHARS_MAX)
    if not command.tags:
        return fixed
    merged = dict(fixed)
    for key, value in command.tags:
        if merged.setdefault(key, value) != value:
            raise refused("tag_conflict", key=key, one=merged[key], other=value)
    if len(merged) > TAGS_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_tags", count=len(merged), max=TAGS_PER_ENTRY_MAX)
    return tuple(merged.items())


def _groups(
    command: AddLedgerEntry, entry_type: EntryType | None, values: ParameterValues
) -> tuple[Group, ...]:
    """The Schema's groups, then the runtime ones; a key has one value."""
    fixed: tuple[Group, ...] = ()
    if entry_type is not None and entry_type.groups:
        fixed = render_pairs("group", entry_type.groups, values.texts, GROUP_VALUE_CHARS_MAX)
    if not command.groups:
        return fixed
    merged = dict(fixed)
    for key, value in command.groups:
        if merged.setdefault(key, value) != value:
            raise refused("group_conflict", key=key, one=merged[key], other=value)
    if len(merged) > GROUPS_PER_ENTRY_MAX:
        raise refused("ledger_entry_too_many_groups", count=len(merged), max=GROUPS_PER_ENTRY_MAX)
    return tuple(merged.items())


# --- Conditions -----------------------------------------------------------------------------------
def _conditions(
    command: AddLedgerEntry,
    entry_type: EntryType | None,
    view: LedgerView,
    values: ParameterValues,
) -> tuple[EntryCondition, ...]:
    """The Schema's conditions, then the runtime ones."""
    if (entry_type is None or not entry_type.conditions) and not command.conditions:
        return ()
    found: list[EntryCondition] = []
    for template in () if entry_type is None else entry_type.conditions:
        if template.repeated is None:
            found.append(_typed_condition(view, template, values))
        else:
            for element in values.elements[template.repeated]:
                found.append(_typed_condition(view, template, element))
    for runtime in command.conditions:
        account = resolve_account(view, runtime.account_path)
        currency = line_currency(view, account, runtime.currency, values.texts)
        for condition in runtime.conditions:
            found.append(
                EntryCondition(
                    account.path, currency, condition.when, condition.scope, condition.bounds
                )
            )
    if len(found) > CONDITIONS_PER_ENTRY_MAX:
        raise refused(
            "too_many_items", where="conditions", count=len(found), max=CONDITIONS_PER_ENTRY_MAX
        )
    return tuple(found)


def _typed_condition(
    view: LedgerView, template: ConditionTemplate, values: ParameterValues
) -> EntryCondition:
    account = resolve_account(view, template.path.render(values.texts))
    asked = None
    if template.currency is not None:
        currency = template.currency.constant or template.currency.render(values.texts)
        if isinstance(currency, str):
            raise refused("invalid_currency", where=f"condition on {account.path}", detail=currency)
        asked = currency.key
    bounds = [
        None if expression is None else expression.evaluate(values.amounts)
        for expression in (template.eq, template.gte, template.lte)
    ]
    for bound in bounds:
        if bound is not None and not in_int96(bound):
            raise refused("amount_overflow", where=f"A bound of the condition on {account.path}")
    currency_key = line_currency(view, account, asked, values.texts)
    return EntryCondition(
        account.path, currency_key, template.when, template.scope, Bounds(*bounds)
    )


def _planned_conditions(
    view: LedgerView, conditions: tuple[EntryCondition, ...], deltas: tuple[PlannedDelta, ...]
) -> tuple[PlannedCondition, ...]:
    """Each condition on the strong balance it is about, which the entry itself must move."""
    if not conditions:
        return ()
    moved = {delta.key for delta in deltas}
    planned: list[PlannedCondition] = []
    for condition in conditions:
        path = condition.account_path
        account = resolve_account(view, path)
        consistency = account.node.consistency
        scope = condition.scope
        strong = consistency.own_balance if scope == "own" else consistency.total_balance
        if account.node.linked_account is not None:
            raise refused("invalid_condition", path=path, detail="it is a Linked Ledger Account")
        if not strong:
            setting = "ownBalanceUpdates" if scope == "own" else "totalBalanceUpdates"
            detail = f"consistencyConfig.{setting} of the account must be strong"
            raise refused("invalid_condition", path=path, detail=detail)
        key = BalanceKey(account.id, condition.currency, scope)
        if key not in moved:
            detail = f"no line of the entry posts {condition.currency} to the account"
            raise refused("invalid_condition", path=path, detail=detail)
        low, high = condition_range(condition.bounds)
        planned.append(
            PlannedCondition(key, condition.when == "pre", low, high, path, condition.bounds)
        )
    return tuple(planned)


# --- What is written beside the entry -------------------------------------------------------------
def strong_deltas(drafts: list[DraftLine]) -> tuple[PlannedDelta, ...]:
    """What the lines add to strong balances: own ones, and total ones up to the root."""
    sums: dict[BalanceKey, int] = {}
    below: dict[BalanceKey, int] = {}
    paths: dict[BalanceKey, str] = {}
    for draft in drafts:
        assert draft.amount is not None
        account = draft.account
        if account.node.consistency.own_balance:
            key = BalanceKey(account.id, draft.currency, "own")
            sums[key] = sums.get(key, 0) + draft.amount
            paths[key] = account.path
        for total_id, path in account.totals:
            key = BalanceKey(total_id, draft.currency, "total")
            sums[key] = sums.get(key, 0) + draft.amount
            paths[key] = path
            if total_id != account.id:
                below[key] = below.get(key, 0) + draft.amount
    return _planned_deltas(sums, paths, below)


def group_deltas(
    view: LedgerView, entry: LedgerEntry, groups: Iterable[Group]
) -> tuple[PlannedDelta, ...]:
    """What the lines of `entry` add to the strong balances of `groups`: all of its own when it is
    posted, those that it joins when it is updated.

    Raises RejectionError when a sum leaves Int96.
    """
    accounts = [(resolve_account(view, line.account_path), line) for line in entry.lines]
    if not any(account.node.consistency.groups for account, _ in accounts):
        return ()
    sums: dict[BalanceKey, int] = {}
    paths: dict[BalanceKey, str] = {}
    for key, value in groups:
        identity = identifiers.group_id(entry.ledger_id, key, value)
        for account, line in accounts:
            if key in account.node.consistency.groups:
                place = GroupPlace(identity, account.path)
                at = BalanceKey(account.id, line.currency, "group", place)
                sums[at] = sums.get(at, 0) + line.amount
                paths[at] = account.path
    return _planned_deltas(sums, paths, {})


def _planned_deltas(
    sums: dict[BalanceKey, int], paths: dict[BalanceKey, str], below: dict[BalanceKey, int]
) -> tuple[PlannedDelta, ...]:
    for key, amount in sums.items():
        if not in_int96(amount):
            raise refused("amount_overflow", where=f"The sum of the lines on {paths[key]}")
    return tuple(
        [PlannedDelta(key, amount, paths[key], below.get(key)) for key, amount in sums.items()]
    )


def _with_unposted(
    deltas: tuple[PlannedDelta, ...],
    asked: list[DraftLine],
    conditions: tuple[EntryCondition, ...],
    view: LedgerView,
) -> tuple[PlannedDelta, ...]:
    """The deltas, and one of 0 for each condition on a balance whose lines `postLinesAs` left out:
    it is judged all the same.
    """
    moved = {delta.key for delta in deltas}
    wanted = {
        BalanceKey(resolve_account(view, each.account_path).id, each.currency, each.scope)
        for each in conditions
    }
    unposted = [each for each in strong_deltas(asked) if each.key in wanted - moved]
    assert all(each.amount == 0 for each in unposted), "what is left out adds nothing"
    return (*deltas, *unposted)


def _new_accounts(
    view: LedgerView, drafts: list[DraftLine], values: ParameterValues, now_ms: int
) -> tuple[LedgerAccount, ...]:
    """Template instances on the way to the lines' accounts that aren't known to stand. Those that
    are known aren't written, so no guard would tell what contradicts them: it is refused here.
    """
    found: dict[str, LedgerAccount] = {}
    for draft in drafts:
        for path in draft.account.parameterized:
            refuse_misfit(view, resolve_account(view, path), values.texts)
        instances = draft.account.instances
        if instances and view.known_account(instances[-1][0]) is None:
            for account in instance_accounts(view, draft.account, values.texts, now_ms):
                found[account.id] = account
    return tuple(found.values())


def refuse_misfit(view: LedgerView, account: ResolvedAccount, texts: dict[str, str]) -> None:
    """Refuses `texts` that say another currency, or another link, than an instance that stands
    has. Those that leave it open say nothing. Raises RejectionError.
    """
    known = view.known_account(account.id)
    template = account.node.linked_account
    if known is None or view.ledger.schema_key is None:
        return
    account_currency(view, account, texts)
    if template is None or not all(name in texts for name in template.parameters):
        return
    linked = linked_to(view, account, texts)  # for good, when the instance is made
    assert linked is not None
    if external_account_of(known.workspace_id, linked) != known.external_account_id:
        raise RejectionError(account_misfit(known))


def instance_accounts(
    view: LedgerView, account: ResolvedAccount, texts: dict[str, str], now_ms: int
) -> list[LedgerAccount]:
    """The template instances on the way to `account`, and itself, that aren't known to stand: as
    they would be created now.
    """
    return [
        build_account(view, resolve_account(view, step.path), texts, now_ms)
        for account_id, step in account.instances
        if view.known_account(account_id) is None
    ]


def build_account(
    view: LedgerView, account: ResolvedAccount, texts: dict[str, str], now_ms: int
) -> LedgerAccount:
    """The account as it is created; an instance is filled in with `texts`."""
    node = account.node
    names = node.name.parameters if node.name is not None else ()
    for name in names:
        if name not in texts:
            raise refused("missing_parameter", name=name, where=f"the name of {account.path}")
    parent = account.steps[-2].path if len(account.steps) > 1 else None
    return LedgerAccount(
        id=account.id,
        ledger_id=view.ledger.id,
        workspace_id=view.ledger.workspace_id,
        path=account.path,
        ik=account.path,
        name=node.key
        if node.name is None
        else render_text(node.name, texts, NAME_CHARS_MAX, "name of", account.path),
        type=node.type,
        currency_mode=node.currency_mode,
        currency=account_currency(view, account, texts),
        parent_id=None if parent is None else identifiers.account_id(view.ledger.id, parent),
        parent_path=parent,
        created_ms=now_ms,
        linked=linked_to(view, account, texts),
    )


def linked_to(
    view: LedgerView, account: ResolvedAccount, texts: dict[str, str]
) -> tuple[str | None, str | None] | None:
    """The Link's id and the external id, or no Link and the External Account's own id."""
    template = account.node.linked_account
    if template is None:
        return None
    for name in template.parameters:
        if name not in texts:
            raise refused("missing_parameter", name=name, where=f"the link of {account.path}")
        problem = safe_string_problem(texts[name])
        if problem is not None:
            rule = f"{problem}, because it stands in the link of {account.path}"
            raise refused("invalid_parameter", name=name, rule=rule, value=shown(texts[name]))

    def rendered(part: Template) -> str:
        return render_text(part, texts, NAME_CHARS_MAX, "link of", account.path)

    if template.id is not None:
        return (None, rendered(template.id))
    assert template.external_id is not None
    external_id = rendered(template.external_id)
    if template.link_ik is not None and template.link_id is None:
        ik = rendered(template.link_ik)
        return (identifiers.link_id(view.ledger.workspace_id, ik), external_id)
    assert template.link_id is not None
    return (rendered(template.link_id), external_id)


def strong_list_items(
    view: LedgerView, entry: LedgerEntry, drafts: list[DraftLine]
) -> tuple[Item, ...]:
    """Items of the strong lists that the entry and its lines stand in."""
    found: list[Key] = []
    if view.schema.entries_strong:
        found.append(keys.strong_entry_listed(entry.ledger_id, entry.posted_ms, entry.id))
    for index, draft in enumerate(drafts):
        if draft.account.node.consistency.lines:
            line_id = identifiers.line_id(entry.id, index)
            found.append(keys.strong_line_listed(draft.account.id, entry.posted_ms, line_id))
    return tuple([{"pk": key.pk, "sk": key.sk} for key in found])
