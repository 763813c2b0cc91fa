"""Currencies: keys, the table, and what names none."""

import re
from pathlib import Path

import pytest

from shared.ledger.currencies import (
    Currency,
    currency_from_key,
    currency_name,
    currency_precision,
    make_currency,
)
from shared.ledger.currency_table import CURRENCIES

SDL = Path(__file__).parents[3] / "shared" / "graphql" / "api.graphql"


def test_the_table_holds_the_codes_of_the_api_in_order():
    enum = re.search(r"enum CurrencyCode \{(.*?)\}", SDL.read_text(), re.DOTALL)
    assert enum is not None
    assert list(CURRENCIES) == re.findall(r"^  ([A-Z]+)$", enum.group(1), re.MULTILINE)


@pytest.mark.parametrize(
    "code, precision",
    [("USD", 2), ("JPY", 0), ("KWD", 3), ("ISK", 0), ("BTC", 8), ("ETH", 18), ("USDC", 6)],
)
def test_precision_is_that_of_the_smallest_unit(code: str, precision: int):
    assert currency_precision(code) == precision


def test_things_that_are_counted_have_no_decimals():
    assert [currency_precision(code) for code in ("LOGICAL", "PTS")] == [0, 0]


def test_every_listed_currency_has_a_name_and_a_sane_precision():
    assert all(currency_name(code) for code in CURRENCIES)
    assert all(0 <= currency_precision(code) <= 18 for code in CURRENCIES)


def test_a_key_is_the_code_or_the_custom_id():
    assert Currency("USD").key == "USD"
    assert Currency("CUSTOM", "blue-gems").key == "CUSTOM/blue-gems"


@pytest.mark.parametrize("key", ["USD", "CUSTOM/blue-gems"])
def test_keys_are_read_back(key: str):
    assert currency_from_key(key).key == key


@pytest.mark.parametrize("key", ["", "usd", "XXX", "CUSTOM", "OTHER/x"])
def test_reading_back_what_is_no_key_is_our_mistake(key: str):
    with pytest.raises(AssertionError):
        currency_from_key(key)


@pytest.mark.parametrize(
    "code, custom_id, problem",
    [
        ("XXX", None, "'XXX' is not a currency code"),
        ("usd", None, "'usd' is not a currency code"),
        ("CUSTOM", None, "the currency code CUSTOM needs a customCurrencyId"),
        ("USD", "gems", "customCurrencyId goes with the code CUSTOM, not with USD"),
        ("CUSTOM", "a/b", "customCurrencyId must be a string without / # : and {{…}}"),
        ("CUSTOM", "x" * 37, "customCurrencyId must be a string of 1 to 36 characters"),
    ],
)
def test_what_names_no_currency_is_told_why(code: str, custom_id: str | None, problem: str):
    assert make_currency(code, custom_id) == problem


def test_a_currency_is_made_of_a_code_or_of_a_custom_id():
    assert make_currency("EUR") == Currency("EUR")
    assert make_currency("CUSTOM", "x" * 36) == Currency("CUSTOM", "x" * 36)
