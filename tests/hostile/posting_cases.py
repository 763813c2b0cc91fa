"""Entries that must not be posted."""

from typing import Any

from tests.hostile.cases import (
    ABSENT,
    BAD_INPUT,
    PARAMETERS,
    Case,
    lines_case,
    parameter_case,
    post_case,
    runtime_line,
)

BANK = "assets/bank"
INCOME = "income"
ANN = "liabilities/users:ann/available"
INT96_MAX = 2**120 - 1
EMOJI = "💸"

# --- The ik and other SafeStrings -----------------------------------------------------------------
UNSAFE = {
    "empty": "",
    "with a slash": "a/b",
    "with a hash": "a#b",
    "with a colon": "a:b",
    "with a template": "a{{x}}b",
    "with an empty template": "{{}}",
    "with a NUL": "a\x00b",
    "with a line end": "a\nb",
    "with a tab": "a\tb",
    "with an escape": "a\x1bb",
    "with DEL": "a\x7fb",
    "with a C1 control": "a\x85b",
    "of 257 characters": "a" * 257,
    "of a million characters": "a" * 1_000_000,
    "of 257 emoji": EMOJI * 257,
    "../../etc/passwd": "../../etc/passwd",
    "a number": 1,
    "a float": 1.5,
    "a boolean": True,
    "an object": {"ik": "a"},
    "a list": ["a"],
}
IK_CASES = [post_case(f"ik {name}", BAD_INPUT, ik=value) for name, value in UNSAFE.items()]

# --- Ledger, type, version, moment ----------------------------------------------------------------
MATCH_CASES = [
    post_case("ledger absent", "ledger_required", ledger=ABSENT),
    post_case("ledger null", "ledger_required", ledger=None),
    post_case("ledger an empty match", "invalid_match", ledger={}),
    post_case("ledger with nulls", "invalid_match", ledger={"ik": None, "id": None}),
    post_case("ledger unknown", "ledger_not_found", ledger={"ik": "nowhere"}),
    post_case(
        "ledger of another workspace by ik",
        "ledger_not_found",
        ledger={"ik": "{{foreign_ledger_ik}}"},
    ),
    post_case(
        "ledger of another workspace by id",
        "ledger_not_found",
        ledger={"id": "{{foreign_ledger_id}}"},
    ),
    post_case(
        "ledger by two matches that differ",
        "ledger_not_found",
        ledger={"ik": "{{ledger_ik}}", "id": "{{foreign_ledger_id}}"},
    ),
    post_case("ledger by an empty id", "ledger_not_found", ledger={"id": ""}),
    post_case("ledger by an id of 5000 characters", "ledger_not_found", ledger={"id": "a" * 5_000}),
    post_case("ledger by an id with a NUL", "ledger_not_found", ledger={"id": "\x00"}),
    post_case("ledger by a key's form", "ledger_not_found", ledger={"id": "L#{{ledger_id}}"}),
    post_case("ledger by an account's id", "ledger_not_found", ledger={"id": "{{account_id}}"}),
    post_case("ledger by an id in capitals", "ledger_not_found", ledger={"id": "A" * 32}),
    post_case("type unknown", "ledger_entry_type_not_found", type="nothing"),
    post_case("type empty", "ledger_entry_type_not_found", type=""),
    post_case("type of 10000 characters", "ledger_entry_type_not_found", type="a" * 10_000),
    post_case("type with a NUL", "ledger_entry_type_not_found", type="deposit\x00"),
    post_case("type a number", BAD_INPUT, type=1),
    post_case("type disabled", "entry_type_disabled", type="retired", parameters=ABSENT),
    post_case("version 0", "ledger_entry_type_not_found", typeVersion=0),
    post_case("version -1", "ledger_entry_type_not_found", typeVersion=-1),
    post_case("version 2", "ledger_entry_type_not_found", typeVersion=2),
    post_case("version 2^31", BAD_INPUT, typeVersion=2**31),
    post_case("version a float", BAD_INPUT, typeVersion=1.5),
    post_case(
        "version without a type",
        "bad_request",
        type=ABSENT,
        typeVersion=1,
        parameters=ABSENT,
        lines=[runtime_line(BANK, "1"), runtime_line(INCOME, "1")],
    ),
    post_case("no type and no lines", "lines_required", type=ABSENT, parameters=ABSENT),
    post_case("description of 1025 characters", "invalid_string", description="a" * 1_025),
    post_case("description with a NUL", "invalid_string", description="a\x00b"),
    post_case("description with an escape", "invalid_string", description="a\x1b[2Jb"),
    post_case("description a number", BAD_INPUT, description=1),
]
MOMENTS: dict[str, Any] = {
    "in words": "yesterday",
    "empty": "",
    "a number": 1_700_000_000,
    "a month 13": "2024-13-01",
    "a day 30 of February": "2024-02-30T00:00:00Z",
    "an hour 25": "2024-01-01T25:00:00Z",
    "year 0": "0000-01-01",
    "year 10000": "10000-01-01T00:00:00Z",
    "an offset of 99 hours": "2024-01-01T00:00:00+99:00",
    "in other digits": "٢٠٢٤-01-01",
    "of 10000 characters": "2" * 10_000,
    "with text after it": "2024-01-01T00:00:00Z; DROP",
    "with a line end": "2024-01-01\n",
}
MOMENT_CASES = [
    post_case(f"posted {name}", BAD_INPUT, posted=value) for name, value in MOMENTS.items()
]

# --- Parameters -----------------------------------------------------------------------------------
BAD_AMOUNTS: dict[str, Any] = {
    "empty": "",
    "a sign": "-",
    "two signs": "--1",
    "with a plus": "+1",
    "a decimal": "1.5",
    "with an exponent": "1e5",
    "hexadecimal": "0x10",
    "with underscores": "1_000",
    "with commas": "1,000",
    "with a blank": " 1",
    "with a line end": "1\n",
    "with a NUL": "1\x00",
    "in other digits": "١٢",
    "in full width": "１２",
    "a superscript": "²",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "an expression": "{{amount}}",
    "a sum": "1 + 1",
    "beyond Int96": str(INT96_MAX + 1),
    "beyond Int96 below": str(-INT96_MAX - 1),
    "of 1000 digits": "9" * 1_000,
    "of 100000 digits": "9" * 100_000,
    "a float": 1.5,
    "a boolean": True,
    "a list": ["1"],
    "an object": {"value": "1"},
    "null": None,
    "a number beyond Int96": INT96_MAX + 1,
}
AMOUNT_CASES = [
    parameter_case(f"parameter for an amount {name}", "invalid_parameter", amount=value)
    for name, value in BAD_AMOUNTS.items()
]
BAD_VALUES: dict[str, Any] = {
    "that goes down a level": "ann/available",
    "that goes up": "../bank",
    "of dots": "../../assets/bank",
    "with a colon": "ann:bob",
    "with a hash": "ann#1",
    "with a template": "{{amount}}",
    "empty": "",
    "with a NUL": "a\x00",
    "with a line end": "a\nb",
    "with DEL": "\x7f",
    "of 129 characters": "a" * 129,
    "of 1025 characters": "a" * 1_025,
    "a list": ["ann"],
    "an object": {"toString": "ann"},
    "a boolean": False,
    "a float": 0.1,
}
PARAMETER_CASES = [
    *[
        parameter_case(f"value {name} in a path", "invalid_parameter", user=value)
        for name, value in BAD_VALUES.items()
    ],
    parameter_case("parameter missing", "missing_parameter", user=ABSENT),
    parameter_case("parameter unknown", "unknown_parameter", admin="1"),
    parameter_case("parameter __proto__", "unknown_parameter", __proto__="1"),
    parameter_case("parameter __class__", "unknown_parameter", __class__="1"),
    parameter_case("parameter with an empty name", "unknown_parameter", **{"": "1"}),
    parameter_case("parameter with a dotted name", "unknown_parameter", **{"user.name": "1"}),
    parameter_case("101 parameters", "too_many_items", **{f"p{i}": "1" for i in range(99)}),
    parameter_case("10000 parameters", "too_many_items", **{f"p{i}": "1" for i in range(10_000)}),
    post_case("parameters absent", "missing_parameter", parameters=ABSENT),
    post_case("parameters null", "missing_parameter", parameters=None),
    post_case("parameters a list", "bad_request", parameters=["ann", "1"]),
    post_case("parameters a string", "bad_request", parameters='{"user": "ann"}'),
    post_case("parameters a number", "bad_request", parameters=7),
    post_case("parameters without a type", "lines_required", type=ABSENT),
    post_case(
        "label of 257 characters in a tag",
        "invalid_string",
        type="labelled",
        parameters={"label": "a" * 257},
    ),
    post_case(
        "label with a slash in a tag",
        "invalid_string",
        type="labelled",
        parameters={"label": "a/b"},
    ),
    post_case("label empty in a tag", "invalid_string", type="labelled", parameters={"label": ""}),
    post_case(
        "label with a template in a tag",
        "invalid_string",
        type="labelled",
        parameters={"label": "{{a}}"},
    ),
    post_case(
        "sum of amounts beyond Int96",
        "amount_overflow",
        type="double",
        parameters={"one": str(INT96_MAX), "two": "1"},
    ),
    post_case("array parameter absent", "missing_parameter", type="split", parameters={}),
    post_case(
        "array parameter a string", "invalid_parameter", type="split", parameters={"parts": "a"}
    ),
    post_case(
        "array parameter an object", "invalid_parameter", type="split", parameters={"parts": {}}
    ),
    post_case(
        "array parameter of strings", "invalid_parameter", type="split", parameters={"parts": ["a"]}
    ),
    post_case(
        "array parameter of 31",
        "invalid_parameter",
        type="split",
        parameters={"parts": [{"user": "ann", "amount": "1"}] * 31},
    ),
    post_case(
        "array parameter of 16: 32 lines",
        "ledger_entry_too_many_lines",
        type="split",
        parameters={"parts": [{"user": "ann", "amount": "1"}] * 16},
    ),
    post_case(
        "array parameter empty: no line",
        "lines_required",
        type="split",
        parameters={"parts": []},
    ),
    post_case(
        "array element with a field missing",
        "invalid_parameter",
        type="split",
        parameters={"parts": [{"user": "ann"}]},
    ),
    post_case(
        "array element with a field too many",
        "invalid_parameter",
        type="split",
        parameters={"parts": [{"user": "ann", "amount": "1", "path": BANK}]},
    ),
    post_case(
        "array element with a path trick",
        "invalid_parameter",
        type="split",
        parameters={"parts": [{"user": "ann/available", "amount": "1"}]},
    ),
]

# --- Lines ----------------------------------------------------------------------------------------
PAIR = [runtime_line(BANK, "5"), runtime_line(INCOME, "5")]


# The enum in the line must not change how the rest of it is refused.
BESIDE_AN_ENUM: dict[str, Any] = {
    "too much": {"amount": str(INT96_MAX + 1)},
    "a float": {"amount": 1.5},
    "an unsafe tag": {"tags": [{"key": "a/b", "value": "v"}]},
    "an account by a number": {"account": {"path": 1}},
    "no such currency": {"currency": {"code": "USB"}},
    "a currency by a number": {"currency": {"code": 1}},
}


def _in_dollars(line: dict[str, Any]) -> dict[str, Any]:
    return {**runtime_line(BANK, "5", currency={"code": "USD"}), **line}


def odd_line(name: str, code: str, path: str) -> Case:
    """A line on an account that isn't one, beside a good one."""
    return lines_case(f"line on {name}", code, [runtime_line(path, "5"), PAIR[1]])


LINE_CASES = [
    post_case("lines for a type that has its own", "lines_not_allowed", lines=PAIR),
    lines_case("no lines", "lines_required", []),
    lines_case("lines null", "lines_required", None),
    lines_case("lines absent", "lines_required", ABSENT),
    lines_case("31 lines", "ledger_entry_too_many_lines", [runtime_line(BANK, "0")] * 31),
    lines_case(
        "20000 lines", "ledger_entry_too_many_lines", [runtime_line("income", "0")] * 20_000
    ),
    lines_case("one line", "invalid_entry_balance", PAIR[:1]),
    lines_case(
        "lines that are off by one", "invalid_entry_balance", [PAIR[0], runtime_line(INCOME, "6")]
    ),
    lines_case(
        "lines of the wrong sign", "invalid_entry_balance", [PAIR[0], runtime_line(INCOME, "-5")]
    ),
    lines_case(
        "lines that balance only over currencies",
        "invalid_entry_balance",
        [
            runtime_line("assets/fx", "5", currency={"code": "EUR"}),
            runtime_line("liabilities/fx", "5", currency={"code": "JPY"}),
        ],
    ),
    lines_case("amount a decimal", BAD_INPUT, [runtime_line(BANK, "5.0"), PAIR[1]]),
    lines_case("amount a float", BAD_INPUT, [runtime_line(BANK, 5.5), PAIR[1]]),
    lines_case("amount a boolean", BAD_INPUT, [runtime_line(BANK, True), PAIR[1]]),
    lines_case("amount a list", BAD_INPUT, [runtime_line(BANK, ["5"]), PAIR[1]]),
    lines_case("amount empty", BAD_INPUT, [runtime_line(BANK, ""), PAIR[1]]),
    lines_case("amount beyond Int96", BAD_INPUT, [runtime_line(BANK, str(INT96_MAX + 1)), PAIR[1]]),
    lines_case(
        "amount of a million digits", BAD_INPUT, [runtime_line(BANK, "9" * 1_000_000), PAIR[1]]
    ),
    lines_case("amount absent", "missing_amount", [{"account": {"path": BANK}}, PAIR[1]]),
    lines_case("amount null", "missing_amount", [runtime_line(BANK, None), PAIR[1]]),
    lines_case(
        "lines whose sum leaves Int96",
        "amount_overflow",
        [
            runtime_line(ANN, str(INT96_MAX)),
            runtime_line(ANN, str(INT96_MAX)),
            runtime_line(BANK, str(INT96_MAX)),
            runtime_line(BANK, str(INT96_MAX)),
        ],
    ),
    odd_line("an unknown account", "invalid_account_path", "assets/nowhere"),
    odd_line("an unknown root", "invalid_account_path", "nowhere"),
    odd_line("an empty path", "invalid_account_path", ""),
    odd_line("a path that begins with a slash", "invalid_account_path", "/assets/bank"),
    odd_line("a path that ends with a slash", "invalid_account_path", "assets/bank/"),
    odd_line("a path with two slashes", "invalid_account_path", "assets//bank"),
    odd_line("a path that goes up", "invalid_account_path", "assets/fx/../bank"),
    odd_line("a template without a value", "invalid_account_path", "liabilities/users/available"),
    odd_line(
        "a template with an empty value", "invalid_account_path", "liabilities/users:/available"
    ),
    odd_line(
        "a template with a placeholder",
        "invalid_account_path",
        "liabilities/users:{{user}}/available",
    ),
    odd_line(
        "a template with a wildcard's value",
        "invalid_account_path",
        "liabilities/users:a:b/available",
    ),
    odd_line("a value for what is no template", "invalid_account_path", "assets/bank:1"),
    odd_line("a path with a NUL", "invalid_account_path", "assets/bank\x00"),
    odd_line("a value with a NUL", "invalid_account_path", "liabilities/users:a\x00/available"),
    odd_line("a path in capitals", "invalid_account_path", "Assets/Bank"),
    odd_line(
        "a path of 1025 characters", "invalid_account_path", "liabilities/users:" + "a" * 1_025
    ),
    odd_line("a path of 10000 levels", "invalid_account_path", "assets" + "/a" * 10_000),
    odd_line("a disabled account", "ledger_account_disabled", "assets/closed"),
    lines_case("line without a match", "invalid_match", [{"account": {}, "amount": "5"}, PAIR[1]]),
    lines_case("line without an account", BAD_INPUT, [{"amount": "5"}, PAIR[1]]),
    lines_case("line null", BAD_INPUT, [None, PAIR[1]]),
    lines_case(
        "line on another workspace's account",
        "ledger_account_not_found",
        [{"account": {"id": "{{foreign_account_id}}"}, "amount": "5"}, PAIR[1]],
    ),
    lines_case(
        "line on another ledger's account",
        "ledger_not_found",
        [
            {"account": {"path": BANK, "ledger": {"ik": "{{foreign_ledger_ik}}"}}, "amount": "5"},
            PAIR[1],
        ],
    ),
    lines_case(
        "line on an account by an id of 5000 characters",
        "ledger_account_not_found",
        [{"account": {"id": "a" * 5_000}, "amount": "5"}, PAIR[1]],
    ),
    lines_case(
        "line on an account by another's id",
        "bad_request",
        [{"account": {"id": "{{account_id}}", "path": BANK}, "amount": "5"}, PAIR[1]],
    ),
    lines_case(
        "line keys alike", "duplicate_line_key", [{**PAIR[0], "key": "k"}, {**PAIR[1], "key": "k"}]
    ),
    lines_case(
        "line key of 129 characters", "invalid_string", [{**PAIR[0], "key": "k" * 129}, PAIR[1]]
    ),
    lines_case("line key empty", "invalid_string", [{**PAIR[0], "key": ""}, PAIR[1]]),
    lines_case("line key with a NUL", "invalid_string", [{**PAIR[0], "key": "a\x00"}, PAIR[1]]),
    lines_case(
        "line description of 1025",
        "invalid_string",
        [{**PAIR[0], "description": "a" * 1_025}, PAIR[1]],
    ),
    lines_case("line with a tx", "tx_not_allowed", [{**PAIR[0], "tx": {"id": "a"}}, PAIR[1]]),
    lines_case(
        "line with 11 tags",
        "too_many_items",
        [{**PAIR[0], "tags": [{"key": f"k{i}", "value": "v"} for i in range(11)]}, PAIR[1]],
    ),
    lines_case(
        "line in another currency",
        "invalid_currency",
        [
            runtime_line(BANK, "5", currency={"code": "EUR"}),
            runtime_line(INCOME, "5", currency={"code": "EUR"}),
        ],
    ),
    lines_case(
        "line without its currency",
        "missing_currency",
        [
            runtime_line("assets/fx", "5"),
            runtime_line("liabilities/fx", "5"),
        ],
    ),
    lines_case(
        "line in no currency",
        BAD_INPUT,
        [
            runtime_line("assets/fx", "5", currency={"code": "XXX"}),
            PAIR[1],
        ],
    ),
    *[
        lines_case(f"line of {name} beside a currency", BAD_INPUT, [_in_dollars(line), PAIR[1]])
        for name, line in BESIDE_AN_ENUM.items()
    ],
    lines_case(
        "line in a custom currency without an id",
        "invalid_currency",
        [
            runtime_line("assets/fx", "5", currency={"code": "CUSTOM"}),
            PAIR[1],
        ],
    ),
    lines_case(
        "line in a currency with an id too many",
        "invalid_currency",
        [
            runtime_line("assets/fx", "5", currency={"code": "EUR", "customCurrencyId": "gold"}),
            PAIR[1],
        ],
    ),
    lines_case("parameters with lines by hand", "unknown_parameter", PAIR, parameters=PARAMETERS),
]


# --- Tags, groups, conditions ---------------------------------------------------------------------
def pairs(count: int) -> list[dict[str, str]]:
    return [{"key": f"k{number}", "value": "v"} for number in range(count)]


PAIR_CASES = [
    post_case("11 tags with the Schema's", "ledger_entry_too_many_tags", tags=pairs(10)),
    post_case("2000 tags", "ledger_entry_too_many_tags", tags=pairs(2_000)),
    post_case("tag against the Schema's", "tag_conflict", tags=[{"key": "kind", "value": "other"}]),
    post_case(
        "tag with two values",
        "tag_conflict",
        tags=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
    ),
    post_case(
        "tag key of 129 characters", "invalid_string", tags=[{"key": "a" * 129, "value": "v"}]
    ),
    post_case("tag value of 257 characters", BAD_INPUT, tags=[{"key": "a", "value": "v" * 257}]),
    post_case("tag key with a slash", BAD_INPUT, tags=[{"key": "a/b", "value": "v"}]),
    post_case("tag value with a NUL", BAD_INPUT, tags=[{"key": "a", "value": "\x00"}]),
    post_case("tag value null", BAD_INPUT, tags=[{"key": "a", "value": None}]),
    post_case("tag null", BAD_INPUT, tags=[None]),
    post_case("tag a string", BAD_INPUT, tags=["a=b"]),
    post_case("11 groups with the Schema's", "ledger_entry_too_many_groups", groups=pairs(10)),
    post_case("2000 groups", "ledger_entry_too_many_groups", groups=pairs(2_000)),
    post_case(
        "group against the Schema's", "group_conflict", groups=[{"key": "day", "value": "two"}]
    ),
    post_case(
        "group with two values",
        "group_conflict",
        groups=[{"key": "a", "value": "1"}, {"key": "a", "value": "2"}],
    ),
    post_case(
        "group value of 129 characters", "invalid_string", groups=[{"key": "a", "value": "v" * 129}]
    ),
    post_case("group key with a hash", BAD_INPUT, groups=[{"key": "a#b", "value": "v"}]),
]


def condition(path: str = ANN, **more: Any) -> dict[str, Any]:
    return {"account": {"path": path}, **more}


def condition_case(name: str, code: str, *conditions: Any) -> Case:
    return post_case(f"condition {name}", code, conditions=list(conditions))


AT_LEAST_0 = {"ownBalance": {"gte": "0"}}
CONDITION_CASES = [
    condition_case(
        "that isn't met",
        "conditional_request_failed",
        condition(postcondition={"ownBalance": {"eq": "1"}}),
    ),
    condition_case(
        "before that isn't met",
        "conditional_request_failed",
        condition(precondition={"ownBalance": {"lte": "-1"}}),
    ),
    condition_case("without a side", "invalid_condition", condition()),
    condition_case("with an empty side", "invalid_condition", condition(postcondition={})),
    condition_case(
        "without a bound", "invalid_condition", condition(postcondition={"ownBalance": {}})
    ),
    condition_case(
        "with null bounds",
        "invalid_condition",
        condition(postcondition={"ownBalance": {"gte": None}}),
    ),
    condition_case(
        "with eq beside gte",
        "invalid_condition",
        condition(postcondition={"ownBalance": {"eq": "1", "gte": "0"}}),
    ),
    condition_case(
        "that nothing meets",
        "conditional_request_failed",
        condition(postcondition={"ownBalance": {"gte": "2", "lte": "1"}}),
    ),
    condition_case(
        "against another",
        "conditional_request_failed",
        condition(postcondition={"ownBalance": {"gte": "2"}}),
        condition(postcondition={"ownBalance": {"lte": "1"}}),
    ),
    condition_case(
        "on an eventual account", "invalid_condition", condition(BANK, postcondition=AT_LEAST_0)
    ),
    condition_case(
        "on an account without a line",
        "invalid_condition",
        condition("liabilities/users:bob/available", postcondition=AT_LEAST_0),
    ),
    condition_case(
        "on an unknown account",
        "invalid_account_path",
        condition("nowhere", postcondition=AT_LEAST_0),
    ),
    condition_case(
        "on a path trick",
        "invalid_account_path",
        condition(f"{ANN}/../available", postcondition=AT_LEAST_0),
    ),
    condition_case(
        "on a total that isn't strong",
        "invalid_condition",
        condition(postcondition={"totalBalance": {"gte": "0"}}),
    ),
    condition_case(
        "with a bound beyond Int96",
        BAD_INPUT,
        condition(postcondition={"ownBalance": {"gte": str(INT96_MAX + 1)}}),
    ),
    condition_case(
        "with a float", BAD_INPUT, condition(postcondition={"ownBalance": {"gte": 0.5}})
    ),
    condition_case(
        "in another currency",
        "invalid_currency",
        condition(currency={"code": "EUR"}, postcondition=AT_LEAST_0),
    ),
    condition_case("31 times", "too_many_items", *[condition(postcondition=AT_LEAST_0)] * 31),
    condition_case("5000 times", "too_many_items", *[condition(postcondition=AT_LEAST_0)] * 5_000),
    condition_case("null", BAD_INPUT, None),
    post_case(
        "overdraft",
        "conditional_request_failed",
        type="withdraw",
        parameters={"user": "ann", "amount": str(INT96_MAX)},
    ),
    post_case(
        "overdraft of a new account",
        "conditional_request_failed",
        type="withdraw",
        parameters={"user": "nobody", "amount": "1"},
    ),
    post_case(
        "balance that would leave Int96",
        "balance_overflow",
        parameters={"user": "ann", "amount": str(INT96_MAX)},
    ),
]

POSTING_CASES: list[Case] = [
    *IK_CASES,
    *MATCH_CASES,
    *MOMENT_CASES,
    *AMOUNT_CASES,
    *PARAMETER_CASES,
    *LINE_CASES,
    *PAIR_CASES,
    *CONDITION_CASES,
]
