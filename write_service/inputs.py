"""Pydantic mirrors of the GraphQL inputs that mutations take, and their way into commands.

GraphQL has coerced the scalars already: amounts are integers of minor units, instants are
milliseconds since the epoch, SafeStrings are safe. What is checked here is what GraphQL's types
can't say: lengths, which members go together. A check that fails raises RejectionError with the
member's path in the request.
"""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import RejectionError
from shared.ledger.currencies import Currency
from shared.ledger.entries import Bounds, EntryCondition, Group, Tag
from shared.ledger.rejections import reject
from shared.ledger.strings import text_problem
from shared.limits import (
    CONDITIONS_PER_ENTRY_MAX,
    DESCRIPTION_CHARS_MAX,
    GROUP_KEY_CHARS_MAX,
    GROUP_VALUE_CHARS_MAX,
    IK_CHARS_MAX,
    LINES_PER_ENTRY_MAX,
    TAG_KEY_CHARS_MAX,
    TAG_VALUE_CHARS_MAX,
    TAGS_PER_LINE_MAX,
    UPDATE_LABELS_MAX,
)
from write_service.commands import (
    AddLedgerEntry,
    EntryMatch,
    LedgerMatch,
    LineUpdate,
    RuntimeCondition,
    RuntimeLine,
    TxMatch,
    UpdateLedgerEntry,
)

_SHOWN_CHARS_MAX = 60


class Input(BaseModel):
    """What all mirrors share: frozen, no unknown member, camelCase names as the API writes them."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LedgerMatchInput(Input):
    id: str | None = None
    ik: str | None = None


class CurrencyMatchInput(Input):
    code: str
    customCurrencyId: str | None = None  # noqa: N815


class LedgerAccountMatchInput(Input):
    id: str | None = None
    ledger: LedgerMatchInput | None = None
    path: str | None = None


class TagInput(Input):
    key: str
    value: str


class TxMatchInput(Input):
    accountId: str | None = None  # noqa: N815
    externalAccountId: str | None = None  # noqa: N815
    externalId: str | None = None  # noqa: N815
    id: str | None = None
    linkId: str | None = None  # noqa: N815


class LedgerLineInput(Input):
    account: LedgerAccountMatchInput
    amount: int | None = None
    currency: CurrencyMatchInput | None = None
    description: str | None = None
    key: str | None = None
    tags: list[TagInput] = Field(default_factory=list)
    tx: TxMatchInput | None = None


class Int96ConditionInput(Input):
    eq: int | None = None
    gte: int | None = None
    lte: int | None = None


class AccountConditionInput(Input):
    ownBalance: Int96ConditionInput | None = None  # noqa: N815
    totalBalance: Int96ConditionInput | None = None  # noqa: N815


class LedgerEntryConditionInput(Input):
    account: LedgerAccountMatchInput
    currency: CurrencyMatchInput | None = None
    postcondition: AccountConditionInput | None = None
    precondition: AccountConditionInput | None = None


class LedgerEntryInput(Input):
    conditions: list[LedgerEntryConditionInput] = Field(default_factory=list)
    description: str | None = None
    groups: list[TagInput] = Field(default_factory=list)
    ledger: LedgerMatchInput | None = None
    lines: list[LedgerLineInput] | None = None
    parameters: Any = None
    posted: int | None = None
    tags: list[TagInput] = Field(default_factory=list)
    type: str | None = None
    typeVersion: int | None = None  # noqa: N815


class LedgerEntryMatchInput(Input):
    id: str | None = None
    ik: str | None = None
    ledger: LedgerMatchInput | None = None


class LedgerLineMatchInput(Input):
    id: str


class UpdateLedgerLineInput(Input):
    ledgerLine: LedgerLineMatchInput  # noqa: N815
    tags: list[TagInput] = Field(default_factory=list)
    tagsToRemove: list[TagInput] = Field(default_factory=list)  # noqa: N815


class UpdateLedgerEntryInput(Input):
    groups: list[TagInput] = Field(default_factory=list)
    ledgerLines: list[UpdateLedgerLineInput] = Field(default_factory=list)  # noqa: N815
    tags: list[TagInput] = Field(default_factory=list)
    tagsToRemove: list[TagInput] = Field(default_factory=list)  # noqa: N815


def refuse(code: str, **values: object) -> RejectionError:
    """The exception that carries one refusal; raise it."""
    return RejectionError(reject(code, **values))


def check_chars(where: str, text: str | None, chars_max: int, *, empty: bool = False) -> None:
    """Refuses text that is too long, has control characters or, unless `empty`, is empty."""
    if text is None:
        return
    rule = text_problem(text, chars_max, 0 if empty else 1)
    if rule is not None:
        value = repr(text) if 0 < len(text) <= _SHOWN_CHARS_MAX else f"{len(text)} characters"
        raise refuse("invalid_string", where=where, rule=rule, value=value)


def check_count(where: str, count: int, count_max: int) -> None:
    """Refuses a list that is too long."""
    if count > count_max:
        raise refuse("too_many_items", where=where, count=count, max=count_max)


def check_ik(where: str, ik: str) -> None:
    """An ik has 1 to IK_CHARS_MAX characters."""
    check_chars(where, ik, IK_CHARS_MAX)


def pairs(
    where: str, inputs: Iterable[TagInput], key_max: int, value_max: int
) -> tuple[tuple[str, str], ...]:
    """Tags or groups as key and value, lengths checked."""
    checked = []
    for place, pair in enumerate(inputs):
        check_chars(f"{where}[{place}].key", pair.key, key_max)
        check_chars(f"{where}[{place}].value", pair.value, value_max)
        checked.append((pair.key, pair.value))
    return tuple(checked)


def tags(where: str, inputs: Iterable[TagInput]) -> tuple[Tag, ...]:
    return pairs(where, inputs, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX)


def groups(where: str, inputs: Iterable[TagInput]) -> tuple[Group, ...]:
    return pairs(where, inputs, GROUP_KEY_CHARS_MAX, GROUP_VALUE_CHARS_MAX)


def currency_key(currency: CurrencyMatchInput | None) -> str | None:
    """The currency's key; CUSTOM needs its id, and no other code may have one."""
    if currency is None:
        return None
    if (currency.code == "CUSTOM") != (currency.customCurrencyId is not None):
        detail = "customCurrencyId goes with the code CUSTOM, and only with it"
        raise refuse("invalid_currency", where="currency", detail=detail)
    return Currency(currency.code, currency.customCurrencyId).key


def ledger_match(where: str, ledger: LedgerMatchInput | None) -> LedgerMatch | None:
    """None when nothing was given; refuses an empty match."""
    if ledger is None:
        return None
    if ledger.id is None and ledger.ik is None:
        raise refuse("invalid_match", where=where, rule="a Ledger, by id or ik")
    return LedgerMatch(ledger.id, ledger.ik)


def account_path(where: str, account: LedgerAccountMatchInput) -> str:
    """The path that a line or condition names (ids are turned into paths before)."""
    if account.path is None:
        raise refuse("invalid_match", where=where, rule="a Ledger Account, by path or id")
    return account.path


def _line(where: str, line: LedgerLineInput) -> RuntimeLine:
    check_chars(f"{where}.description", line.description, DESCRIPTION_CHARS_MAX, empty=True)
    check_chars(f"{where}.key", line.key, TAG_KEY_CHARS_MAX)
    check_count(f"{where}.tags", len(line.tags), TAGS_PER_LINE_MAX)
    return RuntimeLine(
        account_path=account_path(f"{where}.account", line.account),
        amount=line.amount,
        currency=currency_key(line.currency),
        key=line.key,
        description=line.description,
        tags=tags(f"{where}.tags", line.tags),
        tx=None if line.tx is None else _tx_match(f"{where}.tx", line.tx),
    )


def _tx_match(where: str, tx: TxMatchInput) -> TxMatch:
    """The line's account says the External Account, so an external id is enough."""
    if tx.id is None and tx.externalId is None:
        raise refuse("invalid_match", where=where, rule="a Tx, by id or externalId")
    return TxMatch(tx.id, tx.externalId, tx.accountId, tx.externalAccountId, tx.linkId)


def _condition(where: str, condition: LedgerEntryConditionInput) -> RuntimeCondition:
    path = account_path(f"{where}.account", condition.account)
    currency = currency_key(condition.currency)
    found: list[EntryCondition] = []
    sides: tuple[tuple[Literal["pre", "post"], AccountConditionInput | None], ...]
    sides = (("pre", condition.precondition), ("post", condition.postcondition))
    for when, side in sides:
        if side is None:
            continue
        scopes: tuple[tuple[Literal["own", "total"], Int96ConditionInput | None], ...]
        scopes = (("own", side.ownBalance), ("total", side.totalBalance))
        for scope, bounds in scopes:
            if bounds is None:
                continue
            place = f"{where}.{when}condition.{scope}Balance"
            if bounds.eq is None and bounds.gte is None and bounds.lte is None:
                raise refuse("invalid_condition", path=path, detail=f"{place} holds no bound")
            if bounds.eq is not None and (bounds.gte is not None or bounds.lte is not None):
                detail = f"{place} has eq beside gte or lte; eq excludes them"
                raise refuse("invalid_condition", path=path, detail=detail)
            limits = Bounds(bounds.eq, bounds.gte, bounds.lte)
            found.append(EntryCondition(path, currency or "", when, scope, limits))
    if not found:
        detail = "it needs a precondition or a postcondition with a balance"
        raise refuse("invalid_condition", path=path, detail=detail)
    return RuntimeCondition(path, currency, tuple(found))


def add_ledger_entry(
    workspace_id: str, ik: str | None, entry: LedgerEntryInput, where: str = "entry"
) -> AddLedgerEntry:
    """The command of one `addLedgerEntry`, or of one element of `addLedgerEntries`; without an ik
    that of a `reconcileTx`, which has ik and posted from its Txs.
    """
    if ik is not None:
        check_ik("ik", ik)
    elif entry.posted is not None:
        detail = f"{where}.posted can't be given with reconcileTx: it is the Tx's"
        raise refuse("bad_request", detail=detail)
    check_chars(f"{where}.description", entry.description, DESCRIPTION_CHARS_MAX, empty=True)
    parameters = {} if entry.parameters is None else entry.parameters
    if not isinstance(parameters, dict):
        detail = f"{where}.parameters must be an object of names and values"
        raise refuse("bad_request", detail=detail)
    lines = None
    if entry.lines is not None:
        if len(entry.lines) > LINES_PER_ENTRY_MAX:
            raise refuse(
                "ledger_entry_too_many_lines", count=len(entry.lines), max=LINES_PER_ENTRY_MAX
            )
        lines = tuple([_line(f"{where}.lines[{at}]", line) for at, line in enumerate(entry.lines)])
    check_count(f"{where}.conditions", len(entry.conditions), CONDITIONS_PER_ENTRY_MAX)
    return AddLedgerEntry(
        workspace_id=workspace_id,
        ik=ik or "",
        ledger=ledger_match(f"{where}.ledger", entry.ledger),
        type=entry.type,
        type_version=entry.typeVersion,
        parameters=parameters,
        posted_ms=entry.posted,
        description=entry.description,
        lines=lines,
        tags=tags(f"{where}.tags", entry.tags),
        groups=groups(f"{where}.groups", entry.groups),
        conditions=tuple(
            [
                _condition(f"{where}.conditions[{at}]", each)
                for at, each in enumerate(entry.conditions)
            ]
        ),
    )


def entry_match(where: str, entry: LedgerEntryMatchInput) -> EntryMatch:
    """Refuses a match that names nothing, or an ik without its Ledger."""
    if entry.id is None and (entry.ik is None or entry.ledger is None):
        raise refuse("invalid_match", where=where, rule="a Ledger Entry, by id or by ik and ledger")
    return EntryMatch(entry.id, entry.ik, ledger_match(f"{where}.ledger", entry.ledger))


def update_ledger_entry(
    workspace_id: str, match: LedgerEntryMatchInput, update: UpdateLedgerEntryInput
) -> UpdateLedgerEntry:
    """The command of one `updateLedgerEntry`."""
    check_count("update.ledgerLines", len(update.ledgerLines), LINES_PER_ENTRY_MAX)
    lines = []
    for place, line in enumerate(update.ledgerLines):
        where = f"update.ledgerLines[{place}]"
        lines.append(
            LineUpdate(
                line.ledgerLine.id,
                _labels(f"{where}.tags", line.tags),
                _labels(f"{where}.tagsToRemove", line.tagsToRemove),
            )
        )
    check_count("update.groups", len(update.groups), UPDATE_LABELS_MAX)
    return UpdateLedgerEntry(
        workspace_id=workspace_id,
        entry=entry_match("ledgerEntry", match),
        tags=_labels("update.tags", update.tags),
        tags_to_remove=_labels("update.tagsToRemove", update.tagsToRemove),
        groups=groups("update.groups", update.groups),
        lines=tuple(lines),
    )


def _labels(where: str, inputs: list[TagInput]) -> tuple[Tag, ...]:
    check_count(where, len(inputs), UPDATE_LABELS_MAX)
    return tags(where, inputs)
