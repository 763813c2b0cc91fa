"""Ledger Accounts: what holds a balance, and which side of it a line's sign means."""

from dataclasses import dataclass
from typing import Any, Literal

from shared.ledger import identifiers
from shared.ledger.strings import safe_string_problem

AccountType = Literal["asset", "liability", "income", "expense"]
CurrencyMode = Literal["single", "multi"]

ACCOUNT_TYPES: tuple[AccountType, ...] = ("asset", "liability", "income", "expense")

# assets - liabilities = income - expenses, so an amount counts with this sign towards zero.
EQUATION_SIGN: dict[str, int] = {"asset": 1, "liability": -1, "income": -1, "expense": 1}


def line_side(account_type: str, amount: int) -> Literal["credit", "debit"]:
    """Debit or credit: assets and expenses grow by debits, liabilities and income by credits."""
    return "debit" if (amount >= 0) == (EQUATION_SIGN[account_type] > 0) else "credit"


@dataclass(frozen=True, slots=True)
class ConsistencyConfig:
    """What is kept strongly consistent for an account."""

    lines: bool = False
    own_balance: bool = False
    total_balance: bool = False
    groups: frozenset[str] = frozenset()  # group keys within which its own balance is strong


def consistency_record(config: ConsistencyConfig) -> list[Any]:
    """The config as JSON values."""
    return [config.lines, config.own_balance, config.total_balance, sorted(config.groups)]


def consistency_from_record(record: list[Any] | None) -> ConsistencyConfig | None:
    """The config that `consistency_record` was given; None stays None."""
    if record is None:
        return None
    lines, own, total, groups = record
    return ConsistencyConfig(lines, own, total, frozenset(groups))


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """One account of one ledger, as stored: a static account, an instance of a template, or one of
    a ledger without a Schema.

    What a Schema may change later (consistency, status, clearing) is not kept here: it is read from
    the ledger's current Schema version, by `path`. Without a Schema the consistency is the
    account's own, fixed when it is created.
    """

    id: str
    ledger_id: str
    workspace_id: str
    path: str  # fully instantiated: liabilities/users:u1/available
    ik: str
    name: str | None
    type: AccountType
    currency_mode: CurrencyMode
    currency: str | None  # a currency key (`USD`, `CUSTOM/gems`); None when multi
    parent_id: str | None
    parent_path: str | None
    created_ms: int
    # Link (its id; an ik in what was stored first) and external id; or None and an External
    # Account's own id. It may not exist (yet), or be another workspace's.
    linked: tuple[str | None, str | None] | None
    consistency: ConsistencyConfig | None = None  # exactly when the ledger has no Schema
    revision: int = 1

    @property
    def external_account_id(self) -> str | None:
        """Id of the External Account that `linked` names; None where none can have that name."""
        return None if self.linked is None else external_account_of(self.workspace_id, self.linked)


def external_account_of(workspace_id: str, linked: tuple[str | None, str | None]) -> str | None:
    """Id of the External Account that `LedgerAccount.linked` names; None where none can have that
    name.
    """
    link, name = linked
    if name is None or safe_string_problem(name) is not None:
        return None
    if link is None:
        return name if identifiers.parse_external_account_id(name) is not None else None
    if not identifiers.is_id(link):
        link = identifiers.link_id(workspace_id, link)
    return identifiers.external_account_id(link, name)


def parent_path(path: str) -> str | None:
    """The path one level up, or None for a root account."""
    head, slash, _ = path.rpartition("/")
    return head if slash else None


def ancestor_paths(path: str) -> list[str]:
    """Paths of all ancestors, from the root down, without `path` itself."""
    return [path[:place] for place, c in enumerate(path) if c == "/"]
