"""The reads that planning needs, all before it: the ledger's head, its Schema, accounts named by
id.

A warm post finds all of it in the process and reads nothing.
"""

from collections.abc import Iterable

from shared.errors import RejectionError
from shared.ledger.identifiers import account_id, is_id
from shared.ledger.ledgers import Ledger
from shared.ledger.rejections import reject
from shared.ledger.schemas import Schema
from shared.limits import VIEWS_CACHED_MAX
from shared.store import keys
from shared.store.catalog import Catalog
from shared.store.items import account_from_item
from shared.store.table import Table
from write_service.commands import AddLedgerEntry, LedgerMatch
from write_service.planning.view import LedgerView

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
        """The ledger on its Schema version. Raises RejectionError when it has none."""
        if ledger.schema_key is None or ledger.schema_version is None:
            detail = "entries can't be posted to it yet"
            raise RejectionError(reject("ledger_without_schema", ledger=ledger.ik, detail=detail))
        key = (ledger.id, ledger.schema_key, ledger.schema_version)
        view = self._views.get(key)
        if view is not None:
            return view
        schema = await self._catalog.schema(
            ledger.workspace_id, ledger.schema_key, ledger.schema_generation, ledger.schema_version
        )
        return self._remember(key, ledger, schema)

    def _remember(self, key: tuple[str, str, int], ledger: Ledger, schema: Schema) -> LedgerView:
        if len(self._views) >= VIEWS_CACHED_MAX:
            self._views.pop(next(iter(self._views)))
        view = self._views[key] = LedgerView(ledger, schema, self._catalog.known_account)
        return view

    async def learn_accounts(self, account_ids: Iterable[str]) -> None:
        """Reads the accounts that are unknown here: one BatchGetItem, none when there are none."""
        unknown = [each for each in account_ids if self._catalog.known_account(each) is None]
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

    async def learn_currencies(self, command: AddLedgerEntry, view: LedgerView) -> None:
        """Accounts whose currency isn't fixed by the Schema keep the one they were created with:
        read it.

        Needed for lines and conditions given at runtime, which bring no parameters along.
        """
        if not command.lines and not command.conditions:
            return
        paths = {line.account_path for line in command.lines or ()}
        paths |= {condition.account_path for condition in command.conditions}
        wanted = []
        for path in paths:
            account = view.resolve(path)
            if not isinstance(account, str):
                currency = account.node.currency
                if currency is not None and currency.constant is None:
                    wanted.append(account_id(view.ledger.id, path))
        if wanted:
            await self.learn_accounts(wanted)
