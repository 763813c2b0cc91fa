"""What a Schema says of an entry type, an account or a template, seen when posting."""

from typing import Any

import pytest

from tests.write_api_rig import STORE, WriteRig

INT96 = 2**120 - 1


def line(key: str, path: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "account": {"path": path}, "amount": amount, **more}


def entry_type(name: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": name, "lines": list(lines), **more}


def document(*types: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Schema with a bank, users (strong), a multi-currency till and the given types."""
    return {
        "key": "rules",
        "chartOfAccounts": {
            "defaultCurrency": {"code": "USD"},
            "accounts": [
                {
                    "key": "assets",
                    "type": "asset",
                    "children": [
                        {"key": "bank", "name": "Bank"},
                        {"key": "till", "currencyMode": "multi"},
                        {"key": "closed", "status": "archived"},
                    ],
                },
                {
                    "key": "debts",
                    "type": "liability",
                    "children": [
                        {
                            "key": "region",
                            "template": True,
                            "children": [
                                {
                                    "key": "user",
                                    "template": True,
                                    "name": "{{user_name}} of {{region_name}}",
                                    "consistencyConfig": {"ownBalanceUpdates": "strong"},
                                }
                            ],
                        },
                        {
                            "key": "pool",
                            "consistencyConfig": {"ownBalanceUpdates": "strong"},
                        },
                    ],
                },
            ],
        },
        "ledgerEntries": {"types": list(types)},
        **more,
    }


async def opened(writer: WriteRig, *types: dict[str, Any]) -> None:
    await writer.store(document(*types))
    await writer.create("rules", "rules")


async def post(writer: WriteRig, ik: str, kind: str, **parameters: Any) -> dict[str, Any]:
    return await writer.add(ik, ledger={"ik": "rules"}, type=kind, parameters=parameters)


def amounts(answer: dict[str, Any]) -> list[tuple[str, str]]:
    assert answer["__typename"] == "AddLedgerEntryResult", answer
    return [(each["key"], each["amount"]) for each in answer["lines"]]


PAY_OUT = entry_type(
    "pay_out",
    line("each", "debts/pool", "{{parts.amount}} - {{fee}}", repeated={"key": "parts"},
         description="Part of {{parts.who}}", tags=[{"key": "who", "value": "{{parts.who}}"}]),
    line("all", "assets/bank", "{{total}}"),
)  # fmt: skip


async def test_a_repeated_line_is_copied_for_each_element_in_their_order(writer: WriteRig):
    await opened(writer, PAY_OUT)
    parts = [{"amount": "10", "who": "ann"}, {"amount": "20", "who": "bob"}]
    answer = await post(writer, "one", "pay_out", parts=parts, fee="1", total="28")
    assert amounts(answer) == [("each", "9"), ("each", "19"), ("all", "28")]
    assert [each["description"] for each in answer["lines"]][:2] == ["Part of ann", "Part of bob"]
    assert [each["tags"] for each in answer["lines"]][:2] == [
        [{"key": "who", "value": "ann"}],
        [{"key": "who", "value": "bob"}],
    ]


@pytest.mark.parametrize(
    ("parts", "total", "code"),
    [
        ([{"amount": "10", "who": "ann"}], "10", "invalid_entry_balance"),
        ([{"amount": "10"}], "9", "invalid_parameter"),
        ([{"amount": "10", "who": "ann", "more": "x"}], "9", "invalid_parameter"),
        ([{"amount": "ten", "who": "ann"}], "9", "invalid_parameter"),
        ("10", "9", "invalid_parameter"),
        ([["10", "ann"]], "9", "invalid_parameter"),
        ([{"amount": "1", "who": "a"}] * 31, "0", "invalid_parameter"),
        ([{"amount": "1", "who": "a"}] * 30, "0", "ledger_entry_too_many_lines"),
    ],
)
async def test_elements_have_exactly_the_fields_that_the_line_names(
    writer: WriteRig, parts: Any, total: str, code: str
):
    await opened(writer, PAY_OUT)
    before = writer.stored()
    answer = await post(writer, "one", "pay_out", parts=parts, fee="1", total=total)
    assert answer["code"] == code
    assert writer.stored() == before


async def test_no_elements_leave_the_other_lines_and_an_entry_has_one_at_least(writer: WriteRig):
    mirrored = entry_type(
        "mirrored",
        line("in", "assets/bank", "{{parts.amount}}", repeated={"key": "parts"}),
        line("out", "debts/pool", "{{parts.amount}}", repeated={"key": "parts"}),
    )
    await opened(writer, PAY_OUT, mirrored)
    answer = await post(writer, "one", "pay_out", parts=[], fee="1", total="0")
    assert amounts(answer) == [("all", "0")]
    before = writer.stored()
    refused = await post(writer, "two", "mirrored", parts=[])
    assert refused["code"] == "lines_required"
    assert writer.stored() == before
    paired = await post(writer, "two", "mirrored", parts=[{"amount": "1"}, {"amount": "2"}])
    assert amounts(paired) == [("in", "1"), ("in", "2"), ("out", "1"), ("out", "2")]


def three_lines(mode: str) -> dict[str, Any]:
    return entry_type(
        mode,
        line("a", "debts/pool", "{{x}}"),
        line("b", "debts/pool", "{{y}}"),
        line("c", "assets/bank", "{{x}} + {{y}}"),
        postLinesAs=mode,
    )


@pytest.mark.parametrize(
    ("mode", "x", "y", "posted"),
    [
        ("raw_lines", "5", "-5", [("a", "5"), ("b", "-5"), ("c", "0")]),
        ("net_amounts", "5", "-5", [("a", "0"), ("c", "0")]),
        ("net_amounts", "5", "3", [("a", "8"), ("c", "8")]),
        ("skip_zero_lines", "5", "-5", [("a", "5"), ("b", "-5")]),
        ("skip_zero_lines", "0", "0", [("a", "0"), ("b", "0"), ("c", "0")]),
        ("skip_zero_lines", "7", "0", [("a", "7"), ("c", "7")]),
    ],
)
async def test_lines_are_posted_raw_netted_or_without_zeros(
    writer: WriteRig, mode: str, x: str, y: str, posted: list[tuple[str, str]]
):
    await opened(writer, three_lines(mode))
    assert amounts(await post(writer, "one", mode, x=x, y=y)) == posted


async def test_netted_amounts_stay_within_int96(writer: WriteRig):
    wide = entry_type(
        "wide",
        line("a", "assets/bank", "{{x}}"),
        line("b", "assets/bank", "{{x}}"),
        line("c", "debts/region:eu/user:ann", "{{x}}"),
        line("d", "debts/region:eu/user:bob", "{{x}}"),
        postLinesAs="net_amounts",
    )
    await opened(writer, wide)
    before = writer.stored()
    refused = await post(writer, "one", "wide", x=str(INT96), user_name="A", region_name="B")
    assert refused["code"] == "amount_overflow"
    assert writer.stored() == before


@pytest.mark.parametrize("mode", ["net_amounts", "skip_zero_lines"])
async def test_a_condition_on_lines_that_are_left_out_is_judged_all_the_same(
    writer: WriteRig, mode: str
):
    kind = entry_type(
        "kept",
        line("a", "debts/pool", "{{x}}"),
        line("b", "assets/bank", "{{x}} + {{y}}"),
        line("c", "assets/till", "0 - {{y}}", currency={"code": "USD"}),
        conditions=[{"account": {"path": "debts/pool"},
                     "postcondition": {"ownBalance": {"gte": "{{least}}"}}}],
        postLinesAs=mode,
    )  # fmt: skip
    await opened(writer, kind)
    refused = await post(writer, "one", "kept", x="0", y="3", least="1")
    assert refused["code"] == "conditional_request_failed"
    assert len(amounts(await post(writer, "one", "kept", x="5", y="3", least="5"))) == 3
    answer = await post(writer, "two", "kept", x="0", y="3", least="5")
    assert amounts(answer) == [("b", "3"), ("c", "-3")]
    assert await writer.strong("debts/pool", ik="rules") == 5


async def test_several_templates_of_one_path_are_filled_in_by_their_parameters(writer: WriteRig):
    fund = entry_type(
        "fund",
        line("a", "assets/bank", "{{x}}"),
        line("b", "debts/region:{{region}}/user:{{user}}", "{{x}}"),
    )
    await opened(writer, fund)
    lacking = await post(writer, "one", "fund", x="5", region="eu", user="ann")
    assert lacking["code"] == "missing_parameter"
    told = {"region": "eu", "user": "ann", "user_name": "Ann", "region_name": "Europe"}
    answer = await post(writer, "one", "fund", x="5", **told)
    assert [each["account"]["path"] for each in answer["lines"]] == [
        "assets/bank",
        "debts/region:eu/user:ann",
    ]
    query = """query name($path: String!) {
      ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: "rules"}}) { name }
    }"""
    found = await writer.ask(query, path="debts/region:eu/user:ann")
    assert found.data["ledgerAccount"]["name"] == "Ann of Europe"


async def test_fixed_parameters_are_filled_in_and_can_not_be_given(writer: WriteRig):
    fee = entry_type(
        "fee",
        line("a", "assets/bank", "{{x}} - {{fee}}"),
        line("b", "debts/pool", "{{x}} - 2"),
        parameters={"fee": "2"},
    )
    await opened(writer, fee)
    assert amounts(await post(writer, "one", "fee", x="9")) == [("a", "7"), ("b", "7")]
    assert (await post(writer, "two", "fee", x="9", fee="3"))["code"] == "unknown_parameter"


async def test_versions_of_a_type_stand_side_by_side_and_the_first_is_meant(writer: WriteRig):
    def version(number: int, amount: str, **more: Any) -> dict[str, Any]:
        lines = (line("a", "assets/bank", amount), line("b", "debts/pool", amount))
        return entry_type("pay", *lines, typeVersion=number, **more)

    await opened(writer, version(1, "{{x}}"), version(2, "{{x}} + 1"))

    async def paid(ik: str, **more: Any) -> list[tuple[str, str]]:
        body = {"ledger": {"ik": "rules"}, "type": "pay", "parameters": {"x": "5"}}
        return amounts(await writer.add(ik, **body, **more))

    assert await paid("one") == [("a", "5"), ("b", "5")]
    assert await paid("two", typeVersion=2) == [("a", "6"), ("b", "6")]
    changed = document(version(1, "{{x}} + 2"), version(2, "{{x}} + 1"))
    refused = (await writer.ask(STORE, schema=changed)).data["storeSchema"]
    assert refused["code"] == "schema_not_backwards_compatible"
    assert "ledgerEntries pay, version 1:" in refused["message"]
    status = version(1, "{{x}}", status="disabled")
    await writer.store(document(status, version(2, "{{x}} + 1")))
    writer.clock.advance(1_000)
    assert (await post(writer, "three", "pay", x="5"))["code"] == "entry_type_disabled"
    assert await paid("four", typeVersion=2) == [("a", "6"), ("b", "6")]


async def test_an_account_that_is_disabled_or_archived_takes_no_new_lines(writer: WriteRig):
    await opened(writer, three_lines("raw_lines"))
    refused = await writer.add(
        "one",
        ledger={"ik": "rules"},
        lines=[
            {"account": {"path": "assets/closed"}, "amount": "5"},
            {"account": {"path": "debts/pool"}, "amount": "5"},
        ],
    )
    assert refused["code"] == "ledger_account_disabled"
    changed = document(three_lines("raw_lines"))
    changed["chartOfAccounts"]["accounts"][0]["children"][0]["status"] = "disabled"
    await writer.store(changed)
    writer.clock.advance(1_000)
    assert (await post(writer, "two", "raw_lines", x="5", y="1"))["code"] == (
        "ledger_account_disabled"
    )


async def test_a_new_name_of_an_account_reaches_its_ledgers(writer: WriteRig):
    await opened(writer, three_lines("raw_lines"))
    changed = document(three_lines("raw_lines"))
    changed["chartOfAccounts"]["accounts"][0]["children"][0]["name"] = "Cash at bank"
    await writer.store(changed)
    query = (
        '{ ledgerAccount(ledgerAccount: {path: "assets/bank", ledger: {ik: "rules"}}) { name } }'
    )
    assert (await writer.ask(query)).data["ledgerAccount"]["name"] == "Cash at bank"


@pytest.mark.parametrize(
    ("lines", "parameters"),
    [
        ([("assets/bank", "{{x}}"), ("debts/pool", "{{x}} + 1")], {}),
        ([("assets/bank", "{{x}}"), ("debts/pool", "-{{x}}")], {}),
        ([("assets/bank", "{{x}} - {{fee}}"), ("debts/pool", "{{x}} - 1")], {"fee": "2"}),
        ([("assets/bank", "5"), ("debts/pool", "4")], {}),
        ([("assets/till", "5"), ("debts/pool", "5")], {}),
    ],
)
async def test_a_type_that_can_not_balance_is_refused_when_the_schema_is_stored(
    writer: WriteRig, lines: list[tuple[str, str]], parameters: dict[str, str]
):
    made = [line(f"l{at}", path, amount) for at, (path, amount) in enumerate(lines)]
    if lines[0][0] == "assets/till":
        made[0]["currency"] = {"code": "EUR"}
    kind = entry_type("odd", *made, parameters=parameters)
    before = writer.stored()
    refused = (await writer.ask(STORE, schema=document(kind))).data["storeSchema"]
    assert refused["code"] == "invalid_schema"
    assert "ledgerEntries.types[0].lines: do not balance" in refused["message"]
    assert writer.stored() == before
