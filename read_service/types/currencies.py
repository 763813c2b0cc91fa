"""Currencies. A source is a currency's key: `USD`, `CUSTOM/blue-gems`."""

from collections.abc import Callable
from typing import Any

from read_service import lists
from read_service.context import RequestContext
from read_service.types.fields import Fields, Info, Resolver
from shared.ledger.currencies import (
    CUSTOM_PREFIX,
    CustomCurrency,
    currency_from_key,
    currency_name,
    currency_precision,
)


async def resolve_custom_currencies(_: object, info: Info, **arguments: Any) -> lists.Page:
    """Query.customCurrencies."""
    return await lists.custom_currencies(info.context, arguments)


def _code(key: str, _: Info) -> str:
    return currency_from_key(key).code


def _custom_currency_id(key: str, _: Info) -> str | None:
    return currency_from_key(key).custom_id


def _described(
    of_listed: Callable[[str], Any], of_custom: Callable[[CustomCurrency], Any]
) -> Resolver:
    """What the table says of a listed currency, or the workspace of its own: read once."""

    def resolve(key: str, info: Info) -> Any:
        if not key.startswith(CUSTOM_PREFIX):
            return of_listed(key)
        context: RequestContext = info.context
        known = context.catalog.known_currency(context.workspace_id, key)
        return _read_later(of_custom, key, context) if known is None else of_custom(known)

    return resolve


async def _read_later(
    of_custom: Callable[[CustomCurrency], Any], key: str, context: RequestContext
) -> Any:
    return of_custom(await context.custom_currency(key))


FIELDS: Fields = {
    "Query": {"customCurrencies": resolve_custom_currencies},
    "Currency": {
        "code": _code,
        "customCode": _described(lambda _: None, lambda custom: custom.code),
        "customCurrencyId": _custom_currency_id,
        "name": _described(currency_name, lambda custom: custom.name),
        "precision": _described(currency_precision, lambda custom: custom.precision),
    },
}
