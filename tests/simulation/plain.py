"""The part of the simulation that has no Schema: accounts created and renamed by the clients while
they post to them, in dollars and in a custom currency."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from shared.ledger.accounts import LedgerAccount
from shared.ledger.currencies import CustomCurrency
from shared.ledger.ledgers import Ledger
from tests.write_rig import WORKSPACE
from write_service.account_inputs import NewAccountInput, new_accounts
from write_service.accounts import Made, create_accounts, update_account
from write_service.commands import (
    AccountMatch,
    CreateLedgerAccounts,
    LedgerMatch,
    UpdateLedgerAccount,
)
from write_service.currencies import create_custom_currency
from write_service.ledgers import CreateLedger, create_ledger
from write_service.posting import WriteServices

PLAIN_IK = "plain"
OWNERS = ("eve", "flo", "gus")
GEMS = {"code": "CUSTOM", "customCurrencyId": "gems"}
_STRONG = {"ownBalanceUpdates": "strong", "lines": "strong"}


def tree(owner: str) -> list[dict[str, Any]]:
    """What one call creates: the common accounts, and one owner's."""
    wallet = {"ik": owner, "name": owner}
    gems = {"ik": f"gems-{owner}", "name": "Gems", "currency": GEMS}
    return [
        {"ik": "vault", "name": "Vault", "type": "asset", "currencyMode": "multi"},
        {"ik": "wallets", "name": "Wallets", "type": "liability", "consistencyConfig": _STRONG,
         "childLedgerAccounts": [{**wallet, "childLedgerAccounts": [gems]}]},
    ]  # fmt: skip


def body(rng: Random, posted: int) -> dict[str, Any]:
    """An entry whose accounts may not have been created yet."""
    owner, amount = rng.choice(OWNERS), rng.randrange(1, 60) * rng.choice([1, 1, -1])
    currency: dict[str, Any] = {"code": "USD"}
    path = f"wallets/{owner}"
    if rng.random() < 0.4:
        currency, path = GEMS, f"wallets/{owner}/gems-{owner}"
    lines = [
        {"account": {"path": each}, "amount": amount, "currency": currency}
        for each in ("vault", path)
    ]
    condition = {"account": {"path": path}, "postcondition": {"ownBalance": {"gte": 0}}}
    return {
        "ledger": {"ik": PLAIN_IK},
        "posted": posted,
        "lines": lines,
        "conditions": [condition],
    }


async def open_plain(services: WriteServices) -> Ledger:
    """The ledger, without any account, and the custom currency."""
    gems = CustomCurrency(WORKSPACE, "gems", "GEM", "Gems", 0, services.clock.now_ms())
    assert isinstance(await create_custom_currency(services, gems), CustomCurrency)
    command = CreateLedger(WORKSPACE, PLAIN_IK, "Plain", 0, None, None)
    created = await create_ledger(services, command)
    assert isinstance(created, tuple), created
    return created[0]


@dataclass(slots=True)
class Creation:
    """One client's wish for an owner's accounts; `made` once it was answered."""

    owner: str
    made: Made | None = None
    new: list[str] = field(default_factory=list)  # iks that it was told to have created

    async def ask(self, services: WriteServices) -> None:
        """Sends it once."""
        given = [NewAccountInput.model_validate(each) for each in tree(self.owner)]
        accounts = new_accounts("ledgerAccounts", given)
        command = CreateLedgerAccounts(WORKSPACE, LedgerMatch(ik=PLAIN_IK), accounts)
        made = await create_accounts(services, command)
        assert isinstance(made, list), made
        self.made = made
        self.new += [account.ik for account, is_replay in made if not is_replay]


async def rename(services: WriteServices, owner: str, name: str) -> None:
    """Renames an owner's wallet, if it stands."""
    match = AccountMatch(None, f"wallets/{owner}", LedgerMatch(ik=PLAIN_IK))
    await update_account(services, UpdateLedgerAccount(WORKSPACE, match, name))


def audit_creations(creations: list[Creation], standing: dict[str, LedgerAccount]) -> list[str]:
    """Every answered account stands as it was answered but for its name; each was new once."""
    wrong: list[str] = []
    told: list[str] = []
    for creation in creations:
        told += creation.new
        for account, _ in creation.made or ():
            found = standing.get(account.path)
            if found is None or found.id != account.id or found.created_ms != account.created_ms:
                wrong.append(f"{account.path} was answered and stands otherwise")
    wrong += [f"{ik} was created twice" for ik in sorted(set(told)) if told.count(ik) > 1]
    return wrong
