"""Every bound of the system, with its unit last. Relations are asserted beside the values.

Limits of the API are those that FRAGMENT documents; those it doesn't state are ours and marked so.
"""

# --- Ledger entries -----------------------------------------------------------------------------
LINES_PER_ENTRY_MAX = 30
TAGS_PER_ENTRY_MAX = 10
TAGS_PER_LINE_MAX = 10  # ours
GROUPS_PER_ENTRY_MAX = 10
CONDITIONS_PER_ENTRY_MAX = 30  # ours: one for each line's account
UPDATES_PER_ENTRY_MAX = 10
UPDATE_LABELS_MAX = 100  # ours: tags or groups in one list of an update
CHAIN_LOOKS_MAX = 16  # that a request reads an ik's chain again because it moved
TAG_KEY_CHARS_MAX = 128
TAG_VALUE_CHARS_MAX = 256
GROUP_KEY_CHARS_MAX = 128
GROUP_VALUE_CHARS_MAX = 128
IK_CHARS_MAX = 256  # ours
NAME_CHARS_MAX = 256  # ours
DESCRIPTION_CHARS_MAX = 1024  # ours
PARAMETERS_PER_ENTRY_MAX = 100  # ours
PARAMETER_CHARS_MAX = 1024  # ours
ENTRIES_PER_ATOMIC_BATCH_MAX = 100  # ours: what one TransactWriteItems can carry
SAFE_STRING_CHARS_MAX = 128  # ours, where a field doesn't say otherwise

# --- Schemas and accounts -----------------------------------------------------------------------
CHART_DEPTH_MAX = 10
CHART_ACCOUNTS_MAX = 2_000  # ours
ENTRY_TYPES_MAX = 1_000  # ours
AMOUNT_TERMS_MAX = 32  # ours: operands of one amount expression
AMOUNT_EXPRESSION_CHARS_MAX = 1_024  # ours
SCHEMA_JSON_BYTES_MAX = 300_000  # ours: a version is one DynamoDB item (400 KB)
VIOLATIONS_SHOWN_MAX = 20  # ours: of a Schema that is refused
ACCOUNT_PATH_CHARS_MAX = 1_024  # ours
GROUP_PATH_BYTES_MAX = 800  # of a path, in the sort key of a group's balance: 1,024 bytes in all
CUSTOM_CURRENCY_CHARS_MAX = 36  # of its id, and of its code
CUSTOM_CURRENCY_PRECISION_MAX = 36  # ours: the digits of the largest Int96
ACCOUNTS_PER_CREATION_MAX = 200

# --- Links --------------------------------------------------------------------------------------
ACCOUNTS_PER_SYNC_MAX = 100
TXS_PER_SYNC_MAX = 100
TXS_PER_DELETION_MAX = 100  # ours
TX_CONFLICTS_SHOWN_MAX = 5  # of a sync that is refused
LINKS_SHOWN_MAX = 2_000  # of a list that has no pages: Links, and External Accounts of one Link
LINKS_CACHED_MAX = 10_000
EXTERNAL_ACCOUNTS_CACHED_MAX = 50_000
TXS_CACHED_MAX = 20_000  # about 20 MB

# --- Native Links: all ours ---------------------------------------------------------------------
LINK_LOOK_MS = 1_000  # between two looks for Links that are due
LINK_LEASE_MS = 60_000  # how long a Link's item stands still before another process takes it over
LINK_GAP_MS = 2_000  # between two rounds that webhooks ask for
LINK_POLL_S_MAX = 86_400
LINK_BACKOFF_MS = 1_000
LINK_BACKOFF_MS_MAX = 300_000
LINK_OVERLAP_S = 600  # what a round reads again: transactions that were listed late
LINK_REST_PAGES = 100  # of a long round, between two short ones that bring in what is new
LINKS_AT_ONCE_MAX = 32  # of one process
NATIVE_LINKS_MAX = 10_000
NATIVE_LINKS_PER_PAGE = 100
LINK_REFUSALS_KEPT_MAX = 20  # the newest transactions that could not be written
LINK_TROUBLE_CHARS_MAX = 300
LINK_SEEN_MAX = 50_000  # transactions that a process remembers as written: about 12 MB
LINK_SECRET_BYTES_MIN = 32
LINK_SECRETS_MAX = 10
SOURCE_KEY_CHARS_MAX = 300
SOURCE_PAGE_MAX = 100  # balance transactions of one page of Stripe's list
SOURCE_CALL_MS = 20_000
WEBHOOK_BODY_BYTES_MAX = 500_000
WEBHOOK_AGE_S_MAX = 300  # how old a signature may be
WEBHOOK_SECRETS_AGE_MS = 30_000  # how long an endpoint's secret is remembered
WEBHOOK_SECRETS_HELD_MAX = 10_000

# --- Lists --------------------------------------------------------------------------------------
PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 200
FILTER_LIST_MAX = 100
FILTER_ALL_MAX = 10
CURSOR_CHARS_MAX = 2_048
NODES_PER_REQUEST_MAX = 20_000  # of all lists of one request, pages counted as full
SEARCHES_PER_CALL_MAX = 50  # of one _msearch
LIST_WALK_CHUNK_ITEMS = 100  # what a filtered list that DynamoDB serves reads at a time
LIST_WALK_ITEMS_MAX = 2_000  # … and reads for one page at most
REVERSAL_HISTORY_ENTRIES_MAX = 200
DATA_MIGRATION_VERSIONS_MAX = 200  # newest Schema versions that data migrations are read from
CURRENCIES_PER_ACCOUNT_MAX = 1_000  # what a plural balance change lists
DURING_GRANULES_MAX = 744  # hours of the longest month
GROUPS_SEARCHED_MAX = 2_000  # that one page of a list of groups filtered by balance looks at
TORN_READS_MAX = 5  # times that a balance and its hours are read again while they are being folded

# --- Elasticsearch --------------------------------------------------------------------------------
SEARCH_TIMEOUT_MS = 5_000
BULK_TIMEOUT_MS = 30_000
MERGE_TIMEOUT_MS = 3_600_000  # of the merge that ends a rebuild
SEARCH_ATTEMPTS_MAX = 3  # of a search whose connection broke: reading again is harmless
SEARCH_BACKOFF_MS = 20
SEARCH_CONNECTIONS_MAX = 32
SCAN_PAGE_DOCUMENTS = 1_000
INDEX_GENERATIONS_MAX = 10_000  # of one kind and mapping version, over all rebuilds
LINE_RECORD_BYTES_MAX = 4_096  # of an entry that its lines' documents carry; a larger one is loaded
ACCOUNT_FIELDS_CACHED_MAX = 10_000  # about 8 MB

# --- GraphQL and HTTP ---------------------------------------------------------------------------
REQUEST_BODY_BYTES_MAX = 2_000_000
DOCUMENT_CHARS_MAX = 100_000
DOCUMENT_TOKENS_MAX = 10_000  # all operations of the official client have 3,903
DOCUMENT_DEFINITIONS_MAX = 100
QUERY_DEPTH_MAX = 20
QUERY_NESTING_MAX = 3 * QUERY_DEPTH_MAX  # of braces: fields and inline fragments
QUERY_FIELDS_MAX = 2_000  # fields of one operation once its fragments are expanded
QUERY_ALIASES_MAX = 200
QUERY_ROOT_FIELDS_MAX = 50
FIELDS_COMPARED_MAX = 10_000  # pairs of fields with one response name, in one selection
VALIDATION_ERRORS_MAX = 20  # of one document that are told
INPUT_ERRORS_MAX = 10  # of one request's variables that are told
JSON_DEPTH_MAX = 50
DOCUMENTS_CACHED_MAX = 1_000
DOCUMENTS_CACHED_CHARS_MAX = 2_000_000
ANSWER_KEPT_BYTES_MAX = 500_000  # of an introspection; the longest that tools ask has 336,000
ANSWERS_KEPT_BYTES_MAX = 5_000_000  # of all of them
REQUESTS_IN_FLIGHT_MAX = 2_000
REQUEST_TIMEOUT_MS = 30_000
SHUTDOWN_GRACE_S = 10  # that requests get when the process is told to stop
FORWARD_CONNECTIONS_MAX = 64  # from a write process to the read tier
FORWARD_CONNECT_MS = 2_000
READINESS_CHECK_MS = 2_000  # that one engine gets to answer /readyz

# --- API clients and tokens: all ours -----------------------------------------------------------
TOKEN_LIFE_S = 3_600
TOKEN_GRACE_S = 30
TOKEN_CHARS_MAX = 4_096
TOKEN_SECRET_BYTES_MIN = 32
TOKENS_CACHED_MAX = 10_000
FORM_BYTES_MAX = 10_000  # of a token request
FORM_PARAMETERS_MAX = 20
CLIENT_ID_CHARS_MAX = 128
CLIENT_REFRESH_MS = 30_000  # a client that was read longer ago is read again, in the background
CLIENT_AGE_MS_MAX = 60_000  # … and one read longer ago than this before the request goes on
CLIENTS_HELD_MAX = 10_000
CLIENTS_PER_PAGE = 100
CLIENTS_LISTED_MAX = 10_000
CLIENT_CHANGES_TRIED_MAX = 5

# --- DynamoDB -----------------------------------------------------------------------------------
ITEM_BYTES_MAX = 400_000
SORT_KEY_BYTES_MAX = 1_024
ENTRY_BYTES_MAX = ITEM_BYTES_MAX - 2_000  # so that an entry can always be marked and reversed
TRANSACT_ITEMS_MAX = 100
TRANSACT_BYTES_MAX = 4_000_000
BATCH_GET_KEYS_MAX = 100
BATCH_WRITE_ITEMS_MAX = 25
STORE_ATTEMPTS_MAX = 10
STORE_BACKOFF_MS = 20
STORE_BACKOFF_MS_MAX = 1_000
STORE_TIMEOUT_MS = 5_000  # of one sending
STORE_CONNECT_MS = 2_000  # of it, until there is a connection: after that, its fate is unknown
STORE_CALL_MS_MAX = 20_000  # no sending starts later than this after the first
STORE_CONNECTIONS_MAX = 32
STORE_KEEP_ALIVE_S = 15  # shorter than what the engines keep an idle connection for
STORE_COLD_ATTEMPTS_MAX = 5  # of calls that go through botocore: creating tables
TABLE_WAIT_POLLS_MAX = 120  # until a new table is active
TABLE_WAIT_POLL_S = 1
NUMBER_DIGITS_MAX = 38
BATCH_TOKEN_CHARS_MAX = 36  # of a ClientRequestToken
BATCH_TOKEN_LIFE_MS = 600_000  # how long DynamoDB remembers a ClientRequestToken
BATCH_GET_ROUNDS_MAX = 20  # 100 items of 400 KB take three
EXPRESSION_SHAPES_CACHED_MAX = 4_096

# --- Group commit -------------------------------------------------------------------------------
COMMIT_QUEUE_MAX = 10_000
COMMITS_IN_FLIGHT_MAX = 2
COMMIT_BATCH_BYTES_MAX = 3_500_000  # headroom under TRANSACT_BYTES_MAX for expressions
REPLANS_MAX = 8
LEDGER_HEAD_AGE_MS_MAX = 1_000
# A freed ik's new ledger waits until no process holds the old one's head any more …
LEDGER_IK_REST_MS = 1_500
LEDGER_IK_RESTS_FOR_MS = 60_000  # … unless the deletion was so long ago, however clocks differ
ACCOUNTS_CACHED_MAX = 200_000
CUSTOM_CURRENCIES_CACHED_MAX = 10_000
SCHEMAS_CACHED_MAX = 1_000
LEDGERS_CACHED_MAX = 10_000
VIEWS_CACHED_MAX = 1_000  # of ledgers, as planning sees them
PATHS_CACHED_MAX = 50_000  # of one view

# --- Migrations and other work behind an answer -------------------------------------------------
WORK_POLL_MS = 1_000
WORK_LEASE_MS = 10_000  # how long a work's item stands still before another process takes it over
WORK_POLLED_MAX = 100
WORKS_AT_ONCE_MAX = 4  # of one process
MIGRATION_PAGE_LEDGERS = 20  # between two signs of life
MIGRATIONS_AT_ONCE_MAX = 4  # ledgers of one work
MIGRATIONS_SHOWN_MAX = 2_000  # what SchemaVersion.migrations, which has no pages, lists
MIGRATION_REASON_CHARS_MAX = 500
SWEEP_DELAY_MS = 60_000  # until no post is under way that was planned before the deletion
SCHEMA_LEDGERS_COUNTED_MAX = 100  # what a refusal to delete a Schema counts

# --- Indexing -----------------------------------------------------------------------------------
STREAM_RECORDS_MAX = 1_000
STREAM_SHARD_PAGES_MAX = 100  # pages of DescribeStream, 100 shards each
STREAM_ITERATOR_LIFE_MS = 900_000
STREAM_RECORD_LIFE_MS = 86_400_000
STREAM_UNHEARD_MS_MAX = 82_800_000  # longer without a checkpoint: records may have gone by unread
LEASE_MS = 10_000
LEASE_RENEW_MS = 3_000
FOLLOW_IDLE_MS = 100
BULK_DOCUMENTS_MAX = 2_000
BULK_BYTES_MAX = 5_000_000
BULK_ATTEMPTS_MAX = 8
WINDOWS_AT_ONCE = 16  # posted windows of clearing accounts that are written at the same time
WINDOWS_CACHED_MAX = 100_000
CLEARING_MARKS_PER_PAGE = 100
CLEARING_MARK_PAGES_MAX = 100_000  # of one round
CLEARING_PACE_MS = 200  # a refresh waits so long for more marks
CLEARING_LOOK_MS = 5_000  # between looks for the marks of other processes
# Half of what a transaction can carry: one that is full holds up the posts of an engine with one
# writer for so long that their slowest twentieth took 336 ms instead of under 300.
ROLLUP_ITEMS_MAX = 50

# --- Command line -------------------------------------------------------------------------------
CLI_ATTEMPTS_MAX = 5  # of one request
CLI_BACKOFF_MS = 200  # the pause before the second attempt, doubled by each further one
CLI_TIMEOUT_MS = 60_000  # of one attempt: longer than a request may take the service
CLI_ERRORS_SHOWN_MAX = 10
REPORT_PAGE_SIZE = 100  # accounts of a report's page; that many currencies of each
REPORT_WIDTH_ROWS = 1_000  # what a table looks at before it decides how wide its columns are
TRIAL_BALANCE_ATTEMPTS_MAX = 4
TRIAL_BALANCE_PAUSE_MS = 1_500  # between them: longer than lists take to follow the posts
AGES_MAX = 20  # of unreconciled Txs in one report
STATEMENT_BYTES_MAX = 100_000_000  # of a bank's file
STATEMENT_ROWS_MAX = 100_000
STATEMENT_DEPTH_MAX = 50  # of XML elements; camt.053 needs about 15
STATEMENT_LOOKUPS = 50  # Txs that one query looks up
FIGURE_CHARS_MAX = 60  # of an amount as a file writes it

assert REPORT_PAGE_SIZE <= PAGE_SIZE_MAX
assert REPORT_PAGE_SIZE * (REPORT_PAGE_SIZE + 1) <= NODES_PER_REQUEST_MAX
assert REQUEST_TIMEOUT_MS < CLI_TIMEOUT_MS
assert STATEMENT_LOOKUPS <= QUERY_ROOT_FIELDS_MAX <= QUERY_ALIASES_MAX
assert COMMIT_BATCH_BYTES_MAX < TRANSACT_BYTES_MAX
assert CLEARING_MARKS_PER_PAGE <= BATCH_GET_KEYS_MAX
assert ROLLUP_ITEMS_MAX < TRANSACT_ITEMS_MAX  # one item is the checkpoint
assert LINES_PER_ENTRY_MAX + GROUPS_PER_ENTRY_MAX + 1 < TRANSACT_ITEMS_MAX
assert ENTRIES_PER_ATOMIC_BATCH_MAX <= TRANSACT_ITEMS_MAX
assert PAGE_SIZE_DEFAULT <= PAGE_SIZE_MAX
assert SCHEMA_JSON_BYTES_MAX < ITEM_BYTES_MAX
assert max(ACCOUNTS_PER_SYNC_MAX, TXS_PER_DELETION_MAX) <= TRANSACT_ITEMS_MAX
assert TXS_PER_SYNC_MAX * 2 <= TRANSACT_ITEMS_MAX * 2  # two transactions carry any sync
assert QUERY_DEPTH_MAX <= QUERY_NESTING_MAX
assert DOCUMENT_CHARS_MAX <= DOCUMENTS_CACHED_CHARS_MAX
assert ANSWER_KEPT_BYTES_MAX <= ANSWERS_KEPT_BYTES_MAX
assert DOCUMENT_CHARS_MAX < REQUEST_BODY_BYTES_MAX
assert SOURCE_CALL_MS + STORE_CALL_MS_MAX + STORE_TIMEOUT_MS < LINK_LEASE_MS
assert FORWARD_CONNECT_MS < REQUEST_TIMEOUT_MS
assert CLIENT_REFRESH_MS < CLIENT_AGE_MS_MAX <= 60_000  # a revocation takes a minute, as is told
assert CLIENTS_PER_PAGE <= BATCH_GET_KEYS_MAX
assert LEASE_RENEW_MS * 2 < LEASE_MS
assert STREAM_UNHEARD_MS_MAX < STREAM_RECORD_LIFE_MS
assert LEDGER_HEAD_AGE_MS_MAX < LEDGER_IK_REST_MS < LEDGER_IK_RESTS_FOR_MS
assert STORE_CALL_MS_MAX + STORE_TIMEOUT_MS + LEDGER_HEAD_AGE_MS_MAX < SWEEP_DELAY_MS
assert STORE_CALL_MS_MAX + STORE_TIMEOUT_MS < REQUEST_TIMEOUT_MS
assert STORE_CONNECT_MS < STORE_TIMEOUT_MS
