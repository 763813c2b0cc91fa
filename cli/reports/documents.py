"""The reports' GraphQL documents: those of the API's guide, with paging and all currencies.

The guide asks for `balance`, which a multi-currency account can't answer; `balances` holds the same
amount, each with its currency. Lists are walked from their oldest end.
"""

_CURRENCY = "currency { code customCurrencyId precision }"
_AMOUNT = f"amount {_CURRENCY}"
_NEXT = "pageInfo { hasNextPage endCursor }"
_PREVIOUS = "pageInfo { hasPreviousPage startCursor }"

LEDGER = """
query GetReportLedger($ledgerIk: SafeString!) {
  ledger(ledger: {ik: $ledgerIk}) { ik name balanceUTCOffset }
}
"""


def _accounts(name: str, variable: str, field: str) -> str:
    return f"""
query {name}(
  $ledgerIk: SafeString!, {variable}, $accountsFilter: LedgerAccountsFilterSet
  $first: Int!, $after: String
) {{
  ledger(ledger: {{ik: $ledgerIk}}) {{
    ledgerAccounts(filter: $accountsFilter, first: $first, after: $after) {{
      nodes {{ id path name type {_CURRENCY} amounts: {field} }}
      {_NEXT}
    }}
  }}
}}
"""


def _balances(field: str) -> str:
    return f"{field}(at: $balanceAtEndOf, first: $first) {{ nodes {{ {_AMOUNT} }} {_NEXT} }}"


BALANCE_SHEET = _accounts("GetBalanceSheet", "$balanceAtEndOf: LastMoment", _balances("balances"))
TRIAL_BALANCE = _accounts(
    "GetTrialBalance", "$balanceAtEndOf: LastMoment", _balances("ownBalances")
)
INCOME_STATEMENT = _accounts(
    "GetIncomeStatement",
    "$balanceChangeDuring: Period!",
    f"balanceChanges(period: $balanceChangeDuring) {{ nodes {{ {_AMOUNT} }} {_NEXT} }}",
)


def more_balances(field: str) -> str:
    """Further currencies of one account; `field` is `balances` or `ownBalances`."""
    return f"""
query GetMoreBalances($id: ID!, $at: LastMoment, $first: Int!, $after: String!) {{
  ledgerAccount(ledgerAccount: {{id: $id}}) {{
    amounts: {field}(at: $at, first: $first, after: $after) {{ nodes {{ {_AMOUNT} }} {_NEXT} }}
  }}
}}
"""


ACCOUNT_STATEMENT = f"""
query GetAccountStatement(
  $accountMatch: LedgerAccountMatchInput!
  $startingBalanceAtEndOf: LastMoment!, $endingBalanceAtEndOf: LastMoment!, $first: Int!
) {{
  ledgerAccount(ledgerAccount: $accountMatch) {{
    id path name type
    {_CURRENCY}
    starting: ownBalances(at: $startingBalanceAtEndOf, first: $first) {{
      nodes {{ {_AMOUNT} }} {_NEXT}
    }}
    ending: ownBalances(at: $endingBalanceAtEndOf, first: $first) {{
      nodes {{ {_AMOUNT} }} {_NEXT}
    }}
  }}
}}
"""

STATEMENT_LINES = f"""
query GetAccountStatementLines(
  $accountMatch: LedgerAccountMatchInput!, $linesFilter: LedgerLinesFilterSet!
  $last: Int!, $before: String
) {{
  ledgerAccount(ledgerAccount: $accountMatch) {{
    lines(filter: $linesFilter, last: $last, before: $before) {{
      nodes {{ id key posted description amount ledgerEntryId {_CURRENCY} }}
      {_PREVIOUS}
    }}
  }}
}}
"""

JOURNAL = f"""
query GetJournalExport(
  $ledgerIk: SafeString!, $entriesFilter: LedgerEntriesFilterSet!, $last: Int!, $before: String
) {{
  ledger(ledger: {{ik: $ledgerIk}}) {{
    ledgerEntries(filter: $entriesFilter, last: $last, before: $before) {{
      nodes {{
        id ik type posted description
        lines {{ nodes {{ id description account {{ name path type }} amount {_CURRENCY} }} }}
      }}
      {_PREVIOUS}
    }}
  }}
}}
"""

LINKED_ACCOUNTS = f"""
query GetLinkedAccounts($ledgerIk: SafeString!, $first: Int!, $after: String) {{
  ledger(ledger: {{ik: $ledgerIk}}) {{
    ledgerAccounts(filter: {{isLinkedAccount: true}}, first: $first, after: $after) {{
      nodes {{
        id path {_CURRENCY}
        linkedAccount {{ id externalId }}
        amounts: ownBalances(first: $first) {{ nodes {{ {_AMOUNT} }} {_NEXT} }}
      }}
      {_NEXT}
    }}
  }}
}}
"""

_TX = f"id externalId posted description {_AMOUNT}"

UNRECONCILED_TXS = f"""
query GetUnreconciledTxs(
  $accountMatch: LedgerAccountMatchInput!, $txsFilter: LedgerAccountUnreconciledTxsFilterSet
  $last: Int!, $before: String
) {{
  ledgerAccount(ledgerAccount: $accountMatch) {{
    unreconciledTxs(filter: $txsFilter, last: $last, before: $before) {{
      nodes {{ {_TX} }}
      {_PREVIOUS}
    }}
  }}
}}
"""

EXTERNAL_ACCOUNT_TXS = f"""
query GetExternalAccountTxs(
  $externalAccount: ExternalAccountMatchInput!, $last: Int!, $before: String
) {{
  externalAccount(externalAccount: $externalAccount) {{
    txs(last: $last, before: $before) {{
      nodes {{ {_TX} }}
      {_PREVIOUS}
    }}
  }}
}}
"""
