"""createCustomCurrency: a workspace's own currency, for ever as it was created.

Nothing removes or changes one, so a process that has seen a custom currency need not look again.
"""

from shared.errors import Overloaded
from shared.ledger.currencies import CustomCurrency
from shared.ledger.rejections import Rejection, reject
from shared.limits import STORE_ATTEMPTS_MAX
from shared.store import keys
from shared.store.items import custom_currency_from_item, custom_currency_item
from shared.store.table import Absent, Put, TableName, Transacted
from write_service.planning.parameters import shown
from write_service.posting import WriteServices


async def create_custom_currency(
    services: WriteServices, wanted: CustomCurrency
) -> CustomCurrency | Rejection:
    """The currency; one that stands is returned if it says the same, and refused if not.

    Raises Overloaded when others keep winning.
    """
    key = keys.custom_currency(wanted.workspace_id, wanted.id)
    listed = keys.custom_currency_listed(wanted.workspace_id, wanted.created_ms, wanted.id)
    for _ in range(STORE_ATTEMPTS_MAX):
        item = await services.table.get(key, consistent=True)
        if item is not None:
            standing = custom_currency_from_item(item)
            services.catalog.learn_currency(standing)
            difference = _difference(standing, wanted)
            if difference is None:
                return standing
            return reject("custom_currency_conflict", id=wanted.id, difference=difference)
        writes = [
            Put(TableName.LEDGER, custom_currency_item(wanted), (Absent(),)),
            Put(TableName.LEDGER, {"pk": listed.pk, "sk": listed.sk}),
        ]
        if isinstance(await services.table.transact(writes, services.new_token()), Transacted):
            services.catalog.learn_currency(wanted)
            return wanted
    raise Overloaded(f"others keep creating the custom currency {wanted.id}")


def _difference(standing: CustomCurrency, wanted: CustomCurrency) -> str | None:
    """What `wanted` would change, as it stands; None when nothing."""
    if standing.code != wanted.code:
        return f"the customCode {shown(standing.code)}"
    if standing.name != wanted.name:
        return f"the name {shown(standing.name)}"
    if standing.precision != wanted.precision:
        return f"the precision {standing.precision}"
    return None
