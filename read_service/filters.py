"""Filter sets of lists -> clauses of a search, or the reason why the filter can't be used. Pure.

Every member of a filter set, and every operator inside a member, narrows the list further (AND);
lists inside an operator widen it (OR), except `all`. A null counts as absent. What an absent
value means: an entry without a type is no `type.equalTo` and every `type.notEqualTo`.

Scalars are read already: a DateTime is milliseconds, a Date a day since the epoch, a PeriodFilter
a Period.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import RejectionError
from shared.ledger.chart import parse_path_pattern, pattern_of
from shared.ledger.currencies import make_currency
from shared.ledger.identifiers import account_id, external_account_id
from shared.ledger.ledgers import Ledger
from shared.ledger.periods import DAY_MS
from shared.ledger.rejections import Rejection, reject
from shared.limits import FILTER_ALL_MAX, FILTER_LIST_MAX
from shared.search.clauses import (
    NUL,
    AllOf,
    AnyOf,
    Clause,
    Contains,
    Not,
    Range,
    Term,
    Terms,
    pair_term,
)
from shared.search.documents import (
    CHILD,
    HIDDEN,
    LINKED,
    PENDING,
    REVERSAL,
    REVERSED,
    instance_terms,
    linked_term,
)

FilterSet = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListFilter:
    """What of a list is wanted.

    `account_id` is set when a ledger's lines are narrowed to one account: if it is the ledger's,
    the account's own list of lines is the same, and cheaper to read.
    """

    clauses: tuple[Clause, ...]
    account_id: str | None = None
    balance: "BalanceFilter | None" = None


@dataclass(frozen=True, slots=True)
class BalanceFilter:
    """Which balances of a group are wanted. `path` is set when they are narrowed to one account."""

    clauses: tuple[Clause, ...]
    path: str | None = None


def entries_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerEntriesFilterSet on any list of entries of `ledger`."""
    return _collected(_entries, filter_set, ledger)


def ledger_lines_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerLinesFilterSet on Ledger.lines, where it has to name accounts."""
    return _collected(_ledger_lines, filter_set, ledger)


def account_lines_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerLinesFilterSet on LedgerAccount.lines, where it can't name accounts."""
    return _collected(_account_lines, filter_set, ledger)


def accounts_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerAccountsFilterSet on any list of accounts of `ledger`."""
    return _collected(_accounts, filter_set, ledger)


def unreconciled_filter(filter_set: FilterSet | None, account: str) -> tuple[Clause, ...]:
    """A LedgerAccountUnreconciledTxsFilterSet on the Txs that the account of this id lacks.

    Raises RejectionError.
    """
    bounds = _given(_given(filter_set).get("posted"))
    after, before = bounds.get("after"), bounds.get("before")
    if after is not None and before is not None and before <= after:
        detail = "before must be later than after"
        raise RejectionError(reject("invalid_filter", where="filter.posted", detail=detail))
    lacking = Not(Term("reconciled", account))
    return (lacking, Range("posted", after, before)) if bounds else (lacking,)


# --- What a list's owner adds to its filter -------------------------------------------------------
def in_group(key: str, value: str) -> Clause:
    """Entries of a group."""
    return Term("groups", pair_term(key, value))


def clearing_only(patterns: Sequence[str]) -> Clause:
    """Clearing accounts: instances of the nodes of these patterns."""
    return Terms("pattern", tuple(patterns))


def touching_account(account: str) -> Clause:
    """Entries that have a line on the account of this id."""
    return Term("accounts", account)


def children_of(account: str) -> Clause:
    """Accounts right below the account of this id."""
    return Term("parent", account)


# --- The filter sets ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Member:
    """One member of a filter set, with what is needed to say where something is wrong."""

    name: str
    value: Any
    ledger: Ledger

    def refuse(self, detail: str) -> RejectionError:
        return RejectionError(reject("invalid_filter", where=f"filter.{self.name}", detail=detail))


_Reader = Callable[[_Member], list[Clause]]


def _collected(
    read: Callable[[FilterSet, Ledger], ListFilter], filter_set: FilterSet | None, ledger: Ledger
) -> ListFilter | Rejection:
    """Runs `read`; the first thing wrong ends it."""
    try:
        return read(_given(filter_set), ledger)
    except RejectionError as error:
        return error.rejection


def _given(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """The members that are there."""
    return {name: each for name, each in (value or {}).items() if each is not None}


def _read(given: FilterSet, readers: Mapping[str, _Reader], ledger: Ledger) -> list[Clause]:
    clauses: list[Clause] = []
    for name, value in given.items():
        clauses.extend(readers[name](_Member(name, value, ledger)))
    return clauses


def _visibility(given: FilterSet) -> list[Clause]:
    """Reversed and reversing entries are left out unless the filter asks for them."""
    asked = given.get("showHidden") or given.get("isReversal") or given.get("isReversed")
    return [] if asked else [Not(Term("flags", HIDDEN))]


def _entries(given: FilterSet, ledger: Ledger) -> ListFilter:
    clauses = _read(given, _ENTRY_MEMBERS, ledger)
    return ListFilter((*clauses, *_visibility(given)))


def _ledger_lines(given: FilterSet, ledger: Ledger) -> ListFilter:
    where = "filter"
    if "externalTxIds" in given:
        detail = "externalTxIds works on LedgerAccount.lines only"
        raise RejectionError(reject("invalid_filter", where=where, detail=detail))
    named = [name for name in ("ledgerAccount", "path") if _given(given.get(name))]
    if len(named) != 1:
        detail = "Ledger.lines needs ledgerAccount or path, and not both"
        raise RejectionError(reject("invalid_filter", where=where, detail=detail))
    clauses = _read(given, _LINE_MEMBERS, ledger)
    return ListFilter((*clauses, *_visibility(given)), _only_account(given, ledger))


def _only_account(given: FilterSet, ledger: Ledger) -> str | None:
    """The account's id, when exactly one is named; it may be another ledger's."""
    account = _given(given.get("ledgerAccount"))
    if account.keys() == {"equalTo"}:
        ids = _account_ids(_Member("ledgerAccount", None, ledger), [account["equalTo"]])
        return ids[0] if ids else None
    path = _given(given.get("path"))
    if path.keys() == {"equalTo"}:
        return account_id(ledger.id, path["equalTo"])
    return None


def _account_lines(given: FilterSet, ledger: Ledger) -> ListFilter:
    for name in ("ledgerAccount", "path"):
        if name in given:
            raise _Member(name, None, ledger).refuse(
                "LedgerAccount.lines is of one account already"
            )
    clauses = _read(given, _LINE_MEMBERS, ledger)
    return ListFilter((*clauses, *_visibility(given)))


def _accounts(given: FilterSet, ledger: Ledger) -> ListFilter:
    if not _given(given.get("clearingStatus")):
        for name in _WINDOW_MEMBERS & given.keys():
            raise _Member(name, None, ledger).refuse("it needs clearingStatus in the same filter")
    return ListFilter(tuple(_read(given, _ACCOUNT_MEMBERS, ledger)))


# --- Members --------------------------------------------------------------------------------------
def _text(member: _Member, text: str) -> str:
    """Text that documents can hold: NUL separates in keywords, a lone surrogate is no character."""
    if NUL in text or (not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise member.refuse("a text holds a character that no value can have")
    return text


def _bounded(member: _Member, operator: str, values: Sequence[Any], limit: int) -> Sequence[Any]:
    """The values, if there aren't too many; `operator` is empty where the member itself is the
    list.
    """
    if len(values) > limit:
        where = ".".join(each for each in ("filter", member.name, operator) if each)
        raise RejectionError(reject("too_many_items", where=where, count=len(values), max=limit))
    return values


def _texts(member: _Member, operator: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple([_text(member, v) for v in _bounded(member, operator, values, FILTER_LIST_MAX)])


def _string_filter(field: str) -> _Reader:
    """StringFilter, and the filters of enums, which have some of its operators."""

    def read(member: _Member) -> list[Clause]:
        clauses: list[Clause] = []
        for operator, value in _given(member.value).items():
            match operator:
                case "equalTo":
                    clauses.append(Term(field, _text(member, value)))
                case "in":
                    clauses.append(Terms(field, _texts(member, operator, value)))
                case "notEqualTo":
                    clauses.append(Not(Term(field, _text(member, value))))
                case "notIn":
                    clauses.append(Not(Terms(field, _texts(member, operator, value))))
        return clauses

    return read


def _type_version(member: _Member) -> list[Clause]:
    """typeVersion: a StringFilter on a number, so `"01"` is 1 and `"x"` is refused."""
    given: dict[str, Any] = {}
    for operator, value in _given(member.value).items():
        values = (
            [value]
            if isinstance(value, str)
            else _bounded(member, operator, value, FILTER_LIST_MAX)
        )
        for text in values:
            if not text.isascii() or not text.isdigit() or len(text) > 10:
                raise member.refuse(
                    f"{text[:40]!r} is not a version, a whole number of at most 10 digits"
                )
        numbers = tuple([int(text) for text in values])
        given[operator] = Terms("type_version", numbers)
    return [Not(c) if operator.startswith("not") else c for operator, c in given.items()]


def _flag(flag: str) -> _Reader:
    def read(member: _Member) -> list[Clause]:
        clause = Term("flags", flag)
        return [clause if member.value else Not(clause)]

    return read


def _clearing_status(member: _Member) -> list[Clause]:
    """LedgerAccountClearingStatusFilter: the list itself is narrowed to clearing accounts."""
    pending = Term("flags", PENDING)
    statuses = _given(member.value).values()
    return [pending if status == "pending" else Not(pending) for status in statuses]


def _nothing_more(_: _Member) -> list[Clause]:
    return []  # showHidden: _visibility reads it


def _datetime_filter(field: str) -> _Reader:
    """DateTimeFilter: both bounds inclusive."""

    def read(member: _Member) -> list[Clause]:
        given = _given(member.value)
        return [Range(field, given.get("after"), given.get("before"))] if given else []

    return read


def _date_filter(member: _Member) -> list[Clause]:
    """DateFilter: days and periods as ranges of `posted`."""
    given = _given(member.value)
    if "within" in given and "withinBalanceUTCOffset" in given:
        raise member.refuse("give within or withinBalanceUTCOffset, not both")
    clauses: list[Clause] = []
    for operator, value in given.items():
        match operator:
            case "equalTo":
                clauses.append(_day(value))
            case "in":
                days = _bounded(member, operator, value, FILTER_LIST_MAX)
                clauses.append(AnyOf(tuple([_day(day) for day in days])))
            case "within":
                clauses.append(Range("posted", *value.instants(0)))
            case "withinBalanceUTCOffset":
                clauses.append(Range("posted", *value.instants(member.ledger.utc_offset_minutes)))
    return clauses


def _day(day: int) -> Clause:
    return Range("posted", day * DAY_MS, (day + 1) * DAY_MS - 1)


def _pair_filter(field: str) -> _Reader:
    """TagFilter and GroupFilter."""

    def term(member: _Member, pair: Mapping[str, str]) -> str:
        return pair_term(_text(member, pair["key"]), _text(member, pair["value"]))

    def terms(
        member: _Member, operator: str, pairs: Sequence[Mapping[str, str]]
    ) -> tuple[str, ...]:
        return tuple([term(member, p) for p in _bounded(member, operator, pairs, FILTER_LIST_MAX)])

    def read(member: _Member) -> list[Clause]:
        clauses: list[Clause] = []
        for operator, value in _given(member.value).items():
            match operator:
                case "equalTo":
                    clauses.append(Term(field, term(member, value)))
                case "in":
                    clauses.append(Terms(field, terms(member, operator, value)))
                case "all":
                    pairs = _bounded(member, operator, value, FILTER_ALL_MAX)
                    clauses.extend([Term(field, term(member, pair)) for pair in pairs])
                case "contains":
                    prefix = pair_term(_text(member, value["key"]), "")
                    clauses.append(Contains(field, prefix, _text(member, value["value"])))
                case "keyEqualTo":
                    clauses.append(Term(field, _text(member, value)))
                case "keyIn":
                    clauses.append(Terms(field, _texts(member, operator, value)))
                case "notEqualTo":
                    clauses.append(Not(Term(field, term(member, value))))
                case "notIn":
                    clauses.append(Not(Terms(field, terms(member, operator, value))))
                case "notKeyEqualTo":
                    clauses.append(Not(Term(field, _text(member, value))))
                case "notKeyIn":
                    clauses.append(Not(Terms(field, _texts(member, operator, value))))
                case "not":
                    keys = _given(value).get("keyIn")
                    if keys is not None:
                        clauses.append(Not(Terms(field, _texts(member, "not.keyIn", keys))))
        return clauses

    return read


def _currency_filter(member: _Member) -> list[Clause]:
    clauses: list[Clause] = []
    for operator, value in _given(member.value).items():
        matches = [value] if operator == "equalTo" else value
        keys = []
        for match in _bounded(member, operator, matches, FILTER_LIST_MAX):
            currency = make_currency(match["code"], match.get("customCurrencyId"))
            if isinstance(currency, str):
                raise member.refuse(currency)
            keys.append(currency.key)
        clauses.append(Terms("currency", tuple(keys)))
    return clauses


# --- What is named by a match input ---------------------------------------------------------------
def _same_ledger(member: _Member, match: Mapping[str, Any]) -> None:
    """A match input may repeat the list's Ledger; it can't name another."""
    ledger = _given(match.get("ledger"))
    if ledger.get("id", member.ledger.id) != member.ledger.id:
        raise member.refuse("it names another Ledger than the list's")
    if ledger.get("ik", member.ledger.ik) != member.ledger.ik:
        raise member.refuse("it names another Ledger than the list's")


def _account_ids(member: _Member, matches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the accounts named; an id and a path that disagree name none."""
    ids = []
    for match in matches:
        given = _given(match)
        _same_ledger(member, given)
        path = given.get("path")
        derived = None if path is None else account_id(member.ledger.id, _text(member, path))
        named = given.get("id", derived)
        if named is None:
            raise member.refuse("a Ledger Account is named by its id or its path")
        if derived is None or named == derived:
            ids.append(_text(member, named))
    return ids


def _account_filter(field: str) -> _Reader:
    """LedgerAccountFilter: accounts by id or path."""

    def read(member: _Member) -> list[Clause]:
        clauses: list[Clause] = []
        for operator, value in _given(member.value).items():
            matches = [value] if operator == "equalTo" else value
            bounded = _bounded(member, operator, matches, FILTER_LIST_MAX)
            clauses.append(Terms(field, tuple(_account_ids(member, bounded))))
        return clauses

    return read


def _entry_filter(member: _Member) -> list[Clause]:
    """LedgerEntryFilter: entries by id, or by ik (all positions of its reversal chain)."""
    clauses: list[Clause] = []
    for operator, value in _given(member.value).items():
        matches = [value] if operator == "equalTo" else value
        ids, iks, both = [], [], []
        for match in _bounded(member, operator, matches, FILTER_LIST_MAX):
            given = _given(match)
            _same_ledger(member, given)
            named = {name: _text(member, given[name]) for name in ("id", "ik") if name in given}
            if not named:
                raise member.refuse("a Ledger Entry is named by its id or its ik")
            if len(named) == 2:
                both.append(AllOf((Term("id", named["id"]), Term("ik", named["ik"]))))
            elif "id" in named:
                ids.append(named["id"])
            else:
                iks.append(named["ik"])
        options: list[Clause] = [*both]
        if ids:
            options.append(Terms("id", tuple(ids)))
        if iks:
            options.append(Terms("ik", tuple(iks)))
        clauses.append(options[0] if len(options) == 1 else AnyOf(tuple(options)))
    return clauses


def _external_account_filter(member: _Member) -> list[Clause]:
    """ExternalAccountFilter: by id, or by external id and Link; both must agree."""
    clauses: list[Clause] = []
    for operator, value in _given(member.value).items():
        matches = [value] if operator == "equalTo" else value
        bounded = _bounded(member, operator, matches, FILTER_LIST_MAX)
        ids = [_external_account_id(member, match) for match in bounded]
        workspace_id = member.ledger.workspace_id
        terms = [linked_term(workspace_id, each) for each in ids if each is not None]
        clauses.append(Terms("external_account", tuple(terms)))
    return clauses


def _external_account_id(member: _Member, match: Mapping[str, Any]) -> str | None:
    """The id that an ExternalAccountMatchInput names; None when its parts don't agree."""
    given = {name: _text(member, text) for name, text in _given(match).items()}
    named, link, name = given.get("id"), given.get("linkId"), given.get("externalId")
    if named is None and (link is None or name is None):
        raise member.refuse("an External Account is named by its id, or by externalId and linkId")
    link_id = (named or "").partition("-")[0] if link is None else link
    if name is None:
        return named if (named or "").startswith(f"{link_id}-") else None
    derived = external_account_id(link_id, name)
    return derived if named in (None, derived) else None


# --- Paths ----------------------------------------------------------------------------------------
def _path_filter(pattern_clauses: Callable[[_Member, str], list[Clause]]) -> _Reader:
    """StringMatchFilter on a path; how a pattern is matched differs between accounts and lines."""

    def read(member: _Member) -> list[Clause]:
        given = _given(member.value)
        if "matches" in given and "matchesAny" in given:
            raise member.refuse("give matches or matchesAny, not both")
        clauses: list[Clause] = []
        for operator, value in given.items():
            match operator:
                case "equalTo":
                    clauses.append(Term("path", _text(member, value)))
                case "in":
                    clauses.append(Terms("path", _texts(member, operator, value)))
                case "contains":
                    clauses.append(Contains("path", "", _text(member, value)))
                case "matches":
                    clauses.extend(pattern_clauses(member, _text(member, value)))
                case "matchesAny":
                    patterns = _texts(member, operator, value)
                    below = [pattern.endswith("/*") for pattern in patterns]
                    if any(below) and any("*" in p.removesuffix("/*") for p in patterns):
                        raise member.refuse("* is for template values, or for all below, not both")
                    options = [AllOf(tuple(pattern_clauses(member, p))) for p in patterns]
                    clauses.append(AnyOf(tuple(options)))
        return clauses

    return read


def _instances(pattern: str) -> list[Clause]:
    """The instances that a pattern names outright: `a:1` of `a:1/b:*`."""
    return [Term("instances", term) for term in instance_terms(pattern) if not term.endswith(":*")]


def _account_pattern(member: _Member, text: str) -> list[Clause]:
    """The accounts that the pattern fits, and everything below them."""
    parsed = parse_path_pattern(text)
    if isinstance(parsed, str):
        raise member.refuse(parsed)
    return [Term("patterns", pattern_of(text)), *_instances(text)]


def _line_pattern(member: _Member, text: str) -> list[Clause]:
    """Lines on the accounts that the pattern fits, or (trailing `/*`) on all accounts below one."""
    parsed = parse_path_pattern(text, descendants_allowed=True)
    if isinstance(parsed, str):
        raise member.refuse(parsed)
    if text.endswith("/*"):
        return [Term("ancestors", text[:-2])]
    if "*" not in text:
        return [Term("path", text)]
    return [Term("pattern", pattern_of(text)), *_instances(text)]


def _not_implemented(member: _Member) -> list[Clause]:
    raise RejectionError(reject("not_implemented", what=f"The filter {member.name}"))


_ENTRY_MEMBERS: dict[str, _Reader] = {
    "date": _date_filter,
    "group": _pair_filter("groups"),
    "isReversal": _flag(REVERSAL),
    "isReversed": _flag(REVERSED),
    "ledgerEntry": _entry_filter,
    "posted": _datetime_filter("posted"),
    "showHidden": _nothing_more,
    "tag": _pair_filter("tags"),
    "type": _string_filter("type"),
    "typeVersion": _type_version,
}
_LINE_MEMBERS: dict[str, _Reader] = {
    "created": _datetime_filter("created"),
    "currency": _currency_filter,
    "date": _date_filter,
    "externalTxIds": lambda member: [Terms("external_tx", _texts(member, "", member.value))],
    "isReversal": _flag(REVERSAL),
    "isReversed": _flag(REVERSED),
    "key": _string_filter("key"),
    "ledgerAccount": _account_filter("account"),
    "path": _path_filter(_line_pattern),
    "posted": _datetime_filter("posted"),
    "showHidden": _nothing_more,
    "tag": _pair_filter("tags"),
    "type": _string_filter("side"),
}
_WINDOW_MEMBERS = frozenset(
    {"earliestPosted", "earliestPostedTimestamp", "latestPosted", "latestPostedTimestamp"}
)
_ACCOUNT_MEMBERS: dict[str, _Reader] = {
    "clearingStatus": _clearing_status,
    "earliestPosted": _datetime_filter("earliest"),
    "earliestPostedTimestamp": _datetime_filter("earliest"),
    "hasParentLedgerAccount": _flag(CHILD),
    "isLinkedAccount": _flag(LINKED),
    "latestPosted": _datetime_filter("latest"),
    "latestPostedTimestamp": _datetime_filter("latest"),
    "ledgerAccount": _account_filter("id"),
    "linkedAccount": _external_account_filter,
    "parentLedgerAccount": _account_filter("parent"),
    "path": _path_filter(_account_pattern),
    "type": _string_filter("type"),
}
