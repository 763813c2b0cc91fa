"""Currencies. A source is a currency's key: `USD`, `CUSTOM/blue-gems`."""

from read_service.types.fields import Fields, Info
from shared.errors import RejectionError
from shared.ledger.currencies import CUSTOM, currency_from_key, currency_name, currency_precision
from shared.ledger.rejections import reject


def _listed_code(key: str, field: str) -> str:
    """The code of a listed currency; what a workspace says of its own isn't kept yet."""
    code = currency_from_key(key).code
    if code == CUSTOM:
        raise RejectionError(
            reject("not_implemented", what=f"Currency.{field} of a custom currency")
        )
    return code


def _code(key: str, _: Info) -> str:
    return currency_from_key(key).code


def _custom_currency_id(key: str, _: Info) -> str | None:
    return currency_from_key(key).custom_id


def _custom_code(key: str, _: Info) -> None:
    _listed_code(key, "customCode")


def _name(key: str, _: Info) -> str:
    return currency_name(_listed_code(key, "name"))


def _precision(key: str, _: Info) -> int:
    return currency_precision(_listed_code(key, "precision"))


FIELDS: Fields = {
    "Currency": {
        "code": _code,
        "customCode": _custom_code,
        "customCurrencyId": _custom_currency_id,
        "name": _name,
        "precision": _precision,
    }
}
