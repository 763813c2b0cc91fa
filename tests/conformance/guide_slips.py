"""Where the guide's own examples do not work as printed, and what the tests do about each.

docs/conformance.md lists them. A test shows each: the example is refused, or finds nothing, as
printed, and answers once it is put right.
"""

SLIPS: tuple[tuple[str, str, str], ...] = (
    (
        "H.a",
        "The account is looked up as assets/bank/user-cash; the Schemas call it "
        "assets/banks/user-cash.",
        "Run with a Schema that has the printed path.",
    ),
    (
        "H.b",
        "The account is given without its Ledger, and as a template without a value.",
        "Refused as printed; run with a Ledger and with an instance.",
    ),
    (
        "E.c",
        "The variables of reconcileTx lack some_amount, which the type takes.",
        "Refused as printed; run with it.",
    ),
    ("E.g", "The entry is given without its Ledger.", "Refused as printed; run with one."),
    (
        "F.g",
        "The variables of reconcileTx name a type and parameters that the Schema hasn't.",
        "Refused as printed; run with the Schema's.",
    ),
    (
        "F.h",
        "The Ledger of the account is left open.",
        "Refused as printed; run with a Ledger.",
    ),
    (
        "G.b",
        "The response shows another entry's ik and user than the variables ask for.",
        "Compared with the values of the variables.",
    ),
    (
        "I.a",
        "The variable $filter of the filtering example is declared and never used.",
        "Refused by validation; the same document in I.c uses it.",
    ),
    (
        "I.a",
        "hasParentLedgerAccount stands inside type, where the filter has no such part.",
        "Refused as printed; run beside type.",
    ),
    (
        "I.c",
        "The lookup of several accounts sends a filter that its document doesn't declare.",
        "Lists all accounts as printed; run with the document that takes a filter.",
    ),
    ("I.d", "The filter by key is sent as linesFilter; the document says filter.", "Both are run."),
    (
        "I.e",
        "The entry is looked up by ik without its Ledger.",
        "Refused as printed; run with a Ledger.",
    ),
    (
        "I.e",
        "Dates are written month first (01-01-1968), which is no ISO 8601.",
        "Refused as printed; run year first.",
    ),
    (
        "I.e",
        "The group is sent as ledgerEntryGroup; the document says entryGroup.",
        "Refused as printed; run under the document's name.",
    ),
    (
        "I.f",
        "Groups are listed oldest first within a key; the API's reference says newest first.",
        "The reference is followed.",
    ),
    (
        "J.d",
        "The first page's cursor is written as a template of the page before it.",
        "Refused as printed; run without a cursor, then with the answer's.",
    ),
    (
        "H.c, K.c",
        "Only ownBalance is said to have strong reads; the API's reference adds the other two.",
        "The reference is followed, by totalBalanceUpdates.",
    ),
    ("K.a, K.b", "chartOfAccounts is abbreviated as a list; it is an object.", "Run as an object."),
    ("L.b, L.e", "Accounts at the root have no type, which a root needs.", "Run with a type."),
    (
        "I.h",
        "The variables of ListExternalAccountTxs give times for after and before, not cursors.",
        "Refused as printed; run without them.",
    ),
    (
        "I.i",
        "The variables of GetTx say external; the document says externalId.",
        "Refused as printed; run with externalId.",
    ),
    (
        "I.i",
        "The variables of GetUnreconciledTxs give times for after and before, not cursors.",
        "Refused as printed; run without them.",
    ),
)
