"""Lines of one entry: from the type's templates or from what was given at runtime. Raises
RejectionError."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from shared.errors import RejectionError
from shared.ledger.accounts import EQUATION_SIGN
from shared.ledger.amounts import in_int96
from shared.ledger.entries import Tag
from shared.ledger.links import Tx
from shared.ledger.rejections import reject
from shared.ledger.schemas import EntryType, LineTemplate, PairTemplate, TxTemplate
from shared.ledger.strings import safe_string_problem
from shared.ledger.templates import Template
from shared.limits import DESCRIPTION_CHARS_MAX, TAG_VALUE_CHARS_MAX
from write_service.commands import AddLedgerEntry, TxMatch
from write_service.planning.parameters import ParameterValues, shown
from write_service.planning.view import LedgerView, ResolvedAccount
from write_service.plans import account_misfit


@dataclass(slots=True)
class DraftLine:
    """A line on its way: `amount` None means what its Tx brings, or what balances the entry.

    `matched` is the Tx that `tx` names, once it was found.
    """

    account: ResolvedAccount
    amount: int | None
    currency: str
    key: str | None
    description: str | None
    tags: tuple[Tag, ...]
    tx: TxMatch | None = None
    matched: Tx | None = None


AccountAt = Callable[[LedgerView, str], ResolvedAccount]


def refused(code: str, **values: object) -> RejectionError:
    return RejectionError(reject(code, **values))


def resolve_account(view: LedgerView, path: str) -> ResolvedAccount:
    """The account at `path`."""
    account = view.resolve(path)
    if isinstance(account, str):
        if view.ledger.schema_key is None:
            what = f"at the path {shown(path)}"
            raise refused("ledger_account_not_found", ledger=view.ledger.ik, what=what)
        raise refused("invalid_account_path", path=shown(path), detail=account)
    return account


def postable(view: LedgerView, path: str) -> ResolvedAccount:
    """The account at `path`, if addLedgerEntry may post to it."""
    account = resolve_account(view, path)
    if account.node.linked_account is not None:
        raise refused("linked_account_needs_reconcile_tx", path=path)
    return _enabled(account)


def reconcilable(view: LedgerView, path: str) -> ResolvedAccount:
    """The account at `path`, if reconcileTx may post to it."""
    return _enabled(resolve_account(view, path))


def _enabled(account: ResolvedAccount) -> ResolvedAccount:
    path = account.path
    if account.node.status != "active":
        raise refused("ledger_account_disabled", path=path, status=account.node.status)
    return account


def account_currency(
    view: LedgerView, account: ResolvedAccount, texts: Mapping[str, str]
) -> str | None:
    """Key of the account's only currency, or None when it is multi-currency.

    A template's new instance gets it from the parameters. One that stands keeps its own: they may
    be left out then, and say nothing else if they are given.
    """
    template = account.node.currency
    if account.node.currency_mode == "multi" or template is None:
        return None
    if template.constant is not None:
        return template.constant.key
    known = view.known_account(account.id)
    if known is not None and not all(name in texts for name in template.parameters):
        return known.currency
    for name in template.parameters:
        if name not in texts:
            raise refused("missing_parameter", name=name, where=f"the currency of {account.path}")
    currency = template.render(texts)
    if isinstance(currency, str):
        raise refused("invalid_currency", where=account.path, detail=currency)
    if known is not None and known.currency != currency.key:
        raise RejectionError(account_misfit(known))
    return currency.key


def line_currency(
    view: LedgerView, account: ResolvedAccount, asked: str | None, texts: Mapping[str, str]
) -> str:
    """The line's currency: the account's, which a given one must equal."""
    own = account_currency(view, account, texts)
    if own is None:
        if asked is None:
            raise refused("missing_currency", where=account.path)
        return asked
    if asked is not None and asked != own:
        detail = f"the account holds {own}, the line is in {asked}"
        raise refused("invalid_currency", where=account.path, detail=detail)
    return own


def render_pairs(
    kind: str, pairs: Iterable[PairTemplate], texts: Mapping[str, str], chars_max: int
) -> tuple[tuple[str, str], ...]:
    """Tags or groups of the Schema with their values filled in: SafeStrings."""
    rendered = []
    for key, template in pairs:
        value = template.render(texts)
        problem = safe_string_problem(value, chars_max)
        if problem is not None:
            raise refused(
                "invalid_string",
                where=f"the value of the {kind} {key}",
                rule=problem,
                value=shown(value),
            )
        rendered.append((key, value))
    return tuple(rendered)


def render_text(
    template: Template, texts: Mapping[str, str], chars_max: int, what: str, of: str
) -> str:
    """A name or a description with its parameters filled in. They and the template are free of
    control characters; how long it becomes shows only now.
    """
    text = template.render(texts)
    if len(text) > chars_max:
        rule, value = f"at most {chars_max} characters", f"{len(text)} characters"
        raise refused("invalid_string", where=f"the {what} {of}", rule=rule, value=value)
    return text


def typed_lines(
    view: LedgerView, entry_type: EntryType, values: ParameterValues, account_at: AccountAt
) -> list[DraftLine]:
    """The type's lines, filled in; a repeated one once for each element."""
    assert entry_type.lines is not None
    drafts: list[DraftLine] = []
    for template in entry_type.lines:
        if template.repeated is None:
            drafts.append(_typed_line(view, template, values, account_at))
        else:
            for element in values.elements[template.repeated]:
                drafts.append(_typed_line(view, template, element, account_at))
    return drafts


def _typed_line(
    view: LedgerView, template: LineTemplate, values: ParameterValues, account_at: AccountAt
) -> DraftLine:
    account = account_at(view, template.path.render(values.texts))
    asked = None
    if template.currency is not None:
        currency = template.currency.constant or template.currency.render(values.texts)
        if isinstance(currency, str):
            raise refused("invalid_currency", where=f"line {template.key}", detail=currency)
        asked = currency.key
    amount = None
    if template.amount is not None:
        amount = template.amount.evaluate(values.amounts)
    description = template.description
    return DraftLine(
        account=account,
        amount=amount,
        currency=line_currency(view, account, asked, values.texts),
        key=template.key,
        description=None
        if description is None
        else render_text(
            description,
            values.texts,
            DESCRIPTION_CHARS_MAX,
            "description of the line",
            template.key,
        ),
        tags=render_pairs("tag", template.tags, values.texts, TAG_VALUE_CHARS_MAX)
        if template.tags
        else (),
        tx=None if template.tx is None else _tx_match(template.tx, values.texts),
    )


def _tx_match(template: TxTemplate, texts: Mapping[str, str]) -> TxMatch:
    return TxMatch(
        id=None if template.id is None else template.id.render(texts),
        external_id=None if template.external_id is None else template.external_id.render(texts),
    )


def runtime_lines(
    view: LedgerView, command: AddLedgerEntry, account_at: AccountAt
) -> list[DraftLine]:
    """The lines that came with the request."""
    assert command.lines is not None
    texts = {name: value for name, value in command.parameters.items() if isinstance(value, str)}
    drafts: list[DraftLine] = []
    keys: set[str] = set()
    for place, line in enumerate(command.lines):
        account = account_at(view, line.account_path)
        if line.tx is not None and account.node.linked_account is None:
            raise refused("tx_not_allowed", line=f"lines[{place}]", path=account.path)
        if line.tx is None and account.node.linked_account is not None:
            raise refused("tx_required", path=account.path)
        if line.amount is None and line.tx is None:
            raise refused("missing_amount", line=f"lines[{place}]")
        if line.key is not None:
            if line.key in keys:
                raise refused("duplicate_line_key", key=line.key)
            keys.add(line.key)
        drafts.append(
            DraftLine(
                account=account,
                amount=line.amount,
                currency=line_currency(view, account, line.currency, texts),
                key=line.key,
                description=line.description,
                tags=line.tags,
                tx=line.tx,
            )
        )
    return drafts


def balance_lines(drafts: list[DraftLine]) -> None:
    """Fills in the line without an amount, then checks the accounting equation per currency."""
    open_lines = [draft for draft in drafts if draft.amount is None]
    if len(open_lines) > 1:
        raise refused("missing_amount", line=open_lines[1].key)
    sums: dict[str, int] = {}
    for draft in drafts:
        if draft.amount is not None:
            if not in_int96(draft.amount):
                raise refused(
                    "amount_overflow", where=f"The amount of the line on {draft.account.path}"
                )
            signed = EQUATION_SIGN[draft.account.node.type] * draft.amount
            sums[draft.currency] = sums.get(draft.currency, 0) + signed
    for draft in open_lines:
        missing = -sums.get(draft.currency, 0) * EQUATION_SIGN[draft.account.node.type]
        if not in_int96(missing):
            raise refused(
                "amount_overflow", where=f"The amount of the line on {draft.account.path}"
            )
        draft.amount = missing
        sums[draft.currency] = 0
    for currency in sorted(sums):
        if sums[currency]:
            difference = f"assets - liabilities - (income - expenses) is {sums[currency]}, not 0."
            detail = f"in {currency}, {difference}"
            raise refused("invalid_entry_balance", detail=detail)


def posted_lines(entry_type: EntryType | None, drafts: list[DraftLine]) -> list[DraftLine]:
    """The lines as the type's `postLinesAs` wants them; if all are zero none is dropped. One that
    accounts for a Tx stays as it is.
    """
    mode = "raw_lines" if entry_type is None else entry_type.post_lines_as
    if mode == "raw_lines":
        return drafts
    if mode == "net_amounts":
        drafts = _netted(drafts)
    kept = [draft for draft in drafts if draft.amount or draft.tx]
    return kept or drafts


def _netted(drafts: list[DraftLine]) -> list[DraftLine]:
    """One line for each account and currency; it keeps what the first of its lines said."""
    by_account: dict[tuple[str, str, str], DraftLine] = {}
    for draft in drafts:
        matched = "" if draft.matched is None else draft.matched.id
        key = (draft.account.path, draft.currency, matched)
        held = by_account.get(key)
        if held is None:
            by_account[key] = replace(draft)
        else:
            assert held.amount is not None
            assert draft.amount is not None
            held.amount += draft.amount
    for (path, _, _), netted in by_account.items():
        assert netted.amount is not None
        if not in_int96(netted.amount):
            raise refused("amount_overflow", where=f"The sum of the lines on {path}")
    return list(by_account.values())
