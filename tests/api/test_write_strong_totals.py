"""Strong total balances through the write tier: what lies below an account, kept and audited."""

import asyncio

from shared.ledger.identifiers import account_id
from shared.store import keys
from shared.store.table import Update
from shared.testing.invariants import audit_strong, collect
from tests.builders_schema import edited, quickstart
from tests.write_api_rig import WriteRig

USERS = "liabilities/users:ann"
STRONG = """query ($path: String!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "t"}}) {
  balance(consistencyMode: strong) childBalance(consistencyMode: strong)
  childBalances(consistencyMode: strong) { nodes { amount } } } }"""


async def test_entries_keep_what_lies_below_an_account_and_the_audit_sees_it(
    writer: WriteRig,
) -> None:
    total = {"totalBalanceUpdates": "strong"}
    document = edited(
        quickstart(),
        {
            "key": "totals",
            "chartOfAccounts.defaultConsistencyConfig": total,
            "chartOfAccounts.accounts[1].children[0].consistencyConfig": ...,
            "ledgerEntries.types[1].conditions": ...,
            "ledgerEntries.types[2]": {"type": "by_hand", "description": "By hand."},
        },
    )
    await writer.store(document)
    ledger = await writer.create("t", "totals")
    amounts = (7, -7, 2**120 - 1, 3)

    async def post(number: int, amount: int) -> None:
        lines = [
            {"account": {"path": "assets/banks/user-cash"}, "amount": str(amount)},
            {"account": {"path": f"{USERS}/available"}, "amount": str(amount)},
            {"account": {"path": "assets/banks/user-cash"}, "amount": "-1"},
            {"account": {"path": USERS}, "amount": "-1"},
        ]
        answer = await writer.add(f"e{number}", ledger={"ik": "t"}, type="by_hand", lines=lines)
        assert answer["__typename"] == "AddLedgerEntryResult", answer

    await asyncio.gather(*[post(*pair) for pair in enumerate(amounts[:2])])
    found = (await writer.ask(STRONG, path=USERS)).data["ledgerAccount"]
    assert found == {
        "balance": "-2", "childBalance": "0", "childBalances": {"nodes": [{"amount": "0"}]}
    }  # fmt: skip
    await post(2, amounts[2])
    found = (await writer.ask(STRONG, path=USERS)).data["ledgerAccount"]
    assert found["childBalance"] == str(2**120 - 1)
    memory = writer.table._table
    assert audit_strong(await collect(memory)) == []
    key = keys.strong_total(account_id(ledger["id"], USERS), "USD")
    await memory.write(Update(key, add={"c": 1}))
    (finding,) = audit_strong(await collect(memory))
    assert f"strong child balance is {2**120}; should be {2**120 - 1}" in finding.detail
