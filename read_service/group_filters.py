"""Filter sets of groups and of their balances. Pure; as filters.py, whose readers they use.

A group's balance is judged on `balance_source`: account path pattern instances currency own.
"""

from collections.abc import Callable
from typing import Any

from read_service.filters import (
    BalanceFilter,
    FilterSet,
    ListFilter,
    _collected,
    _currency_filter,
    _datetime_filter,
    _given,
    _instances,
    _Member,
    _path_filter,
    _read,
    _string_filter,
)
from shared.ledger.chart import parse_path_pattern, pattern_of
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import Rejection
from shared.search.clauses import Clause, Not, Range, Term
from shared.search.documents import instance_terms


def groups_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerEntryGroupsFilterSet on Ledger.ledgerEntryGroups.

    `balance` keeps groups with at least one balance that fits all of it.
    """
    return _collected(_groups, filter_set, ledger)


def group_balances_filter(filter_set: FilterSet | None, ledger: Ledger) -> ListFilter | Rejection:
    """A LedgerEntryGroupBalanceFilterSet on LedgerEntryGroup.balances; it is all in `balance`."""
    return _collected(
        lambda given, owner: ListFilter((), balance=_balance(given, owner, "")), filter_set, ledger
    )


def balance_source(account_id: str, path: str, currency: str, own: int) -> dict[str, Any]:
    """What the clauses of a BalanceFilter are judged on."""
    return {
        "account": account_id,
        "path": path,
        "pattern": pattern_of(path),
        "instances": instance_terms(path),
        "currency": currency,
        "own": own,
    }


def _groups(given: FilterSet, ledger: Ledger) -> ListFilter:
    documents = {name: value for name, value in given.items() if name != "balance"}
    balance = given.get("balance")
    return ListFilter(
        tuple(_read(documents, _GROUP_MEMBERS, ledger)),
        balance=None if balance is None else _balance(_given(balance), ledger, "balance."),
    )


def _balance(given: FilterSet, ledger: Ledger, where: str) -> BalanceFilter:
    clauses: list[Clause] = []
    for name, value in given.items():
        clauses += _BALANCE_MEMBERS[name](_Member(f"{where}{name}", value, ledger))
    path = _given(_given(given.get("account")).get("path"))
    return BalanceFilter(tuple(clauses), path.get("equalTo"))


def _account(member: _Member) -> list[Clause]:
    """GroupBalanceAccountFilter."""
    clauses: list[Clause] = []
    for name, value in _given(member.value).items():
        read = _string_filter("account") if name == "id" else _path_filter(_pattern)
        clauses += read(_Member(f"{member.name}.{name}", value, member.ledger))
    return clauses


def _pattern(member: _Member, text: str) -> list[Clause]:
    """Balances of exactly the accounts that the pattern fits: `*` stands for template values."""
    parsed = parse_path_pattern(text)
    if isinstance(parsed, str):
        raise member.refuse(parsed)
    if "*" not in text:
        return [Term("path", text)]
    return [Term("pattern", pattern_of(text)), *_instances(text)]


def _own_balance(member: _Member) -> list[Clause]:
    """Int96Filter; bounds are inclusive."""
    given = _given(member.value)
    clauses: list[Clause] = []
    if "eq" in given:
        clauses.append(Term("own", given["eq"]))
    if "ne" in given:
        clauses.append(Not(Term("own", given["ne"])))
    if "gte" in given or "lte" in given:
        clauses.append(Range("own", given.get("gte"), given.get("lte")))
    return clauses


_BALANCE_MEMBERS: dict[str, Callable[[_Member], list[Clause]]] = {
    "account": _account,
    "currency": _currency_filter,
    "ownBalance": _own_balance,
}
_GROUP_MEMBERS: dict[str, Callable[[_Member], list[Clause]]] = {
    "created": _datetime_filter("created"),
    "key": _string_filter("key"),
    "value": _string_filter("value"),
}
