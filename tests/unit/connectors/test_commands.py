"""What an operator does with native Links; keys are tried, sealed, and never seen again."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from io import StringIO

import orjson
import pytest

from connectors.links import main_async, read_secret
from connectors.sealing import Sealer
from connectors.stripe_source import StripeSource
from shared.errors import (
    ConfigurationError,
    RejectionError,
    SourceRefused,
    SourceUnavailable,
)
from shared.limits import LINK_OVERLAP_S
from shared.observe import JsonLines
from shared.settings import load_settings
from shared.store.table import TableName
from tests.connecting import IK, NAME, SECRET, ConnectRig
from tests.stripe_server import ACCOUNT, CREATED_S, KEY, PATH, StripeServer, transaction
from tests.write_rig import WORKSPACE
from write_service.links import create_custom_link

NAMED = ("--workspace", WORKSPACE, "--ik", IK)
CREATE = ("create-stripe", *NAMED, "--name", NAME, "--json")


@pytest.fixture
async def rig() -> AsyncIterator[ConnectRig]:
    async with StripeServer().running() as server:
        rig = ConnectRig(server)
        rig.server.add(transaction(1), transaction(2, currency="eur"))
        yield rig


def stored(rig: ConnectRig) -> str:
    return str([rig.memory.dump(table) for table in TableName])


async def refused(rig: ConnectRig, *words: str, secret: str = KEY) -> str:
    """Why a command was refused; nothing was written."""
    before = stored(rig)
    with pytest.raises(RejectionError) as refusal:
        await rig.command(*words, secret=secret)
    assert stored(rig) == before
    return str(refusal.value)


# --- Creating -------------------------------------------------------------------------------------
async def test_a_link_is_created_with_its_accounts_and_told(rig: ConnectRig) -> None:
    await rig.create()
    told = orjson.loads(await rig.command(*CREATE))
    state = await rig.state()
    assert told == {
        "link_id": state.link_id,
        "type": "StripeLink",
        "env": "testmode",
        "account": ACCOUNT,
        "created": False,
        "external_accounts": [f"{ACCOUNT}_eur", f"{ACCOUNT}_usd"],
        "webhook_path": f"/webhooks/stripe/{state.link_id}",
    }
    (shown,) = orjson.loads(await rig.command("status", "--json"))
    assert (shown["status"], shown["transactions"], shown["ik"]) == ("new", 0, IK)


async def test_keys_are_neither_stored_nor_shown_nor_logged(rig: ConnectRig) -> None:
    lines = StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.WARNING)  # as a process configures it
    logging.getLogger("twofold").setLevel(logging.DEBUG)
    try:
        await rig.create()
        said = await rig.command(*CREATE)
        rig.server.faults = [401]
        await rig.sync()
        rig.server.key = "rk_test_another0123456789"
        await rig.command("sync", *NAMED)
        await rig.sync()
        said += await rig.command("status")
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.getLogger("twofold").setLevel(logging.NOTSET)
    assert "link_stopped" in lines.getvalue()
    for text in (said, lines.getvalue(), stored(rig), repr(await rig.state())):
        assert KEY not in text
    kept = await rig.book.secrets((await rig.state()).link_id, rig.sealer)
    assert kept is not None
    assert kept.api_key == KEY
    assert KEY not in repr(kept)


@pytest.mark.parametrize(
    "key", ["", "sk_test_0123456789", "rk_test_", "rk_test_a\nb23456", "x" * 400]
)
async def test_what_is_no_restricted_key_is_refused_unseen(rig: ConnectRig, key: str) -> None:
    await rig.create()
    message = await refused(rig, *CREATE, secret=key)
    assert "not a restricted key" in message
    assert len(key) < 10 or key not in message
    assert rig.server.calls[PATH] == 1


async def test_a_key_that_stripe_refuses_creates_nothing(rig: ConnectRig) -> None:
    rig.server.key = "rk_test_another0123456789"
    with pytest.raises(SourceRefused, match="Invalid API Key provided: .hidden."):
        await rig.create()
    assert "LK#" not in stored(rig)


async def test_a_link_needs_its_workspace(rig: ConnectRig) -> None:
    assert await refused(rig, *CREATE) == f"There is no workspace {WORKSPACE}."


async def test_a_key_that_may_not_ask_for_its_account_is_told_it(rig: ConnectRig) -> None:
    rig.server.may_ask_account = False
    with pytest.raises(RejectionError, match="give it by --account"):
        await rig.create()
    assert "LK#" not in stored(rig)
    await rig.create(account=ACCOUNT)
    assert (await rig.state()).account_id == ACCOUNT
    await rig.sync()
    rig.judge()


async def test_the_account_is_the_key_s(rig: ConnectRig) -> None:
    with pytest.raises(RejectionError, match=f"belongs to the account {ACCOUNT}, not to acct_2"):
        await rig.create(account="acct_2")
    with pytest.raises(RejectionError, match="is not the id of a Stripe account"):
        await rig.create(account="../x")


async def test_an_ik_is_that_of_one_link(rig: ConnectRig) -> None:
    await rig.create()
    await create_custom_link(rig.services, WORKSPACE, "bank", "Bank")
    taken = ("create-stripe", "--workspace", WORKSPACE, "--ik", "bank", "--name", "x")
    assert "is that of another Link, a CustomLink" in await refused(rig, *taken)
    rig.server.key = live = "rk_live_0123456789"
    assert "a StripeLink (testmode)" in await refused(rig, *CREATE, secret=live)
    rig.server.key, rig.server.account = KEY, "acct_another"
    assert f"of another account, {ACCOUNT}" in await refused(rig, *CREATE)


async def test_a_creation_that_was_cut_short_is_ended_by_the_next(rig: ConnectRig) -> None:
    begin = rig.book.begin

    async def dies(*_: object) -> bool:
        raise asyncio.CancelledError

    rig.book.begin = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(asyncio.CancelledError):
        await rig.create()
    rig.book.begin = begin  # type: ignore[method-assign]
    await rig.create()
    await rig.sync()
    rig.judge()


@pytest.mark.parametrize("system, name", [("Increase", "create-increase"), ("Unit", "create-unit")])
async def test_other_systems_are_not_supported_and_say_so(
    system: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await main_async([name, "--ik", "x"]) == 1
    said = capsys.readouterr()
    assert f"{system} is not supported yet: a {system}Link can't be created" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    "fault, kind",
    [
        (None, SourceRefused),
        (500, SourceUnavailable),
        ("cut", SourceUnavailable),
        ("nonsense", SourceUnavailable),
    ],
)
async def test_what_stripe_raised_hangs_on_to_none_of_our_exceptions(
    rig: ConnectRig, fault: int | str | None, kind: type[Exception]
) -> None:
    key = KEY if fault else "rk_test_wrongwrongwrong"
    rig.server.faults = [fault] if fault else []
    source = StripeSource(key, ACCOUNT, NAME, rig.server.url)
    with pytest.raises(kind) as caught:
        await source.page(None, None)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert key not in "".join(traceback.format_exception(caught.value))
    await source.close()


# --- Operating ------------------------------------------------------------------------------------
async def test_the_status_says_how_far_a_link_is(rig: ConnectRig) -> None:
    await rig.create()
    rig.server.add(*[transaction(n) for n in range(10, 120)])
    rig.server.faults = ["fine", 500]
    await rig.sync()
    (shown,) = orjson.loads(await rig.command("status", "--workspace", WORKSPACE, "--json"))
    assert (shown["status"], shown["transactions"], shown["failures"]) == ("waiting", 100, 1)
    assert shown["trouble"].startswith("Stripe answered 500")
    assert (shown["synced_up_to"], shown["going_back_to"]) == (None, "2023-11-14T22:13:40.000Z")
    await rig.later()
    (shown,) = orjson.loads(await rig.command("status", "--json"))
    assert (shown["status"], shown["transactions"], shown["trouble"]) == ("idle", 112, "")
    assert (shown["synced_up_to"], shown["going_back_to"]) == ("2023-11-14T22:15:19.000Z", None)
    assert "status         idle" in await rig.command("status")
    assert await rig.command("status", "--workspace", "none") == "No native Link."


async def test_everything_or_what_is_since_a_day_is_read_again(rig: ConnectRig) -> None:
    await rig.create()
    await rig.sync()
    day = "2023-11-14"
    for words, since in (
        (("--again",), None),
        (("--again", "--since", day), "1699920000"),
        ((), str(CREATED_S + 2 - LINK_OVERLAP_S)),
    ):
        rig.server.queries.clear()
        await rig.command("sync", *NAMED, *words)
        await rig.sync()
        assert [each.get("created[gte]") for each in rig.server.queries] == [since]
    rig.judge()
    assert "--since goes with --again" in await refused(rig, "sync", *NAMED, "--since", day)
    assert "must be a day" in await refused(rig, "sync", *NAMED, "--again", "--since", "x")
    assert "no native Link" in await refused(rig, "sync", "--workspace", WORKSPACE, "--ik", "x")


async def test_a_key_is_replaced_by_one_of_the_same_account_and_side(rig: ConnectRig) -> None:
    await rig.create()
    other = "rk_test_another0123456789"
    live = "rk_live_0123456789"
    assert "in testmode" in await refused(rig, "set-key", *NAMED, secret=live)
    before = stored(rig)
    with pytest.raises(SourceRefused):
        await rig.command("set-key", *NAMED, secret=other)
    rig.server.key, rig.server.account = other, "acct_another"
    with pytest.raises(RejectionError, match="belongs to the account acct_another"):
        await rig.command("set-key", *NAMED, secret=other)
    assert stored(rig) == before


async def test_a_key_that_may_not_ask_for_its_account_must_show_what_is_synced(
    rig: ConnectRig,
) -> None:
    rig.server.may_ask_account = False
    await rig.create(account=ACCOUNT)
    await rig.sync()
    rig.server.key = newer = "rk_test_newer0123456789"
    rig.server.add(transaction(3))
    await rig.command("set-key", *NAMED, secret=newer)
    await rig.sync()
    rig.judge()
    ours = rig.server.held
    for held in ([transaction(9, id="txn_of_another")], []):
        rig.server.key, rig.server.held = "rk_test_another0123456789", held
        told = await refused(rig, "set-key", *NAMED, secret=rig.server.key)
        assert "none of its newest transactions is synced in the Link" in told
        assert "--unchecked" in told
    rig.server.held = ours
    await rig.later()
    rig.judge()


async def test_an_unchecked_key_is_taken_as_it_is(rig: ConnectRig) -> None:
    rig.server.may_ask_account = False
    await rig.create(account=ACCOUNT)
    await rig.sync()
    rig.server.key = newer = "rk_test_newer0123456789"
    rig.server.add(*[transaction(n) for n in range(10, 120)])
    await refused(rig, "set-key", *NAMED, secret=newer)
    await rig.command("set-key", *NAMED, "--unchecked", secret=newer)
    await rig.sync()
    rig.judge()


async def test_a_link_that_has_seen_nothing_takes_any_key_of_its_side(rig: ConnectRig) -> None:
    rig.server.may_ask_account = False
    await rig.create(account=ACCOUNT)
    rig.server.key = newer = "rk_test_newer0123456789"
    await rig.command("set-key", *NAMED, secret=newer)
    await rig.sync()
    rig.judge()


async def test_what_signs_webhooks_has_its_form(rig: ConnectRig) -> None:
    await rig.create()
    assert "begins with whsec_" in await refused(rig, "set-webhook-secret", *NAMED, secret="x")
    await rig.command("set-webhook-secret", *NAMED, secret="whsec_1")
    kept = await rig.book.secrets((await rig.state()).link_id, rig.sealer)
    assert kept is not None
    assert (kept.api_key, kept.webhook_secret) == (KEY, "whsec_1")
    assert "whsec_1" not in stored(rig) + repr(kept)


async def test_secrets_are_sealed_anew_and_the_old_one_is_taken_away(rig: ConnectRig) -> None:
    await rig.create()
    newer = "another secret of at least thirty-two bytes"
    rig.sealer = Sealer(f"{newer},{SECRET}")
    rig.restart()
    assert "resealed" in await rig.command("reseal")
    rig.sealer = Sealer(newer)
    rig.restart()
    assert (await rig.sync()).progress.status == "idle"
    rig.sealer = Sealer(SECRET)
    rig.restart()
    state = await rig.later()
    assert state.progress.status == "stopped"
    assert state.progress.trouble == "no secret of TWOFOLD_LINK_SECRET opens it"


async def test_a_link_whose_seal_nobody_can_open_takes_a_key_again(rig: ConnectRig) -> None:
    link_id = await rig.create()
    rig.sealer = Sealer("a secret that came after the first was lost")
    rig.restart()
    assert (await rig.sync()).progress.status == "stopped"
    await rig.command("set-key", *NAMED)
    assert (await rig.sync()).progress.status == "idle"
    kept = await rig.book.secrets(link_id, rig.sealer)
    assert kept is not None
    assert (kept.api_key, kept.webhook_secret) == (KEY, "")


async def test_two_who_change_a_secret_at_once_do_not_undo_each_other(rig: ConnectRig) -> None:
    link_id = await rig.create()
    old = await rig.book.secrets(link_id, rig.sealer)
    assert old is not None
    assert await rig.book.keep(link_id, old, rig.sealer)
    assert not await rig.book.keep(link_id, old, rig.sealer)


def test_a_secret_is_read_from_a_variable_or_from_standard_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_KEY", "rk_test_1 ")
    assert read_secret("key", "STRIPE_KEY") == "rk_test_1"
    with pytest.raises(ConfigurationError, match="NOTHING is empty"):
        read_secret("key", "NOTHING")
    monkeypatch.setattr("sys.stdin", StringIO("rk_test_2\n"))
    assert read_secret("key", None) == "rk_test_2"
    monkeypatch.setattr("sys.stdin", StringIO(""))
    with pytest.raises(ConfigurationError, match="give the key"):
        read_secret("key", None)


async def test_without_a_secret_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TWOFOLD_LINK_SECRET", raising=False)
    assert await main_async(["status"]) == 1
    assert "TWOFOLD_LINK_SECRET must hold" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "86401"])
def test_the_pause_between_looks_is_bounded(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TWOFOLD_LINK_POLL_S must be 1 to 86400"):
        load_settings({"TWOFOLD_LINK_POLL_S": text})
