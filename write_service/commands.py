"""What the write tier is asked to do: validated inputs in the imperative, without I/O."""

from dataclasses import dataclass
from typing import Any

from shared.ledger.accounts import AccountType, CurrencyMode
from shared.ledger.entries import EntryCondition, Group, Tag
from shared.ledger.links import CUSTOM_LINK


@dataclass(frozen=True, slots=True)
class LedgerMatch:
    """Names a ledger: by id, by ik, or by both when they agree."""

    id: str | None = None
    ik: str | None = None


@dataclass(frozen=True, slots=True)
class TxMatch:
    """Names a Tx: by id, or by its external id in the External Account that the line's account is
    linked to. What else is given has to agree.
    """

    id: str | None = None
    external_id: str | None = None
    account_id: str | None = None  # of the External Account
    account_external_id: str | None = None
    link_id: str | None = None


@dataclass(frozen=True, slots=True)
class RuntimeLine:
    """One line given at runtime: of an entry without a type, or whose type defines none."""

    account_path: str
    amount: int | None
    currency: str | None  # currency key
    key: str | None
    description: str | None
    tags: tuple[Tag, ...]
    tx: TxMatch | None = None


@dataclass(frozen=True, slots=True)
class RuntimeCondition:
    """One condition given at runtime; `currency` None means the account's own."""

    account_path: str
    currency: str | None
    conditions: tuple[
        EntryCondition, ...
    ]  # one for each pre/post and own/total; currency is filled in


@dataclass(frozen=True, slots=True)
class AddLedgerEntry:
    """Post one entry. `posted_ms` None means now. One that reconciles Txs has both, and an empty
    `ik`, from them.
    """

    workspace_id: str
    ik: str
    ledger: LedgerMatch | None
    type: str | None
    type_version: int | None
    parameters: dict[str, Any]
    posted_ms: int | None
    description: str | None
    lines: tuple[RuntimeLine, ...] | None
    tags: tuple[Tag, ...]
    groups: tuple[Group, ...]
    conditions: tuple[RuntimeCondition, ...]


@dataclass(frozen=True, slots=True)
class AccountMatch:
    """Names an account: by id, by ledger and path, or by both when they agree."""

    id: str | None
    path: str | None
    ledger: LedgerMatch | None


@dataclass(frozen=True, slots=True)
class EntryMatch:
    """Names an entry: by id, or by ik and ledger (then the newest of the ik's chain)."""

    id: str | None
    ik: str | None
    ledger: LedgerMatch | None


@dataclass(frozen=True, slots=True)
class StatedConsistency:
    """What a new account states of its consistency; None, or a key left out, is inherited."""

    lines: bool | None = None
    own_balance: bool | None = None
    total_balance: bool | None = None
    groups: tuple[tuple[str, bool], ...] = ()  # key, whether its own balance is strong


@dataclass(frozen=True, slots=True)
class NewAccount:
    """One account of a ledger without a Schema; None is inherited. `where` names it in messages."""

    where: str
    ik: str
    name: str
    type: AccountType | None
    currency_mode: CurrencyMode | None
    currency: str | None  # currency key
    consistency: StatedConsistency
    parent: AccountMatch | None
    children: tuple["NewAccount", ...]
    # Of a Linked Ledger Account: Link and external id, or None and the External Account's own id.
    linked: tuple[str | None, str] | None = None


@dataclass(frozen=True, slots=True)
class CreateLedgerAccounts:
    """Create the trees of accounts; those that stand already are replays."""

    workspace_id: str
    ledger: LedgerMatch
    accounts: tuple[NewAccount, ...]


@dataclass(frozen=True, slots=True)
class UpdateLedgerAccount:
    """Rename one account; `name` None leaves it."""

    workspace_id: str
    account: AccountMatch
    name: str | None


@dataclass(frozen=True, slots=True)
class LineUpdate:
    """New tags for one line, and tags to take off it."""

    line_id: str
    tags: tuple[Tag, ...]
    tags_to_remove: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class UpdateLedgerEntry:
    """Change what an entry is labelled with; its lines and amounts never change."""

    workspace_id: str
    entry: EntryMatch
    tags: tuple[Tag, ...]
    tags_to_remove: tuple[Tag, ...]
    groups: tuple[Group, ...]
    lines: tuple[LineUpdate, ...]


# --- Links ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class LinkMatch:
    """Names a Link: by id, by ik, or by both when they agree."""

    id: str | None = None
    ik: str | None = None


@dataclass(frozen=True, slots=True)
class ExternalAccountMatch:
    """Names an account of a known Link: by id, by external id, or by both when they agree."""

    id: str | None
    external_id: str | None
    link_id: str | None  # the known Link's, or left out


@dataclass(frozen=True, slots=True)
class SyncedTx:
    """One Tx as the outside system has it; `currency` None means the account's own."""

    account: ExternalAccountMatch
    external_id: str
    amount: int
    currency: str | None
    description: str
    posted_ms: int


@dataclass(frozen=True, slots=True)
class SyncTxs:
    """Bring Txs of one Link, which has to be of `link_type`, to what the outside system says."""

    workspace_id: str
    link: LinkMatch
    txs: tuple[SyncedTx, ...]
    link_type: str = CUSTOM_LINK
