"""Bad input about Links, External Accounts and Txs. The world has no Link of its own: whatever is
asked of one must find nothing, and leave nothing.
"""

from typing import Any

from tests.hostile.cases import BAD_INPUT, graphql_case

ERROR = "... on Error { code message retryable }"
CREATE = f"""mutation m($ik: SafeString!, $name: String!) {{
  createCustomLink(ik: $ik, name: $name) {{ __typename {ERROR} }}
}}"""
ACCOUNTS = f"""mutation m($link: LinkMatchInput!, $accounts: [CustomAccountInput!]!) {{
  syncCustomAccounts(link: $link, accounts: $accounts) {{ __typename {ERROR} }}
}}"""
TXS = f"""mutation m($link: LinkMatchInput!, $txs: [CustomTxInput!]!) {{
  syncCustomTxs(link: $link, txs: $txs) {{ __typename {ERROR} }}
}}"""
DELETE = f"mutation m($txs: [ID!]!) {{ deleteCustomTxs(txs: $txs) {{ __typename {ERROR} }} }}"
LINK = "query q($link: LinkMatchInput!) { link(link: $link) { id } }"
ACCOUNT = "query q($m: ExternalAccountMatchInput!) { externalAccount(externalAccount: $m) { id } }"
TX = "query q($tx: TxMatchInput!) { tx(tx: $tx) { id } }"
NOWHERE = {"ik": "nowhere"}
GOOD = {
    "externalId": "a",
    "amount": "1",
    "posted": "2024-01-01",
    "description": "A",
    "account": {"externalId": "a"},
}
MANY = [{**GOOD, "externalId": f"t{at}"} for at in range(101)]


def tx(**changes: Any) -> dict[str, Any]:
    return {"link": NOWHERE, "txs": [{**GOOD, **changes}]}


LINK_CASES = [
    graphql_case("a Link without a name", CREATE, {"ik": "a", "name": ""}, "invalid_string"),
    graphql_case(
        "a Link's endless name", CREATE, {"ik": "a", "name": "x" * 9_999}, "invalid_string"
    ),
    graphql_case("a Link's unsafe ik", CREATE, {"ik": "a#b", "name": "A"}, BAD_INPUT),
    graphql_case(
        "a Link by a reader", CREATE, {"ik": "a", "name": "A"}, "forbidden", token="reader_token"
    ),
    graphql_case("accounts of no Link", ACCOUNTS, {"link": {}, "accounts": []}, "invalid_match"),
    graphql_case(
        "accounts of an absent Link",
        ACCOUNTS,
        {"link": NOWHERE, "accounts": [{"externalId": "a", "name": "A"}]},
        "link_not_found",
    ),
    graphql_case(
        "accounts by an id that is none",
        ACCOUNTS,
        {"link": {"id": "../\u0000#"}, "accounts": []},
        "link_not_found",
    ),
    graphql_case(
        "too many accounts",
        ACCOUNTS,
        {"link": NOWHERE, "accounts": [{"externalId": str(n), "name": "A"} for n in range(101)]},
        "too_many_items",
    ),
    graphql_case("Txs of an absent Link", TXS, tx(), "link_not_found"),
    graphql_case("Txs of no Link", TXS, {"link": {}, "txs": []}, "invalid_match"),
    graphql_case("too many Txs", TXS, {"link": NOWHERE, "txs": MANY}, "too_many_items"),
    graphql_case("a Tx of no account", TXS, tx(account={}), "invalid_match"),
    graphql_case("a Tx beyond Int96", TXS, tx(amount=str(2**120)), BAD_INPUT),
    graphql_case("a Tx of half a cent", TXS, tx(amount="0.5"), BAD_INPUT),
    graphql_case("a Tx posted never", TXS, tx(posted="2024-02-30"), BAD_INPUT),
    graphql_case("a Tx with an unsafe id", TXS, tx(externalId="a/b"), BAD_INPUT),
    graphql_case("a Tx described at length", TXS, tx(description="x" * 1_025), "invalid_string"),
    graphql_case("a Tx in no currency", TXS, tx(currency={"code": "CUSTOM"}), "invalid_currency"),
    graphql_case("deleting what is no Tx", DELETE, {"txs": ["{{entry_id}}"]}, "tx_not_found"),
    graphql_case("deleting what is no id", DELETE, {"txs": ["a#b\u0000"]}, "tx_not_found"),
    graphql_case("deleting too many", DELETE, {"txs": ["{{entry_id}}"] * 101}, "too_many_items"),
    graphql_case("no Link", LINK, {"link": {}}, "invalid_match"),
    graphql_case("an absent Link", LINK, {"link": NOWHERE}, "link_not_found"),
    graphql_case(
        "a Link by an entry's id", LINK, {"link": {"id": "{{entry_id}}"}}, "link_not_found"
    ),
    graphql_case("no External Account", ACCOUNT, {"m": {"externalId": "a"}}, "invalid_match"),
    graphql_case(
        "an External Account by an account's id",
        ACCOUNT,
        {"m": {"id": "{{account_id}}"}},
        data={"externalAccount": None},
    ),
    graphql_case(
        "an External Account in another Ledger's clothes",
        ACCOUNT,
        {"m": {"linkId": "{{foreign_ledger_id}}", "externalId": "a\u0000#"}},
        data={"externalAccount": None},
    ),
    graphql_case("no Tx", TX, {"tx": {"externalId": "a"}}, "invalid_match"),
    graphql_case("a Tx by an entry's id", TX, {"tx": {"id": "{{entry_id}}"}}, data={"tx": None}),
    graphql_case(
        "a Tx of an account that is none",
        TX,
        {"tx": {"externalId": "a", "accountId": "{{account_id}}-{{entry_id}}"}},
        data={"tx": None},
    ),
]
