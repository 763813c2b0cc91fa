"""The GraphQL documents of a statement's sync."""

_CURRENCY = "currency { code customCurrencyId precision }"

LINK = """
query GetStatementLink($link: LinkMatchInput!) {
  link(link: $link) { __typename id name }
}
"""
ACCOUNT = f"""
query GetStatementAccount($account: ExternalAccountMatchInput!) {{
  externalAccount(externalAccount: $account) {{
    id externalId name currencyMode {_CURRENCY}
  }}
}}
"""
CREATE_ACCOUNT = f"""
mutation CreateStatementAccount($link: LinkMatchInput!, $accounts: [CustomAccountInput!]!) {{
  syncCustomAccounts(link: $link, accounts: $accounts) {{
    __typename
    ... on SyncCustomAccountsResult {{
      accounts {{ id externalId name currencyMode {_CURRENCY} }}
    }}
    ... on Error {{ code message retryable }}
  }}
}}
"""
SYNC = """
mutation SyncStatementTxs($link: LinkMatchInput!, $txs: [CustomTxInput!]!) {
  syncCustomTxs(link: $link, txs: $txs) {
    __typename
    ... on SyncCustomTxsResult { txs { id } }
    ... on Error { code message retryable }
  }
}
"""


def find_txs(count: int) -> str:
    """So many lookups in one query: `t0` … of `$t0` …."""
    variables = ", ".join([f"$t{place}: TxMatchInput!" for place in range(count)])
    fields = "\n  ".join(
        [f"t{place}: tx(tx: $t{place}) {{ ...Standing }}" for place in range(count)]
    )
    return f"""
query GetStatementTxs({variables}) {{
  {fields}
}}

fragment Standing on Tx {{ externalId posted amount description {_CURRENCY} }}
"""
