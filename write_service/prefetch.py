"""The reads that planning needs, all before it: the ledger's head, its Schema, accounts named by
id or, where there is no Schema, by path.

A warm post finds all of it in the process and reads nothing.
"""

from collections.abc import Iterable

from shared.errors import RejectionError
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.identifiers import is_id
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import reject
from shared.ledger.strings import text_problem
from shared.limits import ACCOUNT_PATH_CHARS_MAX, VIEWS_CACHED_MAX
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import account_from_item, custom_currency_from_item
from shared.store.table import Table
from write_service.commands import AddLedgerEntry, LedgerMatch
from write_service.planning.view import NO_SCHEMA, AccountsView, LedgerView, step_ids

_SHOWN_CHARS_MAX = 60  # of an id, in a message


def described(match: LedgerMatch) -> str:
    """A match as it reads in a message."""
    parts = [
        f"the id {match.id[:_SHOWN_CHARS_MAX]}" if match.id else "",
        f"the ik {match.ik}" if match.ik else "",
    ]
    return " and ".join(part for part in parts if part)


class Prefetcher:
    """Loads what planning needs; remembers a view for each ledger and Schema version."""

    def __init__(self, table: Table, catalog: Catalog) -> None:
        self._table = table
        self._catalog = catalog
        self._views: dict[tuple[str, str, int], LedgerView] = {}

    async def ledger(self, workspace_id: str, match: LedgerMatch | None, where: str) -> Ledger:
        """The live ledger that `match` names. Raises RejectionError."""
        if match is None:
            raise RejectionError(reject("ledger_required", where=where))
        if match.ik is not None:
            ledger = self._catalog.fresh_ledger(workspace_id, match.ik)
            if ledger is None:
                ledger = await self._catalog.ledger_by_ik(workspace_id, match.ik)
        elif match.id is not None and is_id(match.id):
            ledger = await self._catalog.ledger_by_id(workspace_id, match.id)
        else:
            ledger = None
        if ledger is None or match.id not in (None, ledger.id):
            raise RejectionError(reject("ledger_not_found", what=described(match)))
        return ledger

    async def view(self, ledger: Ledger) -> LedgerView:
        """The ledger on its Schema version, or with the accounts that were created in it."""
        key = (ledger.id, ledger.schema_key or "", ledger.schema_version or 0)
        view = self._views.get(key)
        if view is not None:
            return view
        if ledger.schema_key is None or ledger.schema_version is None:
            return self._remember(key, AccountsView(ledger, NO_SCHEMA, self._catalog.known_account))
        schema = await self._catalog.schema(
            ledger.workspace_id, ledger.schema_key, ledger.schema_generation, ledger.schema_version
        )
        return self._remember(key, LedgerView(ledger, schema, self._catalog.known_account))

    async def newer_view(self, view: LedgerView, since_ms: int) -> LedgerView | None:
        """The ledger on another Schema version, if it has come to stand on one: other processes
        may have moved it, and posted on it, since its head was read here. One GetItem; none for a
        head that was asked for at `since_ms` or later.
        """
        if view.ledger.schema_key is None:
            return None
        ledger = await self._catalog.newer_ledger(view.ledger, since_ms)
        return None if ledger is None else await self.view(ledger)

    def _remember(self, key: tuple[str, str, int], view: LedgerView) -> LedgerView:
        if len(self._views) >= VIEWS_CACHED_MAX:
            self._views.pop(next(iter(self._views)))
        self._views[key] = view
        return view

    async def learn_accounts(self, account_ids: Iterable[str]) -> None:
        """Reads the accounts that are unknown here: one BatchGetItem, none when there are none."""
        known = self._catalog.known_account
        unknown = {each: None for each in account_ids if known(each) is None}
        if unknown:
            items = await self._table.get_many(
                [keys.account(each) for each in unknown], consistent=True
            )
            for item in items:
                if item is not None:
                    self._catalog.learn_account(account_from_item(item))

    async def path_of(self, ledger: Ledger, account_id: str) -> str:
        """The path of an account named by id. Raises RejectionError when there is none."""
        account = None
        if is_id(account_id):
            await self.learn_accounts([account_id])
            account = self._catalog.known_account(account_id)
        if account is None or account.ledger_id != ledger.id:
            what = f"with the id {account_id[:_SHOWN_CHARS_MAX]}"
            raise RejectionError(reject("ledger_account_not_found", ledger=ledger.ik, what=what))
        return account.path

    async def check_currencies(self, workspace_id: str, currencies: Iterable[str | None]) -> None:
        """Refuses keys of custom currencies that the workspace hasn't created: one BatchGetItem
        for those that this process hasn't seen, none when it has seen all. Raises RejectionError.
        """
        known = self._catalog.known_currency
        wanted = {
            each: keys.custom_currency(workspace_id, each[len(CUSTOM_PREFIX) :])
            for each in currencies
            if each is not None
            and each.startswith(CUSTOM_PREFIX)
            and known(workspace_id, each) is None
        }
        if not wanted:
            return
        for item in await self._table.get_many(list(wanted.values()), consistent=True):
            if item is not None:
                self._catalog.learn_currency(custom_currency_from_item(item))
        for each in wanted:
            if known(workspace_id, each) is None:
                custom_id = each[len(CUSTOM_PREFIX) :]
                raise RejectionError(reject("custom_currency_not_found", id=custom_id))

    async def learn_standing(self, paths: Iterable[str], view: LedgerView) -> None:
        """Reads what a standing entry's accounts are: one BatchGetItem, none when known here."""
        wanted = _accounts_at(paths, view)
        if wanted:
            await self.learn_accounts(wanted)

    async def learn(self, command: AddLedgerEntry, view: LedgerView) -> None:
        """Reads what the lines and conditions given at runtime need of their accounts: one
        BatchGetItem, none for what is known here.
        """
        wanted = _accounts_needed(command, view)
        if wanted:
            await self.learn_accounts(wanted)

    async def learn_all(self, commands: Iterable[AddLedgerEntry]) -> None:
        """`learn` for entries that go together: one BatchGetItem for all of them."""
        wanted: list[str] = []
        for command in commands:
            if command.lines or command.conditions:
                try:
                    ledger = await self.ledger(command.workspace_id, command.ledger, "entry.ledger")
                except RejectionError:
                    continue  # told when it is planned
                wanted += _accounts_needed(command, await self.view(ledger))
        if wanted:
            await self.learn_accounts(wanted)


def _accounts_needed(command: AddLedgerEntry, view: LedgerView) -> list[str]:
    """Ids of the accounts that have to be known before the entry is planned."""
    paths = {line.account_path: None for line in command.lines or ()}
    paths |= {condition.account_path: None for condition in command.conditions}
    return _accounts_at(paths, view)


def _accounts_at(paths: Iterable[str], view: LedgerView) -> list[str]:
    """Without a Schema each account on the way of a path; with one the instances on the way if it
    leaves a name, currency or link of theirs open, because what is given at runtime brings no
    parameters along that would tell it.
    """
    wanted: list[str] = []
    is_schemaless = view.ledger.schema_key is None
    for path in paths:
        account = view.resolve(path)
        if isinstance(account, str):
            if is_schemaless and text_problem(path, ACCOUNT_PATH_CHARS_MAX) is None:
                wanted += [each for each, _ in step_ids(view.ledger.id, path)]
        elif account.node.path_parameters:
            wanted += [each for each, _ in account.instances]
    return wanted
