"""What planning sees: one ledger on one Schema version, and the accounts known to stand."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.ledger import identifiers
from shared.ledger.accounts import LedgerAccount
from shared.ledger.chart import AccountNode, PathStep
from shared.ledger.ledgers import Ledger
from shared.ledger.schemas import EntryType, Schema
from shared.limits import PATHS_CACHED_MAX


@dataclass(frozen=True, slots=True)
class ResolvedAccount:
    """An account of the chart by its path, with what posting to it needs."""

    id: str
    path: str
    node: AccountNode
    steps: tuple[PathStep, ...]  # from the root to the account
    instances: tuple[tuple[str, PathStep], ...]  # id and step of each template instance on the way
    totals: tuple[tuple[str, str], ...]  # id and path of each step whose total balance is strong


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
        resolved = self.schema.chart.resolve(path)
        if isinstance(resolved, str):
            return resolved
        ids = [identifiers.account_id(self.ledger.id, step.path) for step in resolved.steps]
        steps = list(zip(ids, resolved.steps, strict=True))
        account = ResolvedAccount(
            id=ids[-1],
            path=path,
            node=resolved.steps[-1].node,
            steps=resolved.steps,
            instances=tuple([pair for pair in steps if pair[1].node.is_under_template]),
            totals=tuple(
                [(at, step.path) for at, step in steps if step.node.consistency.total_balance]
            ),
        )
        if len(self._paths) >= PATHS_CACHED_MAX:
            self._paths.pop(next(iter(self._paths)))
        self._paths[path] = account
        return account

    def path_parameters(self, entry_type: EntryType) -> tuple[str, ...]:
        """Parameters that stand in account paths: their values must be SafeStrings."""
        key = (entry_type.type, entry_type.version)
        held = self._path_parameters.get(key)
        if held is None:
            names = {name for line in entry_type.lines or () for name in line.path.parameters}
            names |= {name for each in entry_type.conditions for name in each.path.parameters}
            held = self._path_parameters[key] = tuple(sorted(names))
        return held
