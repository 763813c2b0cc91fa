"""Documents of the mutations that change what was posted, and of what is read after them."""

ENTRY_FIELDS = """id ik type typeVersion posted created description hidden isReversal isReversed
  reversalPosition reversedAt tags { key value } groups { key value }
  reverses { id } reversedBy { id }
  lines { nodes { id key amount account { path } tags { key value } hidden isReversal isReversed } }
"""
UPDATE = f"""mutation u($entry: LedgerEntryMatchInput!, $update: UpdateLedgerEntryInput!) {{
  updateLedgerEntry(ledgerEntry: $entry, update: $update) {{
    __typename
    ... on UpdateLedgerEntryResult {{ entry {{ {ENTRY_FIELDS} }} }}
    ... on Error {{ code message retryable }}
  }}
}}"""
REVERSE = f"""mutation r($id: ID!) {{
  reverseLedgerEntry(id: $id) {{
    __typename
    ... on ReverseLedgerEntryResult {{
      isIkReplay
      reversedLedgerEntry {{ {ENTRY_FIELDS} reversalHistory {{ nodes {{ id }} }} }}
      reversingLedgerEntry {{ {ENTRY_FIELDS} }}
    }}
    ... on Error {{ code message retryable }}
  }}
}}"""
MIGRATE = f"""mutation m($id: ID!, $entry: LedgerEntryInput!) {{
  migrateLedgerEntry(input: {{id: $id, newLedgerEntry: $entry}}) {{
    __typename
    ... on MigrateLedgerEntryResult {{
      isIkReplay
      reversedLedgerEntry {{ {ENTRY_FIELDS} }}
      reversingLedgerEntry {{ {ENTRY_FIELDS} }}
      newLedgerEntry {{ {ENTRY_FIELDS} }}
    }}
    ... on Error {{ code message retryable }}
  }}
}}"""
HISTORY = """query h($entry: LedgerEntryMatchInput!) {
  ledgerEntryHistory(ledgerEntry: $entry) { nodes { id reversalPosition hidden } }
}"""
STRONG_LISTS = """query s($ik: SafeString!, $path: String!, $entries: LedgerEntriesFilterSet,
    $lines: LedgerLinesFilterSet) {
  ledger(ledger: {ik: $ik}) { ledgerEntries(filter: $entries) { nodes { id } } }
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ik}}) {
    lines(filter: $lines) { nodes { ledgerEntryId amount } }
  }
}"""
