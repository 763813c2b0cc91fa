"""Laws of reversals, for any entry: everything that it moved is moved back, nothing else is."""

from hypothesis import given
from hypothesis import strategies as st

from shared.ledger.amounts import INT96_MAX
from shared.ledger.audits import audit_entry
from shared.ledger.schema_parsing import parse_schema
from shared.ledger.schemas import Schema
from shared.store.items import chain_head, entry_from_item, entry_item
from tests.builders import NOW_MS, ledger
from write_service.commands import AddLedgerEntry, LedgerMatch, RuntimeLine
from write_service.planning.entries import plan_entry
from write_service.planning.reversals import plan_reversal
from write_service.planning.view import LedgerView
from write_service.plans import EntryPlan

STRONG = {"ownBalanceUpdates": "strong", "lines": "strong"}
TOTAL = {"totalBalanceUpdates": "strong"}
PATHS = ("assets/a", "assets/b:1", "assets/b:2", "assets")


def schema(consistency: dict[str, str]) -> Schema:
    parsed = parse_schema(
        {
            "key": "laws",
            "consistencyConfig": {"entries": "strong"},
            "chartOfAccounts": {
                "defaultCurrency": {"code": "USD"},
                "defaultCurrencyMode": "single",
                "accounts": [
                    {
                        "key": "assets",
                        "type": "asset",
                        "consistencyConfig": consistency,
                        "children": [{"key": "a"}, {"key": "b", "template": True}],
                    },
                    {"key": "income", "type": "income"},
                ],
            },
            "ledgerEntries": {"types": []},
        }
    )
    assert isinstance(parsed, Schema), parsed
    return parsed


SCHEMAS = [schema(STRONG), schema(TOTAL)]
AMOUNTS = st.integers(-INT96_MAX // 8, INT96_MAX // 8)
LINES = st.lists(st.tuples(st.sampled_from(PATHS), AMOUNTS), min_size=1, max_size=6)


@given(LINES, st.sampled_from(SCHEMAS), st.integers(0, NOW_MS * 2))
def test_a_reversal_moves_back_everything_and_nothing_else(lines, compiled, posted_ms):
    view = LedgerView(ledger(), compiled, lambda _: None)
    whole = [*lines, ("income", sum(amount for _, amount in lines))]
    command = AddLedgerEntry(
        workspace_id="w",
        ik="ik",
        ledger=LedgerMatch(ik="ledger"),
        type=None,
        type_version=None,
        parameters={},
        posted_ms=posted_ms,
        description=None,
        lines=tuple([RuntimeLine(path, amount, None, None, None, ()) for path, amount in whole]),
        tags=(("t", "1"),),
        groups=(("g", "1"),),
        conditions=(),
    )
    plan = plan_entry(command, view, NOW_MS)
    assert isinstance(plan, EntryPlan), plan
    entry = plan.entry
    back = plan_reversal(entry, entry_item(entry, "t"), view, NOW_MS + 5)
    assert isinstance(back, EntryPlan)
    sums = {delta.key: delta.amount for delta in plan.deltas}
    assert {delta.key: -delta.amount for delta in back.deltas} == sums
    assert len(back.listed) == len(plan.listed)
    assert {item["pk"] for item in back.listed} == {item["pk"] for item in plan.listed}
    assert audit_entry(back.entry) == []
    assert [-line.amount for line in back.entry.lines] == [line.amount for line in entry.lines]
    for same in ("posted_ms", "tags", "groups", "ik", "type", "parameters"):
        assert getattr(back.entry, same) == getattr(entry, same)
    assert back.conditions == () == back.accounts
    assert back.chain is not None
    assert back.chain.reversed is not None
    item = {**back.chain.reversed.item, "h": back.chain.head}
    standing = entry_from_item(item)
    assert (standing.reversed_by, standing.reversed_at_ms) == (back.entry.id, NOW_MS + 5)
    assert (standing.lines, chain_head(item)) == (entry.lines, 2)
