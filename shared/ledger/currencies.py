"""Currencies: one of the listed codes, or a workspace's own under the code CUSTOM.

A currency's key is what balances, lines and indexes carry: `USD`, or `CUSTOM/blue-gems`. A custom
id is a SafeString, so the first `/` of a key always ends the code.
"""

from dataclasses import dataclass

from shared.ledger.currency_table import CURRENCIES
from shared.ledger.strings import safe_string_problem
from shared.limits import CUSTOM_CURRENCY_CHARS_MAX

CUSTOM = "CUSTOM"
CUSTOM_PREFIX = f"{CUSTOM}/"  # of every custom currency's key
DEFAULT_CURRENCY = "USD"  # of a workspace: what is taken where none is given and none inherited


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency by its code; `custom_id` exactly when the code is CUSTOM."""

    code: str
    custom_id: str | None = None

    @property
    def key(self) -> str:
        """`USD`, or `CUSTOM/blue-gems`."""
        return self.code if self.custom_id is None else CUSTOM_PREFIX + self.custom_id


@dataclass(frozen=True, slots=True)
class CustomCurrency:
    """A workspace's own currency, as it was created: it never changes and is never removed."""

    workspace_id: str
    id: str
    code: str  # as it is shown: BLUE
    name: str
    precision: int  # decimal places of its smallest unit
    created_ms: int

    @property
    def key(self) -> str:
        """`CUSTOM/blue-gems`."""
        return CUSTOM_PREFIX + self.id


_BY_CODE = {code: Currency(code) for code in CURRENCIES if code != CUSTOM}


def currency_problem(code: str, custom_id: str | None) -> str | None:
    """Why `code` and `custom_id` name no currency, or None when they do."""
    if code == CUSTOM:
        if custom_id is None:
            return "the currency code CUSTOM needs a customCurrencyId"
        problem = safe_string_problem(custom_id, CUSTOM_CURRENCY_CHARS_MAX)
        return f"customCurrencyId must be {problem}" if problem else None
    if code not in _BY_CODE:
        return f"{code[:40]!r} is not a currency code"
    if custom_id is not None:
        return f"customCurrencyId goes with the code CUSTOM, not with {code}"
    return None


def make_currency(code: str, custom_id: str | None = None) -> Currency | str:
    """The currency, or the problem text that says why there is none."""
    if custom_id is None:
        known = _BY_CODE.get(code)
        if known is not None:
            return known
    return currency_problem(code, custom_id) or Currency(code, custom_id)


def currency_from_key(key: str) -> Currency:
    """The currency whose key `key` is; only for keys that a currency gave."""
    known = _BY_CODE.get(key)
    if known is not None:
        return known
    assert key.startswith(CUSTOM_PREFIX), "not a currency's key"
    return Currency(CUSTOM, key[len(CUSTOM_PREFIX) :])


def currency_name(code: str) -> str:
    """The name of a listed currency (a custom one's is kept with it, in the workspace)."""
    return CURRENCIES[code][0]


def currency_precision(code: str) -> int:
    """Decimal places of a listed currency: 2 for USD, so 250 is 2.50."""
    return CURRENCIES[code][1]
