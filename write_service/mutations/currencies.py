"""createCustomCurrency: input -> store -> result."""

from typing import Any

from read_service.context import RequestContext
from shared.ledger.currencies import CustomCurrency
from shared.ledger.rejections import Rejection, reject
from shared.limits import (
    CUSTOM_CURRENCY_CHARS_MAX,
    CUSTOM_CURRENCY_PRECISION_MAX,
    NAME_CHARS_MAX,
)
from write_service.currencies import create_custom_currency
from write_service.inputs import check_chars
from write_service.mutations.answers import Answer, mutation
from write_service.posting import WriteServices


def bind(services: WriteServices) -> dict[str, Any]:
    """Resolvers by field of Mutation."""

    # The argument's name is the API's.
    @mutation("createCustomCurrency")
    async def create(
        context: RequestContext,
        customCurrency: dict[str, Any],  # noqa: N803
    ) -> Answer | Rejection:
        given = customCurrency
        custom_id, precision = given["customCurrencyId"], given["precision"]
        check_chars("customCurrency.customCurrencyId", custom_id, CUSTOM_CURRENCY_CHARS_MAX)
        check_chars("customCurrency.customCode", given["customCode"], CUSTOM_CURRENCY_CHARS_MAX)
        check_chars("customCurrency.name", given["name"], NAME_CHARS_MAX)
        if not 0 <= precision <= CUSTOM_CURRENCY_PRECISION_MAX:
            rule = f"customCurrency.precision must be 0 to {CUSTOM_CURRENCY_PRECISION_MAX}"
            return reject("bad_request", detail=f"{rule}, not {precision}.")
        wanted = CustomCurrency(
            workspace_id=context.workspace_id,
            id=custom_id,
            code=given["customCode"],
            name=given["name"],
            precision=precision,
            created_ms=services.clock.now_ms(),
        )
        created = await create_custom_currency(services, wanted)
        if isinstance(created, Rejection):
            return created
        return {"__typename": "CreateCustomCurrencyResult", "customCurrency": created.key}

    return {"createCustomCurrency": create}
