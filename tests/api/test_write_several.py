"""Several mutations of one request: each one's selection sees what it has written itself."""

from tests.write_api_rig import WriteRig
from tests.write_rig import LEDGER_IK

FUND = {
    "ledger": {"ik": LEDGER_IK},
    "type": "user_funds_account",
    "parameters": {"user_id": "ann", "funding_amount": "100"},
}
POSTED = """... on AddLedgerEntryResult { lines { account { path
  ownBalance(consistencyMode: use_account) ownBalances(consistencyMode: use_account) {
  nodes { amount } } } } } ... on Error { code message }"""
TWO_POSTS = f"""mutation two($entry: LedgerEntryInput!) {{
  one: addLedgerEntry(ik: "one", entry: $entry) {{ {POSTED} }}
  two: addLedgerEntry(ik: "two", entry: $entry) {{ {POSTED} }}
}}"""
HISTORY = "id isReversed reversalHistory { nodes { id isReversed } }"
UPDATE_AND_REVERSE = f"""mutation two($id: ID!) {{
  updateLedgerEntry(ledgerEntry: {{id: $id}}, update: {{tags: [{{key: "k", value: "v"}}]}}) {{
    ... on UpdateLedgerEntryResult {{ entry {{ {HISTORY} }} }}
  }}
  reverseLedgerEntry(id: $id) {{
    ... on ReverseLedgerEntryResult {{
      reversedLedgerEntry {{ {HISTORY} tags {{ key value }} }} reversingLedgerEntry {{ {HISTORY} }}
    }}
  }}
}}"""
ANN = "liabilities/users:ann/available"


async def test_each_post_of_a_request_answers_the_strong_balance_that_it_left(
    writer: WriteRig,
) -> None:
    answer = await writer.ask(TWO_POSTS, entry=FUND)
    shown = []
    for ik in ("one", "two"):
        accounts = [line["account"] for line in answer.data[ik]["lines"]]
        (ann,) = [account for account in accounts if account["path"] == ANN]
        shown.append((ann["ownBalance"], [each["amount"] for each in ann["ownBalances"]["nodes"]]))
    assert shown == [("100", ["100"]), ("200", ["200"])]
    assert await writer.strong(ANN) == 200


async def test_a_reversal_after_an_update_answers_both_entries_of_the_chain(
    writer: WriteRig,
) -> None:
    entry_id = (await writer.fund("one", "ann", "100"))["entry"]["id"]
    answer = await writer.ask(UPDATE_AND_REVERSE, id=entry_id)
    before = {"id": entry_id, "isReversed": False}
    updated = answer.data["updateLedgerEntry"]["entry"]
    assert updated == {**before, "reversalHistory": {"nodes": [before]}}
    pair = answer.data["reverseLedgerEntry"]
    reversing = {"id": pair["reversingLedgerEntry"]["id"], "isReversed": False}
    history = {"nodes": [reversing, {"id": entry_id, "isReversed": True}]}
    assert pair == {
        "reversedLedgerEntry": {
            "id": entry_id,
            "isReversed": True,
            "reversalHistory": history,
            "tags": [{"key": "k", "value": "v"}],
        },
        "reversingLedgerEntry": {**reversing, "reversalHistory": history},
    }
