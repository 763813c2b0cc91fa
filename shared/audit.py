"""Auditor: everything that follows from the entries, recomputed and held against what is stored.

    ledger items ──► entries, accounts ──► what must be: balances, histories, documents, list items
    balances items ─────────────────────┐
    documents ──────────────────────────┴► held against it ──► findings

It only takes in what others read, so `verify` feeds it from the engines, page by page, and tests
from the dumps of the twins. Sets of documents are compared by fingerprint, which takes no memory;
for those that differ a second, detailed auditor names the members.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

import orjson

from shared.audit_links import claims_of, due_claims, take_of_links
from shared.ledger.account_audits import AccountAudit
from shared.ledger.accounts import LedgerAccount, ancestor_paths
from shared.ledger.audits import (
    Chains,
    Finding,
    Fingerprint,
    Tally,
    WindowTally,
    audit_count,
    audit_entry,
    audit_group,
    audit_history,
    audit_window,
    content_differences,
)
from shared.ledger.chart import ConsistencyConfig, pattern_of
from shared.ledger.clearing import ClearingState, PostedWindow, touched_paths
from shared.ledger.currencies import CUSTOM_PREFIX
from shared.ledger.entries import LedgerEntry
from shared.ledger.entry_counts import CountKey, count_of, type_of_position
from shared.ledger.identifiers import account_id, group_id
from shared.ledger.ledgers import Ledger, SchemaHead
from shared.ledger.link_audits import LinkAudit
from shared.ledger.links import Tx
from shared.ledger.schemas import Schema
from shared.search.documents import (
    CLEARING_FIELDS,
    PENDING,
    account_documents,
    entry_documents,
    group_documents,
    tx_documents,
)
from shared.search.index import Document, Kind, StoredDocument
from shared.store import keys
from shared.store.items import (
    account_from_item,
    chain_head,
    entry_from_item,
    posted_window_from_item,
    schema_head_from_item,
    strong_balance,
    strong_child,
)
from shared.store.table import Item

# What parsing an item that is written wrong can raise.
UNREADABLE = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)

# A ledger's, account's, External Account's or workspace's id, and the kind of document or list
SetName = tuple[str, str]
NOT_STRONG = ConsistencyConfig()
ENTRY_LIST = "list of entries"
LINE_LIST = "list of lines"
ACCOUNT_IKS = "iks of accounts"
CLAIMS = "reconciled Txs"


class MemberSet:
    """A set of named members, by fingerprint; with their names and contents when `detailed`."""

    def __init__(self, detailed: bool) -> None:
        self.fingerprint = Fingerprint()
        self.members: dict[str, bytes] | None = {} if detailed else None

    def add(self, name: str, content: bytes) -> None:
        """Adds a member."""
        self.fingerprint.add(name.encode(), content)
        if self.members is not None:
            self.members[name] = blake2b(content, digest_size=16).digest()


class Auditor:
    """One audit, of some ledgers or all. Feed it the ledger items first, then the rest, then
    `close`.

    `ledgers` and `schemas` (by ledger id) may be filled in while it is fed, before their entries
    come. `detailed` names single documents and list items, and remembers every one of them.
    """

    def __init__(
        self,
        ledgers: Mapping[str, Ledger],
        schemas: Mapping[str, Schema],
        *,
        only: frozenset[str] | None = None,
        detailed: bool = False,
    ) -> None:
        self.findings: list[Finding] = []
        self.notes: list[str] = []  # what is right, and still worth knowing
        self.entries_count = 0
        self.tally = Tally()
        self._ledgers = ledgers
        self._schemas = schemas
        self._only = only
        self._detailed = detailed
        self._chains = Chains()
        self._of_links = LinkAudit()
        self._accounts = AccountAudit()
        self._created: dict[str, ConsistencyConfig] = {}  # by id, of accounts without a Schema
        self._currencies: set[str] = set()  # partition keys of the custom currencies
        self._currencies_named: dict[str, str] = {}  # those that must be there, and what names them
        self._clearing: set[str] = set()  # ids of clearing accounts
        self._clearing_due: dict[str, LedgerAccount] = {}  # those whose documents are not due yet
        self._windows = WindowTally()
        self._windows_found: dict[str, PostedWindow] = {}
        self._is_clearing: dict[tuple[str, str], bool] = {}  # by ledger and pattern
        self._groups: dict[str, Document] = {}
        self._due: dict[SetName, MemberSet] = {}
        self._found: dict[SetName, MemberSet] = {}
        self._histories: set[tuple[str, str]] = set()
        self._group_balances: set[tuple[str, str, str]] = set()  # group, account, currency
        self._strong_groups: dict[tuple[str, str, str], int] = {}
        self._counts: set[CountKey] = set()
        self._strong: dict[tuple[str, str, str], int] = {}  # account, currency, scope
        self._consistency: dict[str, ConsistencyConfig] = {}  # by account id
        self._gone: set[str] = set()  # deleted ledgers, their entries, accounts and groups
        self._heads: dict[tuple[str, str], SchemaHead] = {}
        self._queued: set[tuple[str, str]] = set()  # Schemas whose ledgers are to be moved

    def _is_mine(self, ledger_id: str) -> bool:
        return self._only is None or ledger_id in self._only

    # --- Ledger items -----------------------------------------------------------------------------
    def take_ledger_items(self, items: Iterable[Item]) -> None:
        """Entries, accounts with their iks, custom currencies, what belongs to Links; other kinds
        are passed over.
        """
        for item in items:
            pk = str(item["pk"])
            try:
                if pk[:2] == "E#":
                    self._take_entry(entry_from_item(item), item)
                elif pk[:2] == "A#":
                    self._take_account(account_from_item(item))
                elif pk[:2] == "S#" and item["sk"] == "head":
                    head = schema_head_from_item(item)
                    self._heads[(head.workspace_id, head.key)] = head
                elif pk[:3] == "AI#" and self._is_mine(pk[3:35]):
                    self._add(self._found, (pk[3:35], ACCOUNT_IKS), pk[36:], [item["i"], item["p"]])
                elif pk[:2] == "U#":
                    self._currencies.add(pk)
                elif self._only is None:
                    self._take_of_links(item)
            except UNREADABLE as error:
                self.findings.append(Finding("I3", pk, f"can't be read: {error!r}"))

    def _take_entry(self, entry: LedgerEntry, item: Item) -> None:
        if not self._is_mine(entry.ledger_id):
            return
        ledger = self._ledgers.get(entry.ledger_id)
        if ledger is None:
            detail = f"its ledger {entry.ledger_id} is not there"
            self.findings.append(Finding("I3", f"entry {entry.id}", detail))
            return
        for claim in due_claims(entry) if self._only is None else ():
            self._add(self._due, (entry.workspace_id, CLAIMS), *claim)
        if ledger.state == "deleted":
            self._gone.update((ledger.id, entry.id))
            for path in {line.account_path for line in entry.lines}:
                for each in (path, *ancestor_paths(path)):
                    self._gone.add(account_id(entry.ledger_id, each))
            self._gone.update([group_id(entry.ledger_id, *group) for group in entry.groups])
            return
        self.entries_count += 1
        self.findings += audit_entry(entry)
        self._accounts.add_entry(entry)
        self._chains.add(entry, chain_head(item) if entry.position == 1 else None)
        self.tally.add(entry, ledger.utc_offset_minutes)
        if entry.groups:
            self.tally.add_groups(entry, entry.groups)
        clearing = self._clearing_among(entry)
        if clearing:
            self._windows.add(entry, clearing)
        for document in entry_documents(entry):
            self._due_document(document)
        for document in group_documents(entry):
            held = self._groups.get(document.id)
            if held is None or document.version > held.version:
                self._groups[document.id] = document
        self._due_list_items(entry)
        for line in entry.lines:
            if line.currency.startswith(CUSTOM_PREFIX):
                self._due_currency(entry.workspace_id, line.currency, f"entry {entry.id}")

    def _take_of_links(self, item: Item) -> None:
        """Links, their accounts and Txs belong to no ledger: judged when all ledgers are."""
        thing = take_of_links(self._of_links, item)
        if isinstance(thing, Tx):
            for claim in claims_of(thing):
                self._add(self._found, (thing.workspace_id, CLAIMS), *claim)
            for document in tx_documents(thing):
                self._due_document(document)
        if thing is not None and thing.currency and thing.currency.startswith(CUSTOM_PREFIX):
            subject = f"{type(thing).__name__} {thing.id}"
            self._due_currency(thing.workspace_id, thing.currency, subject)

    @property
    def external_accounts(self) -> list[str]:
        """Ids of the External Accounts that were read: whose Txs' documents are to be fed."""
        return self._of_links.accounts

    def _due_currency(self, workspace_id: str, currency: str, subject: str) -> None:
        custom_id = currency[len(CUSTOM_PREFIX) :]
        self._currencies_named[keys.custom_currency(workspace_id, custom_id).pk] = subject

    def _take_account(self, account: LedgerAccount) -> None:
        if not self._is_mine(account.ledger_id):
            return
        ledger = self._ledgers.get(account.ledger_id)
        if ledger is not None and ledger.state == "deleted":
            self._gone.add(account.id)
            return
        self._accounts.add(account)
        if account.linked is not None:
            self._of_links.add_linked(account)
        if account.consistency is not None:
            self._created[account.id] = account.consistency
            of_ik = [account.id, account.path]
            self._add(self._due, (account.ledger_id, ACCOUNT_IKS), account.ik, of_ik)
        if account.currency is not None and account.currency.startswith(CUSTOM_PREFIX):
            self._due_currency(account.workspace_id, account.currency, f"account {account.id}")
        if self._clears(account.ledger_id, account.path):
            self._clearing.add(account.id)
            self._clearing_due[account.id] = account  # what it shows is known after all entries
            return
        for document in account_documents(account):
            self._due_document(document)

    def _clears(self, ledger_id: str, path: str) -> bool:
        """Whether the Schema that the ledger is on says so."""
        name = (ledger_id, pattern_of(path))
        known = self._is_clearing.get(name)
        if known is None:
            schema = self._schemas.get(ledger_id)
            node = None if schema is None else schema.chart.nodes.get(name[1])
            known = self._is_clearing[name] = node is not None and node.clearing
        return known

    def _clearing_among(self, entry: LedgerEntry) -> list[str]:
        """Paths of the clearing accounts that the entry touches."""
        paths = touched_paths([entry])[entry.ledger_id]
        return [path for path in paths if self._clears(entry.ledger_id, path)]

    def _due_document(self, document: Document) -> None:
        source = {**document.source, "record": orjson.loads(document.record)}
        self._add(self._due, (document.routing, document.kind.value), document.id, [
            document.version, source
        ])  # fmt: skip

    def _add(
        self, sets: dict[SetName, MemberSet], name: SetName, member: str, content: object
    ) -> None:
        held = sets.get(name)
        if held is None:
            held = sets[name] = MemberSet(self._detailed)
        held.add(member, orjson.dumps(content, option=orjson.OPT_SORT_KEYS))

    def _due_list_items(self, entry: LedgerEntry) -> None:
        schema = self._schemas.get(entry.ledger_id)
        if schema is not None and schema.entries_strong:
            key = keys.strong_entry_listed(entry.ledger_id, entry.posted_ms, entry.id)
            self._add(self._due, (entry.ledger_id, ENTRY_LIST), key.sk, None)
        for line, line_id in zip(entry.lines, entry.line_ids(), strict=True):
            account = account_id(entry.ledger_id, line.account_path)
            # Without a Schema the account says it, which may come later: judged at the end.
            if schema is None or self.consistency_of(entry.ledger_id, line.account_path).lines:
                key = keys.strong_line_listed(account, entry.posted_ms, line_id)
                self._add(self._due, (account, LINE_LIST), key.sk, None)

    def consistency_of(self, ledger_id: str, path: str) -> ConsistencyConfig:
        """What the Schema, or without one the account, keeps strongly consistent."""
        account = account_id(ledger_id, path)
        if ledger_id not in self._schemas:
            return self._created.get(account, NOT_STRONG)
        known = self._consistency.get(account)
        if known is None:
            resolved = self._schemas[ledger_id].chart.resolve(path)
            known = NOT_STRONG if isinstance(resolved, str) else resolved.node.consistency
            self._consistency[account] = known
        return known

    # --- Balances items ---------------------------------------------------------------------------
    def take_balances_partition(self, pk: str, items: Sequence[Item]) -> None:
        """All items of one partition of table `balances`."""
        kind, _, owner = pk.partition("#")
        if owner in self._gone:
            return  # nobody sees it any more
        if kind == "B":
            self._take_account_balances(owner, items)
        elif kind == "G":
            self._take_group_balances(owner, items)
        elif kind == "N":
            self._take_counts(owner, items)
        elif kind == "LE":
            self._take_list(owner, ENTRY_LIST, items)
        elif kind == "LL":
            self._take_list(owner, LINE_LIST, items)
        elif pk == keys.WORK_QUEUE:
            works = [item for item in items if "k" in item]
            self._queued = {(str(work["w"]), str(work["k"])) for work in works}
        elif kind == "Q" and self._only is None:
            detail = f"{len(items)} records put aside wait for `python -m indexer.quarantine`"
            self.findings.append(Finding("I8", f"projector {owner}", detail))

    def _take_account_balances(self, account: str, items: Sequence[Item]) -> None:
        heads: dict[str, Item] = {}
        months: dict[str, dict[int, Item]] = {}
        for item in items:
            kind, _, rest = str(item["sk"]).partition("#")
            if kind == "W":
                self._windows_found[account] = posted_window_from_item(item)[0]
            elif kind == "H":
                heads[rest] = item
            elif kind == "M":
                currency, _, month = rest.rpartition("#")
                months.setdefault(currency, {})[int(month)] = item
            elif kind in "ST":
                scope = "own" if kind == "S" else "total"
                self._strong[(account, rest, scope)] = strong_balance(item)
                if scope == "total":
                    self._strong[(account, rest, "child")] = strong_child(item)
        for currency in heads.keys() | months.keys():
            expected = self.tally.balances.get((account, currency))
            if expected is None and self._only is not None:
                continue  # another ledger's
            self._histories.add((account, currency))
            self.findings += audit_history(
                account, currency, expected, heads.get(currency), months.get(currency, {})
            )

    def _take_group_balances(self, group: str, items: Sequence[Item]) -> None:
        for item in items:
            account, currency, is_strong = keys.parse_group_balance(str(item["sk"]))
            if account in self._gone:
                continue
            name = (group, account, currency)
            expected = self.tally.groups.get(name)
            if expected is None and self._only is not None:
                continue  # another ledger's
            if is_strong:
                self._strong_groups[name] = strong_balance(item)
            else:
                self._group_balances.add(name)
                self.findings += audit_group(name, expected, item)

    def _take_counts(self, ledger_id: str, items: Sequence[Item]) -> None:
        if not self._is_mine(ledger_id):
            return
        for item in items:
            key = CountKey(ledger_id, *type_of_position(str(item["sk"])))
            self._counts.add(key)
            self.findings += audit_count(key, self.tally.counts.get(key), count_of(item))

    def _take_list(self, owner: str, name: str, items: Sequence[Item]) -> None:
        for item in items:
            self._add(self._found, (owner, name), str(item["sk"]), None)

    # --- Documents --------------------------------------------------------------------------------
    def take_document(self, kind: Kind, owner_id: str, stored: StoredDocument) -> None:
        """One document that stands in the live index of `kind` for a ledger (of Txs: for an
        External Account).
        """
        content = [stored.version, stored.source]
        if kind is Kind.ACCOUNTS and stored.id in self._windows_found:
            content = self._account_content(stored)
        self._add(self._found, (owner_id, kind.value), stored.id, content)

    def _account_content(self, stored: StoredDocument) -> list[object]:
        """A document that counts postings in its version: shown as of the account's revision.

        What it says of clearing counts only where the Schema still does.
        """
        source = dict(stored.source)
        revision = source["record"]["revision"]
        if stored.id not in self._clearing:
            for name in CLEARING_FIELDS:
                source.pop(name, None)
            flags = [flag for flag in source.pop("flags", []) if flag != PENDING]
            if flags:
                source["flags"] = flags
        return [min(stored.version, revision), source]

    def take_count(self, kind: Kind, count: int) -> None:
        """How many documents of a kind stand in all: more than was fed belong to nothing."""
        held = [each for name, each in self._found.items() if name[1] == kind.value]
        of_owners = sum(each.fingerprint.count for each in held)
        if count != of_owners:
            owners = "External Accounts" if kind is Kind.TXS else "ledgers"
            detail = f"{count} stand, {of_owners} belong to {owners}"
            self.findings.append(Finding("I7", kind.value, detail))

    # --- The end ----------------------------------------------------------------------------------
    def close(self, *, documents: bool = True) -> list[Finding]:
        """Judges what only shows once everything was read; gives all findings.

        `documents`: whether documents were fed at all.
        """
        self.findings += self._chains.audit()
        self.findings += self._of_links.audit(self._gone)
        self._judge_histories()
        self._judge_windows()
        self._judge_strong()
        self._judge_groups()
        self.findings += self._accounts.audit(self.tally.balances, self._has_accounts)
        self._judge_currencies()
        self._judge_versions()
        self.close_groups()
        for name in sorted(self.differing(documents=documents)):
            self.findings += self._judge_set(name)
        return self.findings

    def close_groups(self) -> None:
        """No more entries come: of each group the first entry's document is the one that stands."""
        groups, self._groups = self._groups, {}
        for document in groups.values():
            self._due_document(document)
        due, self._clearing_due = self._clearing_due, {}
        outstanding = self._outstanding() if due else set()
        for account in due.values():
            window = self._windows.windows.get(account.id)
            state = window and ClearingState(window, account.id in outstanding)
            for document in account_documents(account, state):
                self._due_document(document)

    def _outstanding(self) -> set[str]:
        """Ids of the accounts that have a balance left in some currency."""
        return {account for (account, _), each in self.tally.balances.items() if each.sums().total}

    def _judge_windows(self) -> None:
        for account, due in self._windows.windows.items():
            self.findings += audit_window(account, due, self._windows_found.get(account))
        for account in self._clearing - self._windows.windows.keys():
            self.findings += audit_window(account, None, self._windows_found.get(account))

    def _judge_histories(self) -> None:
        """Histories and counts that are missing; balances that have grown beyond an amount."""
        for key, count in self.tally.counts.items():
            if key not in self._counts:
                self.findings += audit_count(key, count, None)
        for (account, currency), expected in self.tally.balances.items():
            if (account, currency) not in self._histories:
                self.findings += audit_history(account, currency, expected, None, {})
            if expected.beyond_int96():
                self.notes.append(f"{expected.path} ({account}) in {currency} has left Int96")

    def _judge_strong(self) -> None:
        """What the Schema calls strong must be there and right; without a Schema, what is there."""
        for (account, currency), expected in self.tally.balances.items():
            strong = self.consistency_of(expected.ledger_id, expected.path)
            schemaless = expected.ledger_id not in self._schemas
            sums = expected.sums()
            for scope, is_strong, due in (
                ("own", strong.own_balance, sums.own),
                ("total", strong.total_balance, sums.total),
                ("child", strong.total_balance, sums.child),
            ):
                found = self._strong.get((account, currency, scope))
                if not is_strong and not (schemaless and found is not None):
                    continue
                if (found or 0) != due:
                    subject = f"{expected.path} ({account}) in {currency}"
                    detail = f"strong {scope} balance is {found}; should be {due}"
                    self.findings.append(Finding("I3/I4", subject, detail))
        if self._only is not None:
            return
        for (account, currency, scope), found in self._strong.items():
            if found and (account, currency) not in self.tally.balances:
                detail = f"strong {scope} balance is {found}; no line is on the account"
                subject = f"account {account} in {currency}"
                self.findings.append(Finding("I3/I4", subject, detail))

    def _judge_groups(self) -> None:
        """Groups' balances that are missing; strong ones, where the Schema calls them so."""
        for name, expected in self.tally.groups.items():
            if name not in self._group_balances:
                self.findings += audit_group(name, expected, None)
            strong = self.consistency_of(expected.ledger_id, expected.path).groups
            found = self._strong_groups.get(name)
            if expected.group[0] in strong and found != expected.own:
                key, value = expected.group
                subject = f"group {key}: {value} on {expected.path} in {name[2]}"
                detail = f"strong balance is {found}; should be {expected.own}"
                self.findings.append(Finding("I3/I4", subject, detail))
        for name, found in self._strong_groups.items():
            if name not in self.tally.groups:
                detail = f"strong balance is {found}; no line is of the group"
                self.findings.append(Finding("I3/I4", f"group balance {name}", detail))

    def _has_accounts(self, ledger_id: str) -> bool:
        """Whether the ledger's accounts can be expected to be there."""
        return ledger_id in self._schemas or (ledger_id, ACCOUNT_IKS) in self._found

    def _judge_currencies(self) -> None:
        for currency, subject in self._currencies_named.items():
            if currency not in self._currencies:
                self.findings.append(Finding("I3", subject, f"{currency} is not there"))

    def _judge_versions(self) -> None:
        """A ledger is wholly on its Schema's version: every account of it stands."""
        for ledger_id, schema in self._schemas.items():
            ledger = self._ledgers[ledger_id]
            if ledger.state != "live" or not self._is_mine(ledger_id):
                continue
            self._judge_migration(ledger)
            for path, _ in schema.chart.static_accounts():
                if account_id(ledger_id, path) not in self._accounts:
                    subject = f"ledger {ledger.ik} ({ledger_id})"
                    detail = f"is on version {ledger.schema_version} and lacks {path}"
                    self.findings.append(Finding("I3", subject, detail))

    def _judge_migration(self, ledger: Ledger) -> None:
        """A ledger that is behind its Schema has somebody to move it, now or when told to."""
        assert ledger.schema_key is not None
        schema = (ledger.workspace_id, ledger.schema_key)
        head = self._heads.get(schema)
        if head is None or schema in self._queued:
            return
        reached = max(ledger.schema_version or 0, ledger.migrated_from)
        if head.generation != ledger.schema_generation or reached < head.version:
            detail = f"is on version {ledger.schema_version} of {head.version}, and none is queued"
            self.findings.append(Finding("I3", f"ledger {ledger.ik} ({ledger.id})", detail))

    def differing(self, *, documents: bool = True) -> set[SetName]:
        """Sets of documents and list items that are not as they should be."""
        names = set()
        kinds = {kind.value for kind in Kind}
        for name in self._due.keys() | self._found.keys():
            due, found = self._due.get(name), self._found.get(name)
            ledger = self._ledgers.get(name[0])
            if ledger is not None and ledger.state == "deleted":
                self._note_swept(name, found)
                continue
            if name[1] in kinds:
                if not documents:
                    continue
            elif due is None and name[1] not in (ACCOUNT_IKS, CLAIMS):
                continue  # a list that isn't strong now may keep items of when it was
            elif name[1] == LINE_LIST and not self._lists_lines(name[0]):
                continue
            if (due.fingerprint if due else Fingerprint()) != (
                found.fingerprint if found else Fingerprint()
            ):
                names.add(name)
        return names

    def _lists_lines(self, account: str) -> bool:
        """Whether an account's due lines make a list: an account without a Schema decides it."""
        return account in self._consistency or self._created.get(account, NOT_STRONG).lines

    def _note_swept(self, name: SetName, found: MemberSet | None) -> None:
        """Documents of a deleted ledger are seen by nobody; the indexer removes them by and by."""
        is_document = name[1] in {kind.value for kind in Kind}
        if is_document and found is not None and found.fingerprint.count:
            note = f"{found.fingerprint.count} {name[1]} of the deleted ledger {name[0]} stand"
            if note not in self.notes:
                self.notes.append(note)

    def _judge_set(self, name: SetName) -> list[Finding]:
        owner, kind = name
        subject = f"{kind} of {owner}"
        invariant = "I3" if kind == CLAIMS else "I7"
        due, found = self._due.get(name), self._found.get(name)
        if not self._detailed:
            stand, should = (0 if each is None else each.fingerprint.count for each in (found, due))
            return [Finding(invariant, subject, f"{stand} stand, {should} should; they differ")]
        seen = {} if found is None or found.members is None else found.members
        wanted = {} if due is None or due.members is None else due.members
        return content_differences(invariant, subject, seen, wanted)
