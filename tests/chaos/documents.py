"""What the load asks for, and what is read when it is over."""

POST = """mutation post($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    ... on AddLedgerEntryResult { entry { id ik reversalPosition } }
    ... on Error { code message retryable }
  }
}"""
POST_ALL = """mutation postAll($entries: [AddLedgerEntryInput!]!) {
  addLedgerEntries(entries: $entries) {
    ... on AddLedgerEntriesResult { results { entry { id ik reversalPosition } } }
    ... on Error { code message retryable }
  }
}"""
UPDATE = """mutation update($id: ID!, $update: UpdateLedgerEntryInput!) {
  updateLedgerEntry(ledgerEntry: {id: $id}, update: $update) {
    ... on UpdateLedgerEntryResult { entry { id ik reversalPosition } }
    ... on Error { code message retryable }
  }
}"""
REVERSE = """mutation reverse($id: ID!) {
  reverseLedgerEntry(id: $id) {
    ... on ReverseLedgerEntryResult { entry: reversingLedgerEntry { id ik reversalPosition } }
    ... on Error { code message retryable }
  }
}"""
MIGRATE = """mutation migrate($id: ID!, $entry: LedgerEntryInput!) {
  migrateLedgerEntry(input: {id: $id, newLedgerEntry: $entry}) {
    ... on MigrateLedgerEntryResult { entry: newLedgerEntry { id ik reversalPosition } }
    ... on Error { code message retryable }
  }
}"""
BALANCES = """query balances($ik: SafeString!, $first: Int!, $after: String) {
  ledger(ledger: {ik: $ik}) {
    ledgerAccounts(first: $first, after: $after) {
      nodes { path ownBalance strong: ownBalance(consistencyMode: use_account) }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
GROUP = """query group($ik: SafeString!, $key: SafeString!, $value: SafeString!) {
  ledgerEntryGroup(ledgerEntryGroup: {key: $key, value: $value, ledger: {ik: $ik}}) {
    balances(first: 100) { nodes { account { path } ownBalance(consistencyMode: use_account) } }
  }
}"""
MIGRATIONS = """query migrations($ik: SafeString!) {
  ledger(ledger: {ik: $ik}) {
    migrations(first: 100) { nodes { status schemaVersion { version } } }
  }
}"""
STANDING_FIELDS = """{
  reversalPosition isReversal tags { key value } groups { key value }
}"""
