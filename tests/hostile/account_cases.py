"""What can be asked in bad faith of custom currencies, of accounts, and of a ledger without a
Schema."""

from typing import Any

from tests.hostile.cases import (
    BAD_INPUT,
    LEDGER,
    Case,
    graphql_case,
    own_ik,
    post_case,
    runtime_line,
)

CREATE_CURRENCY = """mutation create($currency: CreateCustomCurrencyInput!) {
  createCustomCurrency(customCurrency: $currency) {
    __typename ... on Error { code message retryable }
  }
}"""
CREATE_ALL = """mutation all($ledger: LedgerMatchInput!, $accounts: [CreateLedgerAccountsInput!]!) {
  createLedgerAccounts(ledger: $ledger, ledgerAccounts: $accounts) {
    __typename ... on Error { code message retryable }
  }
}"""
CREATE_ONE = """mutation one(
  $ik: SafeString!, $ledger: LedgerMatchInput!, $account: CreateLedgerAccountInput!
) {
  createLedgerAccount(ik: $ik, ledger: $ledger, ledgerAccount: $account) {
    __typename ... on Error { code message retryable }
  }
}"""
RENAME = """
mutation rename($account: LedgerAccountMatchInput!, $update: UpdateLedgerAccountInput!) {
  updateLedgerAccount(ledgerAccount: $account, update: $update) {
    __typename ... on Error { code message retryable }
  }
}"""
PLAIN = {"ik": "{{plain_ik}}"}
GEMS = {"code": "CUSTOM", "customCurrencyId": "never-created"}


# --- Custom currencies ----------------------------------------------------------------------------
def currency_case(what: str, code: str, **changes: Any) -> Case:
    whole = {"customCurrencyId": own_ik(what), "precision": 2, "name": "A", "customCode": "A"}
    variables = {"currency": {**whole, **changes}}
    return graphql_case(f"createCustomCurrency with {what}", CREATE_CURRENCY, variables, code)


CURRENCY_CASES = [
    currency_case("an id of 37 characters", "invalid_string", customCurrencyId="i" * 37),
    currency_case("an empty id", BAD_INPUT, customCurrencyId=""),
    currency_case("a slash in the id", BAD_INPUT, customCurrencyId="a/b"),
    currency_case("a hash in the id", BAD_INPUT, customCurrencyId="a#b"),
    currency_case("an id of a placeholder", BAD_INPUT, customCurrencyId="{{x}}"),
    currency_case("a code of 37 characters", "invalid_string", customCode="C" * 37),
    currency_case("an empty code", "invalid_string", customCode=""),
    currency_case("an empty name", "invalid_string", name=""),
    currency_case("a NUL in the name", "invalid_string", name="a\x00"),
    currency_case("a precision of -1", "bad_request", precision=-1),
    currency_case("a precision of 37", "bad_request", precision=37),
    currency_case("a precision beyond 32 bits", BAD_INPUT, precision=2**40),
    currency_case("a precision in words", BAD_INPUT, precision="two"),
    currency_case("an unknown member", BAD_INPUT, symbol="$"),
    graphql_case(
        "customCurrencies of 201", "{ customCurrencies(first: 201) { nodes { code } } }",
        code="invalid_page_size",
    ),
    graphql_case(
        "customCurrencies after a cursor of entries",
        '{ customCurrencies(after: "{{cursor}}") { nodes { code } } }',
        code="invalid_cursor",
    ),
    graphql_case(
        "reader creates a currency",
        CREATE_CURRENCY,
        {"currency": {"customCurrencyId": "r", "precision": 0, "name": "R", "customCode": "R"}},
        code="forbidden",
        token="reader_token",
    ),
    post_case(
        "in a currency never created",
        "custom_currency_not_found",
        ledger=PLAIN,
        type=None,
        parameters=None,
        lines=[runtime_line("vault", each, currency=GEMS) for each in ("1", "-1")],
    ),
]  # fmt: skip


# --- Creating accounts ----------------------------------------------------------------------------
def tree_case(what: str, code: str, accounts: Any, ledger: Any = PLAIN) -> Case:
    variables = {"ledger": ledger, "accounts": accounts}
    return graphql_case(f"createLedgerAccounts {what}", CREATE_ALL, variables, code)


def root(**changes: Any) -> dict[str, Any]:
    return {"ik": "a", "name": "A", "type": "asset", **changes}


def chain(levels: int) -> dict[str, Any]:
    below = [chain(levels - 1)] if levels > 1 else []
    return {"ik": f"l{levels}", "name": "L", "childLedgerAccounts": below}


CREATION_CASES = [
    tree_case("of none", "bad_request", []),
    tree_case("of null", BAD_INPUT, [None]),
    tree_case("of 201", "too_many_items", [root(ik=f"a{at}") for at in range(201)]),
    tree_case(
        "of 201 in a tree",
        "too_many_items",
        [root(childLedgerAccounts=[{"ik": f"c{at}", "name": "C"} for at in range(200)])],
    ),
    tree_case("11 levels deep", "bad_request", [{**chain(11), "type": "asset"}]),
    tree_case("15 levels deep", "bad_request", [{**chain(15), "type": "asset"}]),
    tree_case("with one ik twice", "bad_request", [root(), root()]),
    tree_case("with an ik above and below", "bad_request", [
        root(childLedgerAccounts=[{"ik": "a", "name": "A"}])
    ]),
    tree_case("with an empty ik", BAD_INPUT, [root(ik="")]),
    tree_case("with a slash in an ik", BAD_INPUT, [root(ik="a/b")]),
    tree_case("with an ik of 257 characters", BAD_INPUT, [root(ik="a" * 257)]),
    tree_case("with an empty name", "invalid_string", [root(name="")]),
    tree_case("with a name of 257 characters", "invalid_string", [root(name="n" * 257)]),
    tree_case("with an unknown type", BAD_INPUT, [root(type="equity")]),
    tree_case("without a type", "bad_request", [{"ik": "a", "name": "A"}]),
    tree_case("with a custom currency without an id", "invalid_currency", [
        root(currency={"code": "CUSTOM"})
    ]),
    tree_case("with a custom currency never created", "custom_currency_not_found", [
        root(currency=GEMS)
    ]),
    tree_case("with a currency on multi", "invalid_currency", [
        root(currencyMode="multi", currency={"code": "USD"})
    ]),
    tree_case("with paths too long", "bad_request", [
        root(ik="a" * 250, childLedgerAccounts=[{"ik": "b" * 250, "name": "B",
             "childLedgerAccounts": [{"ik": "c" * 250, "name": "C", "childLedgerAccounts": [
                 {"ik": "d" * 250, "name": "D",
                  "childLedgerAccounts": [{"ik": "e" * 250, "name": "E"}]}]}]}])
    ]),
    tree_case("below another workspace's account", "ledger_account_not_found", [
        {"ik": "a", "name": "A", "parent": {"id": "{{foreign_account_id}}"}}
    ]),
    tree_case("below another ledger's account", "ledger_account_not_found", [
        {"ik": "a", "name": "A", "parent": {"id": "{{account_id}}"}}
    ]),
    tree_case("below an account of a NUL", "invalid_string", [
        {"ik": "a", "name": "A", "parent": {"path": "a\x00"}}
    ]),
    tree_case("with 101 groups", "too_many_items", [
        root(consistencyConfig={"groups": [
            {"key": f"g{at}", "ownBalanceUpdates": "strong"} for at in range(101)]})
    ]),
    tree_case(
        "linked to what can't be",
        "external_account_not_found",
        [root(linkedAccount={"id": "x"})],
    ),
    tree_case("in a ledger with a Schema", "ledger_has_schema", [root()], LEDGER),
    tree_case("in another workspace's ledger", "ledger_not_found", [root()], {
        "id": "{{foreign_ledger_id}}"
    }),
    tree_case("in no ledger", "invalid_match", [root()], {}),
    graphql_case(
        "createLedgerAccount with an ik of another account",
        CREATE_ONE,
        {"ik": "wallet", "ledger": PLAIN, "account": {"name": "W", "parent": {"path": "vault"}}},
        code="ik_conflict",
    ),
    graphql_case(
        "createLedgerAccount with children",
        CREATE_ONE,
        {"ik": "a", "ledger": PLAIN, "account": {"name": "A", "type": "asset",
                                                 "childLedgerAccounts": []}},
        code=BAD_INPUT,
    ),
    graphql_case(
        "reader creates accounts",
        CREATE_ALL,
        {"ledger": PLAIN, "accounts": [root()]},
        code="forbidden",
        token="reader_token",
    ),
]  # fmt: skip


# --- Renaming -------------------------------------------------------------------------------------
def rename_case(what: str, code: str, account: Any, **update: Any) -> Case:
    variables = {"account": account, "update": update}
    return graphql_case(f"updateLedgerAccount {what}", RENAME, variables, code)


RENAME_CASES = [
    rename_case("without a match", "invalid_match", {}, name="a"),
    rename_case("by a path alone", "ledger_required", {"path": "vault"}, name="a"),
    rename_case("of no account", "ledger_account_not_found", {"path": "x", "ledger": PLAIN},
                name="a"),
    rename_case("by an odd id", "ledger_account_not_found", {"id": "' OR 1=1"}, name="a"),
    rename_case("of another workspace", "ledger_account_not_found",
                {"id": "{{foreign_account_id}}"}, name="a"),
    rename_case(
        "by an id and another's path",
        "ledger_account_not_found",
        {"id": "{{account_id}}", "path": "assets/bank", "ledger": LEDGER},
        name="a",
    ),
    rename_case("to nothing", "invalid_string", {"path": "vault", "ledger": PLAIN}, name=""),
    rename_case("to 257 characters", "invalid_string", {"path": "vault", "ledger": PLAIN},
                name="n" * 257),
    rename_case("to an escape", "invalid_string", {"path": "vault", "ledger": PLAIN},
                name="\x1b[31m"),
    rename_case("and its type", BAD_INPUT, {"path": "vault", "ledger": PLAIN}, type="income"),
]  # fmt: skip


# --- Posting where no Schema is -------------------------------------------------------------------
def plain_case(what: str, code: str, *lines: dict[str, Any], **changes: Any) -> Case:
    whole = {"type": None, "parameters": None, "lines": list(lines), **changes}
    return post_case(f"without a Schema: {what}", code, ledger=PLAIN, **whole)


_USD = {"code": "USD"}
PLAIN_CASES = [
    plain_case("no lines", "lines_required"),
    plain_case("a type", "ledger_without_schema", type="deposit"),
    plain_case("parameters", "unknown_parameter", runtime_line("wallet", "0"),
               parameters={"a": "1"}),
    plain_case("an unknown path", "ledger_account_not_found", runtime_line("x", "1")),
    plain_case("an account below none", "ledger_account_not_found", runtime_line("x/y/z", "1")),
    plain_case("a path of slashes", "ledger_account_not_found", runtime_line("/" * 500, "1")),
    plain_case("a path of 100000 slashes", "ledger_account_not_found",
               runtime_line("/" * 100_000, "1")),
    plain_case("a path of 100000 characters", "ledger_account_not_found",
               runtime_line("a" * 100_000, "1")),
    plain_case("a path with a NUL", "ledger_account_not_found", runtime_line("wallet\x00", "1")),
    plain_case("an account of another ledger", "ledger_account_not_found",
               {"account": {"id": "{{account_id}}"}, "amount": "1"}),
    plain_case("an account of another workspace", "ledger_account_not_found",
               {"account": {"id": "{{foreign_account_id}}"}, "amount": "1"}),
    plain_case("an unbalanced entry", "invalid_entry_balance", runtime_line("wallet", "1")),
    plain_case("no currency on multi", "missing_currency",
               runtime_line("wallet", "1"), runtime_line("vault", "1")),
    plain_case("an overdraft", "conditional_request_failed",
               runtime_line("wallet", "-1"), runtime_line("vault", "-1", currency=_USD),
               conditions=[{"account": {"path": "wallet"},
                            "postcondition": {"ownBalance": {"gte": "0"}}}]),
    plain_case("a condition on an eventual account", "invalid_condition",
               runtime_line("wallet", "1"), runtime_line("vault", "1", currency=_USD),
               conditions=[{"account": {"path": "vault"}, "currency": _USD,
                            "postcondition": {"ownBalance": {"gte": "0"}}}]),
]  # fmt: skip

ACCOUNT_CASES: list[Case] = [*CURRENCY_CASES, *CREATION_CASES, *RENAME_CASES, *PLAIN_CASES]
