"""What planning sees: one ledger, and the accounts known to stand.

LedgerView    on a Schema version: accounts are what its chart resolves
AccountsView  without a Schema: accounts are those that were created and are known here
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount, ancestor_paths
from shared.ledger.chart import (
    AccountNode,
    ChartOfAccounts,
    ConsistencyConfig,
    CurrencyTemplate,
    LinkedAccountTemplate,
    PathStep,
)
from shared.ledger.currencies import currency_from_key
from shared.ledger.ledgers import Ledger
from shared.ledger.schemas import EntryType, Schema
from shared.ledger.templates import literal_template
from shared.limits import ACCOUNT_PATH_CHARS_MAX, CHART_DEPTH_MAX, PATHS_CACHED_MAX


@dataclass(frozen=True, slots=True)
class ResolvedAccount:
    """An account of the chart by its path, with what posting to it needs."""

    id: str
    path: str
    node: AccountNode
    steps: tuple[PathStep, ...]  # from the root to the account
    instances: tuple[tuple[str, PathStep], ...]  # id and step of each template instance on the way
    totals: tuple[tuple[str, str], ...]  # id and path of each step whose total balance is strong
    parameterized: tuple[str, ...]  # paths of instances above, of currency or link by parameters


@dataclass(slots=True)
class LedgerView:
    """A snapshot to plan with. `known_account(id)` gives accounts that are seen to stand.

    Paths and type facts are remembered here, bounded: they follow from the immutable Schema
    version.
    """

    ledger: Ledger
    schema: Schema
    known_account: Callable[[str], LedgerAccount | None]
    _paths: dict[str, ResolvedAccount] = field(default_factory=dict)
    _path_parameters: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, path: str) -> ResolvedAccount | str:
        """The account at `path`, or a problem text."""
        held = self._paths.get(path)
        if held is not None:
            return held
        found = self.steps(path)
        if isinstance(found, str):
            return found
        ids = [identifiers.account_id(self.ledger.id, step.path) for step in found]
        steps = list(zip(ids, found, strict=True))
        account = ResolvedAccount(
            id=ids[-1],
            path=path,
            node=found[-1].node,
            steps=found,
            instances=tuple([pair for pair in steps if pair[1].node.is_under_template]),
            totals=tuple(
                [(at, step.path) for at, step in steps if step.node.consistency.total_balance]
            ),
            parameterized=tuple([step.path for step in found[:-1] if _is_parameterized(step.node)]),
        )
        if len(self._paths) >= PATHS_CACHED_MAX:
            self._paths.pop(next(iter(self._paths)))
        self._paths[path] = account
        return account

    def steps(self, path: str) -> tuple[PathStep, ...] | str:
        """The accounts from the root to the one at `path`, or a problem text."""
        resolved = self.schema.chart.resolve(path)
        return resolved if isinstance(resolved, str) else resolved.steps

    def path_parameters(self, entry_type: EntryType) -> tuple[str, ...]:
        """Parameters that stand in account paths: their values must be SafeStrings."""
        key = (entry_type.type, entry_type.version)
        held = self._path_parameters.get(key)
        if held is None:
            names = {name for line in entry_type.lines or () for name in line.path.parameters}
            names |= {name for each in entry_type.conditions for name in each.path.parameters}
            held = self._path_parameters[key] = tuple(sorted(names))
        return held


def _is_parameterized(node: AccountNode) -> bool:
    """Whether parameters say an instance's currency or what it is linked to."""
    currency, linked = node.currency, node.linked_account
    return bool((currency and currency.parameters) or (linked and linked.parameters))


# --- Ledgers without a Schema ---------------------------------------------------------------------
NO_SCHEMA = Schema(
    key="",
    name="",
    chart=ChartOfAccounts({}, {}),
    entry_types={},
    entries_strong=False,
    groups=(),
    payment_types={},
    scenes=(),
    custom_currency_ids=frozenset(),
    json={},
)
_LINKED = LinkedAccountTemplate(None, None, None, None, None, ())


@dataclass(slots=True)
class AccountsView(LedgerView):
    """A ledger without a Schema. What is read of its accounts never changes, so a path that was
    resolved once needs no look at them again.
    """

    def steps(self, path: str) -> tuple[PathStep, ...] | str:
        """The accounts from the root to the one at `path`, all of them known here."""
        found: list[PathStep] = []
        node: AccountNode | None = None
        for account_id, at in step_ids(self.ledger.id, path):
            account = self.known_account(account_id)
            if account is None:
                return "it was not created"
            node = account_node(account, node)
            found.append(PathStep(node, at, None))
        rule = f"at most {CHART_DEPTH_MAX} levels and {ACCOUNT_PATH_CHARS_MAX} characters"
        return tuple(found) or f"a path takes {rule}"


def step_ids(ledger_id: str, path: str) -> list[tuple[str, str]]:
    """Id and path of each account on the way to `path`, from the root; none when it is longer or
    deeper than a path can be.
    """
    if len(path) > ACCOUNT_PATH_CHARS_MAX or path.count("/") >= CHART_DEPTH_MAX:
        return []
    paths = [*ancestor_paths(path), path]
    return [(identifiers.account_id(ledger_id, each), each) for each in paths]


def account_node(account: LedgerAccount, parent: AccountNode | None) -> AccountNode:
    """What planning asks of an account, where no Schema says it."""
    return AccountNode(
        key=account.ik,
        pattern=account.path,
        depth=1 if parent is None else parent.depth + 1,
        type=account.type,
        name=None,
        is_template=False,
        is_under_template=False,
        currency_mode=account.currency_mode,
        currency=None if account.currency is None else _currency(account.currency),
        consistency=account.consistency or ConsistencyConfig(),
        linked_account=None if account.linked is None else _LINKED,
        clearing=False,
        payment_enabled=False,
        status="active",
        parameters=frozenset(),
        path_parameters=frozenset(),
        parent=parent,
        children={},
    )


def _currency(key: str) -> CurrencyTemplate:
    currency = currency_from_key(key)
    custom_id = None if currency.custom_id is None else literal_template(currency.custom_id)
    return CurrencyTemplate(literal_template(currency.code), custom_id, currency, ())
