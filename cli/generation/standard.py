"""The standard operations: those that the official clients bring along, by name and fields.

Each is told in its shortest form: a mutation without `__typename` and its error members, and
what many select under a name that begins with `@`.
"""

from cli.generation.operations import Operation, make_operation

_PARTS = {
    "@page": "pageInfo { hasNextPage endCursor hasPreviousPage startCursor }",
    "@amounts": "{ nodes { currency { code customCurrencyId } amount } }",
    "@line": "id amount account { path }",
    "@success": "success",
    "@posted": "isIkReplay entry { type id ik posted created } lines { @line }",
    "@reconciled": "entry { id ik date posted created description } lines { @line externalTxId }",
    "@reversed": "ik id created posted type description hidden lines { nodes { @line } }",
    "@migrated": (
        "ik id created posted type description reversedAt hidden lines { nodes { @line } }"
    ),
    "@toMigrate": (
        "id ik type typeVersion description posted created parameters lines { nodes { @line } }"
    ),
    "@migration": (
        "status currentMigration { schemaVersion status } "
        "ledgerEntries { nodes { id type posted parameters } @page } "
        "history { nodes { schemaVersion status } @page }"
    ),
    "@account": "accounts { id externalId name currency { code customCurrencyId } }",
    "@txs": "txs { __typename linkId id externalId externalAccountId amount description posted }",
    "@refund": "id ik amount status created",
    "@payment": "amount mode currency { code } refundedAmount refunds { nodes { @refund } }",
    "@method": (
        "__typename id created ... on CardPaymentMethod { brand last4 expiryMonth expiryYear }"
    ),
    "@setup": "id ik clientSecret status mode created currency { code } paymentMethod { @method }",
}

_FORWARD = "$after: String, $first: Int, $before: String"
_BOTH_WAYS = "$after: String, $before: String, $first: Int, $last: Int"
_LABELS = "$tags: [LedgerEntryTagInput!], $groups: [LedgerEntryGroupInput!]"
_LEDGER = "$ledgerIk: SafeString!"
_TYPE = "$type: String!, $typeVersion: Int"
_LABELLED = "tags: $tags, groups: $groups"
_IN_LEDGER = "ledger: {ik: $ledgerIk}"
_TYPED = "type: $type, typeVersion: $typeVersion"
_ONWARD = "after: $after, first: $first, before: $before"
_ANYWHERE = "first: $first, after: $after, last: $last, before: $before"

# name, variables, root field with its arguments, what its result selects
_MUTATIONS = [
    (
        "StoreSchema",
        "$schema: SchemaInput!",
        "storeSchema(schema: $schema)",
        "schema { key name version { created version } }",
    ),
    ("DeleteSchema", "$schema: SchemaMatchInput!", "deleteSchema(schema: $schema)", "@success"),
    (
        "CreateLedger",
        "$ik: SafeString!, $ledger: CreateLedgerInput!, $schemaKey: SafeString!",
        "createLedger(ik: $ik, ledger: $ledger, schema: {key: $schemaKey})",
        "ledger { id ik name created schema { key } } isIkReplay",
    ),
    ("DeleteLedger", "$ledger: LedgerMatchInput!", "deleteLedger(ledger: $ledger)", "@success"),
    (
        "InstantiateLedgerAccount",
        "$ledger: LedgerMatchInput!, $path: String!, $parameters: Parameters",
        "instantiateLedgerAccount(ledger: $ledger, path: $path, parameters: $parameters)",
        "ledgerAccount { id path name type created }",
    ),
    (
        "AddLedgerEntries",
        "$entries: [AddLedgerEntryInput!]!",
        "addLedgerEntries(entries: $entries)",
        "results { @posted }",
    ),
    (
        "AddLedgerEntry",
        f"$ik: SafeString!, {_LEDGER}, {_TYPE}, $posted: DateTime, $parameters: JSON!, {_LABELS}",
        f"addLedgerEntry(ik: $ik, entry: {{{_IN_LEDGER}, {_TYPED}, posted: $posted, "
        f"parameters: $parameters, {_LABELLED}}})",
        "@posted",
    ),
    (
        "ReverseLedgerEntry",
        "$id: ID!",
        "reverseLedgerEntry(id: $id)",
        "reversingLedgerEntry { @reversed } reversedLedgerEntry { @reversed } isIkReplay",
    ),
    (
        "MigrateLedgerEntry",
        "$id: ID!, $newLedgerEntry: LedgerEntryInput!",
        "migrateLedgerEntry(input: {id: $id, newLedgerEntry: $newLedgerEntry})",
        "reversingLedgerEntry { @migrated } reversedLedgerEntry { @migrated } "
        "newLedgerEntry { @migrated } isIkReplay",
    ),
    (
        "AddLedgerEntryRuntime",
        f"$ik: SafeString!, {_TYPE}, {_LEDGER}, $posted: DateTime, $lines: [LedgerLineInput!]!, "
        f"{_LABELS}",
        f"addLedgerEntry(ik: $ik, entry: {{{_TYPED}, {_IN_LEDGER}, posted: $posted, "
        f"lines: $lines, {_LABELLED}}})",
        "@posted",
    ),
    (
        "ReconcileTx",
        f"{_LEDGER}, {_TYPE}, $parameters: JSON!, {_LABELS}",
        f"reconcileTx(entry: {{{_IN_LEDGER}, {_TYPED}, parameters: $parameters, {_LABELLED}}})",
        "@reconciled",
    ),
    (
        "ReconcileTxRuntime",
        f"{_LEDGER}, {_TYPE}, $lines: [LedgerLineInput!]!, {_LABELS}",
        f"reconcileTx(entry: {{{_IN_LEDGER}, {_TYPED}, lines: $lines, {_LABELLED}}})",
        "@reconciled",
    ),
    (
        "UpdateLedgerEntry",
        f"$entryIk: SafeString!, {_LEDGER}, $update: UpdateLedgerEntryInput!",
        f"updateLedgerEntry(ledgerEntry: {{ik: $entryIk, {_IN_LEDGER}}}, update: $update)",
        "entry { id ik posted created description lines { nodes { @line } } "
        "groups { key value } tags { key value } }",
    ),
    (
        "UpdateLedger",
        f"{_LEDGER}, $update: UpdateLedgerInput!",
        f"updateLedger({_IN_LEDGER}, update: $update)",
        "ledger { id ik name }",
    ),
    (
        "CreateCustomLink",
        "$name: String!, $ik: SafeString!",
        "createCustomLink(name: $name, ik: $ik)",
        "link { id name created } isIkReplay",
    ),
    (
        "SyncCustomAccounts",
        "$linkId: ID!, $accounts: [CustomAccountInput!]!",
        "syncCustomAccounts(link: {id: $linkId}, accounts: $accounts)",
        "@account",
    ),
    (
        "SyncCustomTxs",
        "$linkId: ID!, $txs: [CustomTxInput!]!",
        "syncCustomTxs(link: {id: $linkId}, txs: $txs)",
        "@txs",
    ),
    (
        "SyncCustomAccountsByLinkIk",
        "$linkIk: SafeString!, $accounts: [CustomAccountInput!]!",
        "syncCustomAccounts(link: {ik: $linkIk}, accounts: $accounts)",
        "@account",
    ),
    (
        "SyncCustomTxsByLinkIk",
        "$linkIk: SafeString!, $txs: [CustomTxInput!]!",
        "syncCustomTxs(link: {ik: $linkIk}, txs: $txs)",
        "@txs",
    ),
    (
        "DeleteCustomTxs",
        "$txs: [ID!]!",
        "deleteCustomTxs(txs: $txs)",
        "txs { tx { linkId id externalId externalAccountId amount description posted deletedAt } }",
    ),
    (
        "CreateCustomCurrency",
        "$id: SafeString!, $name: String!, $precision: Int!, $customCode: String!",
        "createCustomCurrency(customCurrency: {customCurrencyId: $id, name: $name, "
        "precision: $precision, customCode: $customCode})",
        "customCurrency { code customCurrencyId precision name customCode }",
    ),
    (
        "CreatePayment",
        f"$ik: SafeString!, {_LEDGER}, $type: SafeString!, $typeVersion: Int!, "
        "$parameters: JSON, $paymentMethod: PaymentMethodMatchInput",
        f"createPayment(ik: $ik, {_IN_LEDGER}, payment: {{{_TYPED}, parameters: $parameters, "
        "paymentMethod: $paymentMethod})",
        "payment { id ik clientSecret status @payment }",
    ),
    (
        "RetryPayment",
        f"$attemptIk: SafeString!, $paymentIk: SafeString!, {_LEDGER}, "
        "$paymentMethod: PaymentMethodMatchInput",
        f"retryPayment(attemptIk: $attemptIk, payment: {{ik: $paymentIk, {_IN_LEDGER}}}, "
        "paymentMethod: $paymentMethod)",
        "isIkReplay attempt { id status } payment { id ik status @payment }",
    ),
    (
        "RefundPayment",
        f"$ik: SafeString!, $paymentIk: SafeString!, {_LEDGER}, $amount: Int96!, $parameters: JSON",
        f"refundPayment(ik: $ik, payment: {{ik: $paymentIk, {_IN_LEDGER}}}, "
        "refund: {amount: $amount, parameters: $parameters})",
        "isIkReplay refund { @refund } payment { id ik status @payment }",
    ),
    (
        "DeletePaymentMethod",
        "$id: ID!",
        "deletePaymentMethod(paymentMethod: {id: $id})",
        "@success",
    ),
    (
        "CreatePaymentMethodSetup",
        f"$ik: SafeString!, {_LEDGER}, $email: String!",
        f"createPaymentMethodSetup(ik: $ik, {_IN_LEDGER}, user: {{email: $email}})",
        "paymentMethodSetup { @setup } isIkReplay",
    ),
]

# name, variables, root field with its arguments and all that it selects
_QUERIES = [
    (
        "GetLedger",
        "$ik: SafeString!",
        "ledger(ledger: {ik: $ik}) { id ik name created balanceUTCOffset }",
    ),
    (
        "GetLedgerEntry",
        f"$ik: SafeString!, {_LEDGER}",
        f"ledgerEntry(ledgerEntry: {{ik: $ik, {_IN_LEDGER}}}) "
        "{ id ik posted created description lines { nodes { @line } } }",
    ),
    (
        "ListLedgerAccounts",
        f"{_LEDGER}, {_FORWARD}",
        f"ledger({_IN_LEDGER}) {{ id ik name created "
        f"ledgerAccounts({_ONWARD}) {{ nodes {{ id path name type created }} @page }} }}",
    ),
    (
        "ListLedgerAccountBalances",
        f"{_LEDGER}, {_FORWARD}, $balanceCurrency: CurrencyMatchInput, $balanceAt: LastMoment, "
        "$ownBalanceConsistencyMode: ReadBalanceConsistencyMode, "
        "$childBalanceConsistencyMode: ReadBalanceConsistencyMode, "
        "$balanceConsistencyMode: ReadBalanceConsistencyMode",
        f"ledger({_IN_LEDGER}) {{ id ik name created ledgerAccounts({_ONWARD}) "
        "{ nodes { id path name type created "
        + " ".join(
            [
                f"{field}(currency: $balanceCurrency, at: $balanceAt, "
                f"consistencyMode: ${field}ConsistencyMode)"
                for field in ("ownBalance", "childBalance", "balance")
            ]
        )
        + " } @page } }",
    ),
    (
        "ListMultiCurrencyLedgerAccountBalances",
        f"{_LEDGER}, {_FORWARD}, $balanceAt: LastMoment, "
        "$ownBalancesConsistencyMode: ReadBalanceConsistencyMode, "
        "$childBalancesConsistencyMode: ReadBalanceConsistencyMode, "
        "$balancesConsistencyMode: ReadBalanceConsistencyMode",
        f"ledger({_IN_LEDGER}) {{ id ik name created ledgerAccounts({_ONWARD}) "
        "{ nodes { id path name type created "
        + " ".join(
            [
                f"{field}(at: $balanceAt, consistencyMode: ${field}ConsistencyMode) @amounts"
                for field in ("ownBalances", "childBalances", "balances")
            ]
        )
        + " } @page } }",
    ),
    (
        "GetLedgerAccountLines",
        f"$path: String!, {_LEDGER}, {_FORWARD}, $filter: LedgerLinesFilterSet",
        f"ledgerAccount(ledgerAccount: {{{_IN_LEDGER}, path: $path}}) {{ id path "
        f"lines({_ONWARD}, filter: $filter) "
        "{ nodes { id posted created amount description } @page } }",
    ),
    (
        "GetLedgerAccountBalance",
        f"$path: String!, {_LEDGER}, $balanceCurrency: CurrencyMatchInput, "
        "$balanceAt: LastMoment, $balanceConsistencyMode: ReadBalanceConsistencyMode",
        f"ledgerAccount(ledgerAccount: {{{_IN_LEDGER}, path: $path}}) {{ id path "
        "balance(currency: $balanceCurrency, at: $balanceAt, "
        "consistencyMode: $balanceConsistencyMode) }",
    ),
    (
        "GetSchema",
        "$key: SafeString!, $version: Int",
        "schema(schema: {key: $key, version: $version}) "
        "{ key name version { created version json } }",
    ),
    (
        "ListLedgerEntries",
        f"{_LEDGER}, {_FORWARD}, $filter: LedgerEntriesFilterSet",
        f"ledger({_IN_LEDGER}) {{ ledgerEntries({_ONWARD}, filter: $filter) "
        "{ nodes { ik type posted lines { nodes { amount account { path } } } } @page } }",
    ),
    ("GetWorkspace", "", "workspace { id name }"),
    (
        "ListLedgerEntryGroupBalances",
        f"{_LEDGER}, $groupKey: SafeString!, $groupValue: SafeString!, "
        f"$consistencyMode: ReadBalanceConsistencyMode = use_account, {_BOTH_WAYS}, "
        "$filter: LedgerEntryGroupBalanceFilterSet",
        f"ledgerEntryGroup(ledgerEntryGroup: {{{_IN_LEDGER}, key: $groupKey, value: $groupValue}}) "
        "{ key value created "
        "balances(after: $after, before: $before, first: $first, last: $last, filter: $filter) "
        "{ nodes { account { path } currency { code customCurrencyId } "
        "ownBalance(consistencyMode: $consistencyMode) } @page } }",
    ),
    (
        "GetEntryDataMigrations",
        f"{_LEDGER}, $filter: LedgerEntryDataMigrationsFilterSet, {_BOTH_WAYS}",
        f"ledger({_IN_LEDGER}) {{ ledgerEntryDataMigrations({_ANYWHERE}, filter: $filter) "
        "{ nodes { entryType typeVersion @migration } @page } }",
    ),
    (
        "GetEntriesToMigrateForLedgerEntryDataMigration",
        f"{_LEDGER}, $entryType: String!, $typeVersion: String!, {_BOTH_WAYS}",
        f"ledger({_IN_LEDGER}) {{ ledgerEntryDataMigrations(filter: "
        "{entryType: {equalTo: $entryType}, typeVersion: {equalTo: $typeVersion}}) "
        f"{{ nodes {{ ledgerEntries({_ANYWHERE}) {{ nodes {{ @toMigrate }} @page }} }} }} }}",
    ),
    (
        "GetAccountDataMigrations",
        f"{_LEDGER}, $filter: LedgerAccountDataMigrationsFilterSet, {_BOTH_WAYS}",
        f"ledger({_IN_LEDGER}) {{ ledgerAccountDataMigrations({_ANYWHERE}, filter: $filter) "
        "{ nodes { accountPath @migration } @page } }",
    ),
    (
        "GetEntriesToMigrateForLedgerAccountDataMigration",
        f"{_LEDGER}, $accountPath: String!, {_BOTH_WAYS}",
        f"ledger({_IN_LEDGER}) {{ ledgerAccountDataMigrations(filter: "
        "{accountPath: {equalTo: $accountPath}}) "
        f"{{ nodes {{ ledgerEntries({_ANYWHERE}) {{ nodes {{ @toMigrate }} @page }} }} }} }}",
    ),
    (
        "GetPayment",
        f"$ik: SafeString!, {_LEDGER}",
        f"payment(payment: {{ik: $ik, {_IN_LEDGER}}}) {{ id ik amount "
        "currency { code name precision } status type typeVersion mode parameters created "
        "refundedAmount refunds { nodes { @refund } } }",
    ),
    (
        "ListPayments",
        f"{_LEDGER}, {_FORWARD}, $filter: PaymentsFilterSet",
        f"ledger({_IN_LEDGER}) {{ payments({_ONWARD}, filter: $filter) "
        "{ nodes { id ik amount currency { code } status type typeVersion created "
        "refundedAmount refunds { nodes { @refund } } } @page } }",
    ),
    (
        "ListPaymentMethods",
        f"$email: String!, {_LEDGER}, {_FORWARD}, $last: Int",
        f"paymentMethods(filter: {{user: {{email: {{equalTo: $email}}, {_IN_LEDGER}}}}}, "
        f"{_ONWARD}, last: $last) {{ nodes {{ @method }} @page }}",
    ),
    ("GetPaymentMethod", "$id: ID!", "paymentMethod(paymentMethod: {id: $id}) { @method }"),
    (
        "GetPaymentMethodSetup",
        f"$ik: SafeString!, {_LEDGER}",
        f"paymentMethodSetup(paymentMethodSetup: {{ik: $ik, {_IN_LEDGER}}}) {{ @setup }}",
    ),
]

_BATCH_ERROR = (
    "... on AddLedgerEntriesError { code message retryable errors { ik code message retryable } }"
)


def standard_operations() -> list[Operation]:
    """All of them, mutations first."""
    operations = []
    for name, variables, field, selected in _MUTATIONS:
        root = field.partition("(")[0]
        result = f"{root[0].upper()}{root[1:]}Result"
        text = f"mutation {name}({variables}) {{ {field} {{ __typename "
        text += f"... on {result} {{ {selected} }} "
        text += _BATCH_ERROR if name == "AddLedgerEntries" else ""
        text += "... on BadRequestError { code message retryable } "
        text += "... on InternalError { code message retryable } } }"
        operations.append(make_operation(name, _in_full(text)))
    for name, variables, field in _QUERIES:
        declared = f"({variables})" if variables else ""
        operations.append(make_operation(name, _in_full(f"query {name}{declared} {{ {field} }}")))
    return operations


def _in_full(text: str) -> str:
    """The text with every part in full; a part may hold others. Longer names first: one may begin
    with another."""
    for part, full in sorted(_PARTS.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(part, full)
    return _in_full(text) if "@" in text else text
