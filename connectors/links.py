"""Native Links from the command line: python -m connectors.links COMMAND.

    create-stripe       a Stripe Link; the restricted key comes from standard input, or from the
                        environment variable that --key-from names
    create-increase, create-unit    not supported yet: says so
    status              how far each Link is synced, and what went wrong
    sync                syncs a Link at once; one that was stopped goes on; --again reads what it
                        had read before, all of it or what was created --since a day
    set-key             another key for the same account
    set-webhook-secret  the signing secret of the Link's webhook endpoint, likewise
    reseal              seals all secrets by the first one of TWOFOLD_LINK_SECRET

Keys are never printed.
"""

import argparse
import asyncio
import secrets as random_secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from getpass import getpass
from random import Random
from typing import Any

import orjson

from connectors.book import LinkBook, LinkSecrets, NativeLink
from connectors.progress import Progress, again, resumed
from connectors.sealing import SealBroken, Sealer
from connectors.sources import NOT_SUPPORTED, SourcePage
from connectors.stripe_source import StripeSource, is_account_id, key_env
from connectors.stripe_txs import stripe_account
from shared.clock import Clock, SystemClock
from shared.errors import (
    ConfigurationError,
    LeaseLost,
    RejectionError,
    SourceRefused,
    TwofoldError,
)
from shared.ledger.identifiers import external_account_id, link_id, tx_id
from shared.ledger.links import INCREASE_LINK, STRIPE_LINK, UNIT_LINK, Link
from shared.ledger.periods import format_datetime
from shared.ledger.rejections import Rejection, reject
from shared.limits import CLIENT_CHANGES_TRIED_MAX, NAME_CHARS_MAX
from shared.observe import Metrics
from shared.settings import Settings, load_settings, value_of
from shared.store import keys
from shared.store.clients import StoredClients
from shared.store.dynamo import open_table
from shared.store.items import link_from_item
from write_service.app import make_write_services
from write_service.commands import LinkMatch
from write_service.inputs import check_chars, check_ik
from write_service.links import create_link, new_link, sync_accounts
from write_service.planning.links import WantedAccount
from write_service.posting import WriteServices

DEFAULT_WORKSPACE = "default"
UNSUPPORTED = {"create-increase": INCREASE_LINK, "create-unit": UNIT_LINK}
CURRENCY_CHARS = 4  # that an account's name is longer than its Link's

ReadSecret = Callable[[str, str | None], str]  # (what it is, the variable to read it from)


def _fail(detail: str) -> RejectionError:
    """What was asked for can't be done: raise it."""
    return RejectionError(reject("bad_request", detail=detail))


class LinkAdmin:
    """What the commands do."""

    def __init__(
        self, services: WriteServices, book: LinkBook, sealer: Sealer, stripe_url: str
    ) -> None:
        self._services = services
        self._book = book
        self._sealer = sealer
        self._url = stripe_url

    # --- Creating ---------------------------------------------------------------------------------
    async def create_stripe(
        self, workspace_id: str, ik: str, name: str, api_key: str, account_id: str | None
    ) -> dict[str, Any]:
        """A Stripe Link whose key was tried; one that stands is told, and keeps its key."""
        check_ik("ik", ik)
        check_chars("name", name, NAME_CHARS_MAX - CURRENCY_CHARS)
        if await StoredClients(self._services.table).workspace(workspace_id) is None:
            raise _fail(f"There is no workspace {workspace_id}.")
        env = _env_of(api_key)
        found_id, currencies, _ = await self._tried(api_key, account_id, name)
        wanted = new_link(self._services, workspace_id, STRIPE_LINK, ik, name, env)
        link, _ = await create_link(self._services, wanted)
        if link.type != STRIPE_LINK or link.env != env:
            kind = f"{link.type} ({link.env})" if link.env else link.type
            raise _fail(f"The ik {ik} is that of another Link, a {kind}.")
        kept = LinkSecrets(workspace_id, api_key)
        token = self._services.new_token()
        created = await self._book.begin(link, found_id, kept, self._sealer, token)
        state = await self._state(workspace_id, link.id)
        if state.account_id != found_id:
            raise _fail(f"The Link {ik} is that of another account, {state.account_id}.")
        accounts = [stripe_account(found_id, link.name, each) for each in currencies]
        synced = await sync_accounts(
            self._services,
            workspace_id,
            LinkMatch(link.id),
            [
                WantedAccount(each.external_id, each.name, "single", each.currency)
                for each in accounts
            ],
            STRIPE_LINK,
        )
        if isinstance(synced, Rejection):
            raise RejectionError(synced)
        return {
            "link_id": link.id,
            "type": link.type,
            "env": env,
            "account": found_id,
            "created": created,
            "external_accounts": [each.external_id for each in synced],
            "webhook_path": f"/webhooks/stripe/{link.id}",
        }

    async def _tried(
        self, api_key: str, account_id: str | None, name: str
    ) -> tuple[str, list[str], SourcePage | None]:
        """The account of a key that may list balance transactions, and its currencies. Where the
        key may not ask for its account, that is only what was given: then with its first page.
        """
        if account_id is not None and not is_account_id(account_id):
            raise _fail(f"{account_id!r} is not the id of a Stripe account: acct_….")
        source = StripeSource(api_key, account_id or "", name, self._url)
        try:
            page = await source.page(None, None)
            currencies = [tx.account.currency for each in page.transactions for tx in each.txs]
            try:
                found = await source.account()
            except SourceRefused as error:
                if account_id is None:
                    raise _fail(
                        "The key may not ask which account it belongs to: give it by --account. "
                        f"({error})"
                    ) from None
                return account_id, sorted(set(currencies)), page
        finally:
            await source.close()
        if account_id not in (None, found.id):
            raise _fail(f"The key belongs to the account {found.id}, not to {account_id}.")
        return found.id, sorted({found.currency, *currencies}), None

    # --- Operating --------------------------------------------------------------------------------
    async def status(self, workspace_id: str | None) -> list[dict[str, Any]]:
        """Every native Link, or those of one workspace."""
        return [await self._shown(state) for state in await self._book.listed(workspace_id)]

    async def sync(self, workspace_id: str, ik: str, again_since: str | None) -> dict[str, Any]:
        """Has a Link synced at once; `again_since` is a day, `all`, or None to go on."""
        if again_since is None:
            return await self._change(workspace_id, ik, resumed)
        since_s = None if again_since == "all" else _day_s(again_since)
        return await self._change(workspace_id, ik, lambda progress: again(progress, since_s))

    async def set_key(
        self, workspace_id: str, ik: str, api_key: str, unchecked: bool = False
    ) -> dict[str, Any]:
        """Replaces the key by another one of the same account, once it was tried. `unchecked`: also
        where it doesn't show that the account is the same.
        """
        state = await self._named(workspace_id, ik)
        link = await self._link(state)
        if _env_of(api_key) != link.env:
            raise _fail(f"The Link is in {link.env}, and the key is not.")
        _, _, page = await self._tried(api_key, state.account_id, link.name)
        if page is not None and not unchecked and not await self._is_account_s(state, page):
            raise _fail(
                "The key may not ask which account it belongs to, and none of its newest "
                f"transactions is synced in the Link {ik}: it may be another account's, whose "
                "transactions could not be deleted again. Give it the permission to read its "
                "account, or take it by --unchecked."
            )
        try:
            kept = await self._kept(state)
        except SealBroken:  # the setting's secret was lost: so is the webhook's
            kept = LinkSecrets(workspace_id, "", "", await self._book.sealed(state.link_id))
        await self._keep(state, replace(kept, api_key=api_key))
        return await self._change(workspace_id, ik, resumed)

    async def _is_account_s(self, state: NativeLink, page: SourcePage) -> bool:
        """Whether a page of a key's transactions is the Link's account's: one stands there, or
        nothing does yet.
        """
        grosses = [each.txs[0] for each in page.transactions]
        wanted = [
            keys.tx(tx_id(external_account_id(state.link_id, account), external_id, 1))
            for account, external_id in [(tx.account.external_id, tx.external_id) for tx in grosses]
        ]
        found = await self._services.table.get_many(wanted, consistent=True)
        return not state.progress.has_looked or any(each is not None for each in found)

    async def set_webhook_secret(self, workspace_id: str, ik: str, secret: str) -> dict[str, Any]:
        """Replaces the secret that the Link's webhooks are signed with."""
        if not secret.startswith("whsec_") or not secret.isascii() or not secret.isprintable():
            raise _fail("The signing secret of an endpoint begins with whsec_.")
        state = await self._named(workspace_id, ik)
        kept = await self._kept(state)
        await self._keep(state, replace(kept, webhook_secret=secret))
        return await self._shown(state)

    async def reseal(self) -> dict[str, Any]:
        """Seals everything by the newest secret of the setting."""
        states = await self._book.listed()
        for state in states:
            await self._keep(state, await self._kept(state))
        return {"resealed": len(states)}

    async def _kept(self, state: NativeLink) -> LinkSecrets:
        kept = await self._book.secrets(state.link_id, self._sealer)
        assert kept is not None, "a native Link is made with its secrets"
        return kept

    async def _keep(self, state: NativeLink, secrets: LinkSecrets) -> None:
        if not await self._book.keep(state.link_id, secrets, self._sealer):
            raise _fail("The Link's secrets are being changed by somebody else: try again.")

    async def _change(
        self, workspace_id: str, ik: str, change: Callable[[Progress], Progress]
    ) -> dict[str, Any]:
        for _ in range(CLIENT_CHANGES_TRIED_MAX):
            state = await self._named(workspace_id, ik)
            try:
                await self._book.reset(state, change(state.progress))
            except LeaseLost:
                continue  # it moved meanwhile
            return await self._shown(await self._state(workspace_id, state.link_id))
        raise _fail(f"The Link {ik} is being synced and changed by others: try again.")

    async def _named(self, workspace_id: str, ik: str) -> NativeLink:
        check_ik("ik", ik)
        state = await self._book.find(workspace_id, link_id(workspace_id, ik))
        if state is None:
            raise _fail(f"The workspace {workspace_id} has no native Link with the ik {ik}.")
        return state

    async def _state(self, workspace_id: str, found_id: str) -> NativeLink:
        state = await self._book.find(workspace_id, found_id)
        assert state is not None, "a native Link goes on existing"
        return state

    async def _link(self, state: NativeLink) -> Link:
        key = keys.link(state.workspace_id, state.link_id)
        item = await self._services.table.get(key, consistent=True)
        assert item is not None, "a Link goes on existing"
        return link_from_item(item)

    async def _shown(self, state: NativeLink) -> dict[str, Any]:
        link, progress = await self._link(state), state.progress
        under_way = progress.resting or progress.round
        return {
            "workspace": state.workspace_id,
            "ik": link.ik,
            "name": link.name,
            "link_id": link.id,
            "type": f"{link.type} ({link.env})",
            "account": state.account_id,
            "status": progress.status,
            "transactions": progress.synced,
            "synced_up_to": _moment(progress.high_s),
            "going_back_to": None if under_way is None else _moment(under_way.oldest_s),
            "last_round": None
            if progress.finished_ms is None
            else format_datetime(progress.finished_ms),
            "rounds": progress.rounds,
            "failures": progress.failures,
            "trouble": progress.trouble,
            "refused": progress.refused,
            "refusals": [f"{each.id}: {each.reason}" for each in progress.refusals],
        }


def _env_of(api_key: str) -> str:
    env = key_env(api_key)
    if env is None:
        raise _fail(
            "That is not a restricted key of Stripe (rk_live_… or rk_test_…). A secret key may do "
            "more than reading: it is not taken."
        )
    return env


def _moment(seconds: int | None) -> str | None:
    return None if seconds is None else format_datetime(seconds * 1000)


def _day_s(text: str) -> int:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _fail(f"--since must be a day like 2026-01-31, not {text[:40]!r}.") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


# --- The command line -----------------------------------------------------------------------------
def read_secret(what: str, variable: str | None) -> str:
    """A secret from the environment variable that is named, or from standard input."""
    if variable is not None:
        return value_of(variable).strip()
    text = getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not text.strip():
        raise ConfigurationError(f"give the {what} on standard input, or name a variable")
    return text.strip()


def _printed(values: dict[str, Any]) -> str:
    width = max(len(name) for name in values)
    shown = {name: ", ".join(v) if isinstance(v, list) else v for name, v in values.items()}
    return "\n".join(
        f"{name:<{width}}  {value}" for name, value in shown.items() if value not in (None, "")
    )


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    made = argparse.ArgumentParser(
        prog="python -m connectors.links", description="Manage native Links."
    )
    commands = made.add_subparsers(dest="command", required=True)

    def command(name: str, text: str, ik: bool = True) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--json", action="store_true", help="print JSON")
        if ik:
            added.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME")
            added.add_argument("--ik", required=True, help="the Link's idempotency key")
        return added

    create = command("create-stripe", "Create a Stripe Link; reads the restricted key.")
    create.add_argument("--name", required=True, help="what people call it")
    create.add_argument("--account", metavar="acct_…", help="where the key may not ask for it")
    create.add_argument("--key-from", metavar="VARIABLE", help="read the key from there")
    for name, link_type in UNSUPPORTED.items():
        told = command(name, f"Not supported yet: {NOT_SUPPORTED[link_type]}.", ik=False)
        for option in ("--workspace", "--ik", "--name"):
            told.add_argument(option)
    status = command("status", "Show how far Links are synced.", ik=False)
    status.add_argument("--workspace", metavar="NAME", help="only this one's")
    sync = command("sync", "Sync a Link at once; a stopped one goes on.")
    sync.add_argument("--again", action="store_true", help="read everything again")
    sync.add_argument("--since", metavar="DAY", help="with --again: what was created since")
    key = command("set-key", "Replace a Link's key; reads the new one.")
    key.add_argument("--key-from", metavar="VARIABLE", help="read the key from there")
    key.add_argument(
        "--unchecked", action="store_true", help="even if it doesn't show whose account it opens"
    )
    secret = command("set-webhook-secret", "Set an endpoint's signing secret; reads it.")
    secret.add_argument("--secret-from", metavar="VARIABLE", help="read the secret from there")
    command("reseal", "Seal all secrets by the first of TWOFOLD_LINK_SECRET.", ik=False)
    return made


async def run(arguments: argparse.Namespace, admin: LinkAdmin, read: ReadSecret) -> str:
    """Carries out one command; the text to print. Raises TwofoldError."""
    values: dict[str, Any] | list[dict[str, Any]]
    asked = arguments
    match asked.command:
        case "create-stripe":
            api_key = read("Stripe's restricted key", asked.key_from)
            values = await admin.create_stripe(
                asked.workspace, asked.ik, asked.name, api_key, asked.account
            )
        case "status":
            values = await admin.status(asked.workspace)
        case "sync":
            if asked.since is not None and not asked.again:
                raise _fail("--since goes with --again.")
            since = (asked.since or "all") if asked.again else None
            values = await admin.sync(asked.workspace, asked.ik, since)
        case "set-key":
            api_key = read("Stripe's restricted key", asked.key_from)
            values = await admin.set_key(asked.workspace, asked.ik, api_key, asked.unchecked)
        case "set-webhook-secret":
            secret = read("endpoint's signing secret", asked.secret_from)
            values = await admin.set_webhook_secret(asked.workspace, asked.ik, secret)
        case _:
            values = await admin.reseal()
    if asked.json:
        return orjson.dumps(values, option=orjson.OPT_INDENT_2).decode()
    if isinstance(values, list):
        return "\n\n".join(map(_printed, values)) or "No native Link."
    return _printed(values)


def not_supported(command: str) -> str | None:
    """What is answered to the creation of a Link whose system has no source yet."""
    link_type = UNSUPPORTED.get(command)
    if link_type is None:
        return None
    system = NOT_SUPPORTED[link_type]
    return (
        f"{system} is not supported yet: a {link_type} can't be created. Sync its transactions "
        "into a Custom Link (syncCustomTxs)."
    )


async def main_async(argv: Sequence[str]) -> int:
    """The exit status of one command against the table that the settings name."""
    arguments = parser().parse_args(argv)
    refusal = not_supported(arguments.command)
    if refusal is not None:
        print(f"links: {refusal}", file=sys.stderr)
        return 1
    try:
        settings = load_settings()
        print(await _run_on(settings, arguments, SystemClock()))
    except TwofoldError as error:
        print(f"links: {error}", file=sys.stderr)
        return 1
    return 0


async def _run_on(settings: Settings, arguments: argparse.Namespace, clock: Clock) -> str:
    sealer = Sealer(settings.link_secret)
    async with open_table(settings, clock=clock) as table:
        process_id = random_secrets.token_hex(8)
        services = make_write_services(
            settings,
            clock=clock,
            table=table,
            metrics=Metrics(),
            process_id=process_id,
            rng=Random(random_secrets.randbits(64)),
        )
        try:
            book = LinkBook(table, clock, process_id)
            admin = LinkAdmin(services, book, sealer, settings.stripe_url)
            return await run(arguments, admin, read_secret)
        finally:
            await services.committer.close()


def main() -> None:
    """Entry point."""
    sys.exit(asyncio.run(main_async(sys.argv[1:])))


if __name__ == "__main__":
    main()
