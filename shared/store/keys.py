"""Every partition and sort key, spelled once, with the access that it serves.

`#` separates the parts: no id, ik, key or currency key can hold it (SafeString).

Table `ledger` (streamed):

    E#<entry id>         .             one entry, whole                     by id, by ik (derived)
    A#<account id>       .             one account                          by id, by path (derived)
    L#<ledger id>        .             one ledger                           by id
    LI#<workspace>#<ik>  .             the ledger of an ik, its generation  by ik
    LD#<workspace>       <time>#<id>   a workspace's ledgers, newest first  list
    S#<workspace>#<key>  head          a Schema's newest version            by key
    S#<workspace>#<key>  v<number>     one version; w<g>.<number> of the    by version, list
                                       g-th Schema stored with the key
    SD#<workspace>       <time>#<key>  a workspace's Schemas, newest first  list
    SL#<workspace>#<key> <time>#<id>   a Schema's ledgers, newest first;    list, migrate
                                       `s` i: one that is being created
    AI#<ledger>#<ik>     .             the account that an ik created       create, without a Schema
    U#<workspace>#<id>   .             a custom currency                    by id
    UD#<workspace>       <time>#<id>   custom currencies, newest first      list
    LK#<workspace>       <link id>     a Link                               by id, by ik, list
    X#<link id>          <digest>      an External Account; its id is both  by id, external id; list
    T#<tx id>            .             a Tx, who accounts for it; the       by id, by external id
                                       first of a sequence also has its
                                       newest place
    W#<workspace>        .             a workspace                          by id
    C#<client id>        .             an API client                        by id
    CD#<workspace>       <client id>   a workspace's API clients, by id     list

Table `balances` (not streamed; derived, or running sums):

    B#<account id>   S#<currency>           strong own balance              post, strong read
    B#<account id>   T#<currency>           strong total balance            post, strong read
    B#<account id>   H#<currency>           history: totals, months and     latest, month or year,
                                            recent hours                    all currencies
    B#<account id>   M#<currency>#<yyyymm>  history: a month's older hours  at day or hour, with H#
    B#<account id>   W                      a clearing account's window     postedWindow, refresh
    CM#<kind>        <account id>           its document is to be refreshed refresh
    G#<group id>     <path>#<account id>#   sum of a group's lines on an    a group's balances,
                     <currency>#E           account, by the indexer         by path
    G#<group id>     … #S                   the same, by the entries' own   the same; post
                                            transactions
    N#<ledger id>    <type>#<version>       how many entries of a type      list
    LE#<ledger id>   <posted>#<entry id>    strong list of entries          list
    LL#<account id>  <posted>#<line id>     an account's strong lines       list
    LM#<ledger id>   v<number>              the migration to a version      list, migrate
    WQ#              M#<workspace>#<key>    a Schema to be migrated         poll
    WQ#              Z#<workspace>#<key>    … parked: some ledgers failed   store again
    WQ#              S#<due>#<ledger id>    a deleted ledger to be swept    poll
    NL#              <workspace>#<link id>  how far a native Link is        poll
                                            synced, and who syncs it
    NK#<link id>     .                      a native Link's sealed secrets  sync, webhook
    K#<projector>    <shard id>             lease and checkpoint            follow
    Q#<projector>    <sequence>             a record put aside              quarantine

A group's balances are sorted by path; one that is longer than a sort key may be is cut there, and
stands whole in the attribute `p`.

Attributes of the history's items: shared/ledger/history.py. Of leases and checkpoints:
indexer/leases.py.
"""

from typing import NamedTuple

from shared.ledger.positions import POSTED_MS_MAX as POSTED_MS_MAX
from shared.ledger.positions import inverted_ms as inverted_ms
from shared.limits import GROUP_PATH_BYTES_MAX
from shared.store.table import Key, TableName

LEDGER = TableName.LEDGER
BALANCES = TableName.BALANCES
ONLY = "."  # the sort key of an item that is alone in its partition


def entry(entry_id: str) -> Key:
    return Key(LEDGER, f"E#{entry_id}", ONLY)


def account(account_id: str) -> Key:
    return Key(LEDGER, f"A#{account_id}", ONLY)


def account_ik(ledger_id: str, ik: str) -> Key:
    """Says which account of a ledger without a Schema was created with `ik`."""
    return Key(LEDGER, f"AI#{ledger_id}#{ik}", ONLY)


def ledger(ledger_id: str) -> Key:
    return Key(LEDGER, f"L#{ledger_id}", ONLY)


def ledger_ik(workspace_id: str, ik: str) -> Key:
    return Key(LEDGER, f"LI#{workspace_id}#{ik}", ONLY)


def ledger_directory(workspace_id: str) -> str:
    """Partition that lists a workspace's ledgers."""
    return f"LD#{workspace_id}"


def ledger_listed(workspace_id: str, created_ms: int, ledger_id: str) -> Key:
    return Key(LEDGER, ledger_directory(workspace_id), f"{inverted_ms(created_ms)}#{ledger_id}")


def schema_partition(workspace_id: str, schema_key: str) -> str:
    return f"S#{workspace_id}#{schema_key}"


def schema_head(workspace_id: str, schema_key: str) -> Key:
    return Key(LEDGER, schema_partition(workspace_id, schema_key), "head")


def schema_versions(generation: int) -> str:
    """What the sort keys of the versions of a key's `generation`-th Schema begin with."""
    return "v" if generation == 1 else f"w{generation:06d}."


def schema_version(workspace_id: str, schema_key: str, generation: int, version: int) -> Key:
    sort = f"{schema_versions(generation)}{version:010d}"
    return Key(LEDGER, schema_partition(workspace_id, schema_key), sort)


def schema_directory(workspace_id: str) -> str:
    """Partition that lists a workspace's Schemas."""
    return f"SD#{workspace_id}"


def schema_listed(workspace_id: str, created_ms: int, schema_key: str) -> Key:
    return Key(LEDGER, schema_directory(workspace_id), f"{inverted_ms(created_ms)}#{schema_key}")


def schema_ledgers(workspace_id: str, schema_key: str) -> str:
    """Partition that lists a Schema's ledgers."""
    return f"SL#{workspace_id}#{schema_key}"


def schema_ledger_listed(
    workspace_id: str, schema_key: str, created_ms: int, ledger_id: str
) -> Key:
    sort = f"{inverted_ms(created_ms)}#{ledger_id}"
    return Key(LEDGER, schema_ledgers(workspace_id, schema_key), sort)


def custom_currency(workspace_id: str, custom_id: str) -> Key:
    return Key(LEDGER, f"U#{workspace_id}#{custom_id}", ONLY)


def custom_currency_directory(workspace_id: str) -> str:
    """Partition that lists a workspace's custom currencies."""
    return f"UD#{workspace_id}"


def custom_currency_listed(workspace_id: str, created_ms: int, custom_id: str) -> Key:
    sort = f"{inverted_ms(created_ms)}#{custom_id}"
    return Key(LEDGER, custom_currency_directory(workspace_id), sort)


def links(workspace_id: str) -> str:
    """Partition of a workspace's Links."""
    return f"LK#{workspace_id}"


def link(workspace_id: str, link_id: str) -> Key:
    return Key(LEDGER, links(workspace_id), link_id)


def external_accounts(link_id: str) -> str:
    """Partition of a Link's External Accounts."""
    return f"X#{link_id}"


def external_account(account_id: str) -> Key:
    """`account_id` is the id of an External Account."""
    link_id, _, digest = account_id.partition("-")
    return Key(LEDGER, external_accounts(link_id), digest)


def tx(tx_id: str) -> Key:
    return Key(LEDGER, f"T#{tx_id}", ONLY)


def workspace(workspace_id: str) -> Key:
    return Key(LEDGER, f"W#{workspace_id}", ONLY)


def client(client_id: str) -> Key:
    return Key(LEDGER, f"C#{client_id}", ONLY)


def client_directory(workspace_id: str) -> str:
    """Partition that lists a workspace's API clients."""
    return f"CD#{workspace_id}"


def client_listed(workspace_id: str, client_id: str) -> Key:
    return Key(LEDGER, client_directory(workspace_id), client_id)


def balances_of(account_id: str) -> str:
    """Partition of everything that is summed for an account."""
    return f"B#{account_id}"


def strong_own(account_id: str, currency: str) -> Key:
    return Key(BALANCES, balances_of(account_id), f"S#{currency}")


def strong_total(account_id: str, currency: str) -> Key:
    return Key(BALANCES, balances_of(account_id), f"T#{currency}")


def history_head(account_id: str, currency: str) -> Key:
    return Key(BALANCES, balances_of(account_id), f"H#{currency}")


def history_month(account_id: str, currency: str, month: int) -> Key:
    """`month` is yyyymm in the ledger's own time."""
    return Key(BALANCES, balances_of(account_id), f"M#{currency}#{month:06d}")


def group_balances(group_id: str) -> str:
    """Partition of everything that is summed for a group of entries."""
    return f"G#{group_id}"


def group_eventual(group_id: str, path: str, account_id: str, currency: str) -> Key:
    sort = f"{group_path(path)}#{account_id}#{currency}#E"
    return Key(BALANCES, group_balances(group_id), sort)


def group_strong(group_id: str, path: str, account_id: str, currency: str) -> Key:
    sort = f"{group_path(path)}#{account_id}#{currency}#S"
    return Key(BALANCES, group_balances(group_id), sort)


def group_path(path: str) -> str:
    """What of an account's path stands in the sort keys of a group's balances."""
    if len(path) * 4 <= GROUP_PATH_BYTES_MAX:
        return path
    return path.encode()[:GROUP_PATH_BYTES_MAX].decode(errors="ignore")


class GroupBalanceName(NamedTuple):
    """What the sort key of a group's balance says."""

    account_id: str
    currency: str
    is_strong: bool


def parse_group_balance(sk: str) -> GroupBalanceName:
    """Reads the sort key of a group's balance."""
    _, account_id, currency, kind = sk.rsplit("#", 3)
    assert kind in ("E", "S")
    return GroupBalanceName(account_id, currency, kind == "S")


def posted_window(account_id: str) -> Key:
    """A clearing account's: it stands from the first line on, and for good."""
    return Key(BALANCES, balances_of(account_id), "W")


def clearing_marks() -> str:
    """Partition of the clearing accounts whose documents are to be refreshed.

    Its name follows those of all balances, so in a read's order marks follow an account's sums
    (rollups.py).
    """
    return "CM#accounts"


def clearing_mark(account_id: str) -> Key:
    return Key(BALANCES, clearing_marks(), account_id)


def entry_counts(ledger_id: str) -> str:
    """Partition of a ledger's counts of entries, by type and version."""
    return f"N#{ledger_id}"


def entry_count(ledger_id: str, entry_type: str, version: int) -> Key:
    return Key(BALANCES, entry_counts(ledger_id), f"{entry_type}#{version:010d}")


def strong_entries(ledger_id: str) -> str:
    """Partition of a ledger's strong list of entries."""
    return f"LE#{ledger_id}"


def strong_entry_listed(ledger_id: str, posted_ms: int, entry_id: str) -> Key:
    return Key(BALANCES, strong_entries(ledger_id), f"{inverted_ms(posted_ms)}#{entry_id}")


def strong_lines(account_id: str) -> str:
    """Partition of an account's strong list of lines."""
    return f"LL#{account_id}"


def strong_line_listed(account_id: str, posted_ms: int, line_id: str) -> Key:
    return Key(BALANCES, strong_lines(account_id), f"{inverted_ms(posted_ms)}#{line_id}")


def ledger_migrations(ledger_id: str) -> str:
    """Partition of a ledger's migrations."""
    return f"LM#{ledger_id}"


def ledger_migration(ledger_id: str, version: int) -> Key:
    return Key(BALANCES, ledger_migrations(ledger_id), f"v{version:010d}")


WORK_QUEUE = "WQ#"  # partition of what write processes have to do behind an answer


def schema_work(workspace_id: str, schema_key: str) -> Key:
    return Key(BALANCES, WORK_QUEUE, f"M#{workspace_id}#{schema_key}")


def parked_schema_work(workspace_id: str, schema_key: str) -> Key:
    return Key(BALANCES, WORK_QUEUE, f"Z#{workspace_id}#{schema_key}")


def sweep_work(due_ms: int, ledger_id: str) -> Key:
    return Key(BALANCES, WORK_QUEUE, f"S#{due_ms:015d}#{ledger_id}")


NATIVE_LINKS = "NL#"  # partition of how far every native Link is synced


def native_link(workspace_id: str, link_id: str) -> Key:
    return Key(BALANCES, NATIVE_LINKS, f"{workspace_id}#{link_id}")


def link_secrets(link_id: str) -> Key:
    return Key(BALANCES, f"NK#{link_id}", ONLY)


def checkpoints(projector: str) -> str:
    """Partition of a projector's leases and checkpoints."""
    return f"K#{projector}"


def checkpoint(projector: str, shard_id: str) -> Key:
    return Key(BALANCES, checkpoints(projector), shard_id)


def quarantine(projector: str) -> str:
    """Partition of the records that a projector put aside."""
    return f"Q#{projector}"


def quarantined(projector: str, sequence: str) -> Key:
    return Key(BALANCES, quarantine(projector), sequence)


def kind_of(pk: str) -> str:
    """What a partition key of the `ledger` table holds: `E`, `A`, `L`, …"""
    return pk[: pk.index("#")]
