"""Stripe behind the Source port: its official library, one attempt a call; who asks tries again.

Its exceptions are mapped by one table. None of them, and no text of theirs that holds a key, goes
further: what is raised here is our own.
"""

import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import aiohttp
import stripe

from connectors.sources import CursorLost, SourcePage
from connectors.stripe_txs import currency_of, read_page
from shared.errors import SourceRefused, SourceUnavailable
from shared.ledger.currencies import DEFAULT_CURRENCY
from shared.limits import (
    LINK_TROUBLE_CHARS_MAX,
    SOURCE_CALL_MS,
    SOURCE_KEY_CHARS_MAX,
    SOURCE_PAGE_MAX,
)

T = TypeVar("T")

LIVE = "livemode"
TEST = "testmode"
_KEY = re.compile(r"rk_(live|test)_[A-Za-z0-9_]{8,}")
_ANY_KEY = re.compile(r"\b(rk|sk|pk|whsec)_[\w*.-]+")
_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,64}")
_REFUSED = (stripe.AuthenticationError, stripe.PermissionError)
_RETRYABLE = (stripe.RateLimitError, stripe.APIConnectionError)


def key_env(api_key: str) -> str | None:
    """Which side of Stripe a restricted key opens; None when it has not the form of one."""
    found = _KEY.fullmatch(api_key) if len(api_key) <= SOURCE_KEY_CHARS_MAX else None
    if found is None:
        return None
    return LIVE if found[1] == "live" else TEST


def is_account_id(text: str) -> bool:
    """Whether `text` has the form of a Stripe account's id."""
    return _ACCOUNT.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """What Stripe tells of the account that a key belongs to."""

    id: str
    currency: str


class StripeSource:
    """The balance transactions of one Stripe account; make it in the loop, close it after use."""

    def __init__(self, api_key: str, account_id: str, link_name: str, url: str = "") -> None:
        self._key = api_key
        self._account_id = account_id
        self._link_name = link_name
        is_tls = not url.startswith("http:")
        timeout = aiohttp.ClientTimeout(total=SOURCE_CALL_MS / 1000)
        connector = aiohttp.TCPConnector(ssl=_tls()) if is_tls else aiohttp.TCPConnector()
        self._http = stripe.AIOHTTPClient(timeout=timeout, connector=connector)
        addresses = {"api": url.rstrip("/")} if url else {}
        self._client = stripe.StripeClient(
            api_key, http_client=self._http, base_addresses=addresses, max_network_retries=0
        )

    async def page(self, since_s: int | None, after: str | None) -> SourcePage:
        """One page of the balance transactions, the newest first."""
        params: dict[str, Any] = {"limit": SOURCE_PAGE_MAX}
        if since_s is not None:
            params["created"] = {"gte": since_s}
        if after is not None:
            params["starting_after"] = after

        async def ask() -> tuple[list[Any], object]:
            listed = await self._client.v1.balance_transactions.list_async(params)
            body: Mapping[str, Any] = listed.to_dict()
            found, has_more = body["data"], body["has_more"]
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise TypeError("not a list")
            return found, has_more

        found, has_more = await self._mapped(ask, after)
        return read_page(self._account_id, self._link_name, found, bool(has_more and found))

    async def account(self) -> StripeAccount:
        """The account that the key belongs to. Raises SourceRefused where the key may not ask."""

        async def ask() -> StripeAccount:
            told: Mapping[str, Any] = (
                await self._client.v1.accounts.retrieve_current_async()
            ).to_dict()
            name = str(told["id"])
            if not is_account_id(name):
                raise TypeError("not an account")
            currency = currency_of(told.get("default_currency"))
            return StripeAccount(name, currency or DEFAULT_CURRENCY)

        return await self._mapped(ask)

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.close_async()

    async def _mapped(self, ask: Callable[[], Awaitable[T]], after: str | None = None) -> T:
        """What `ask` answers. Raises ours instead of whatever the library and its HTTP client
        raise, and outside of any handler, so that neither cause nor context hangs on to it.
        """
        problem: Exception
        try:
            return await ask()
        except stripe.StripeError as error:
            problem = self._problem(error, after)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = SourceUnavailable(f"Stripe could not be reached ({type(error).__name__})")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = f"Stripe's answer could not be read ({type(error).__name__})"
            problem = SourceUnavailable(text)
        raise problem from None

    def _problem(self, error: stripe.StripeError, after: str | None) -> Exception:
        text = self._told(error)
        if isinstance(error, _REFUSED):
            return SourceRefused(text)
        status = error.http_status or 0
        if isinstance(error, _RETRYABLE) or status >= 500 or status in (0, 200, 409, 429):
            return SourceUnavailable(text)
        param = getattr(error, "param", None)
        if after is not None and param == "starting_after":
            return CursorLost(text)
        return SourceRefused(text)

    def _told(self, error: stripe.StripeError) -> str:
        """What Stripe said, without anything that looks like a key."""
        status = f"Stripe answered {error.http_status}" if error.http_status else "Stripe"
        said = (error.user_message or type(error).__name__).replace(self._key, "[hidden]")
        told = f"{status}: {_ANY_KEY.sub('[hidden]', said)}"
        if error.request_id:
            told = f"{told} ({error.request_id})"
        return " ".join(told.split())[:LINK_TROUBLE_CHARS_MAX]


@cache
def _tls() -> ssl.SSLContext:
    """Trusts what the library trusts; made once, as reading all certificates takes a while."""
    return ssl.create_default_context(cafile=stripe.ca_bundle_path)
