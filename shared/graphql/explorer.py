"""The page that a browser gets at /graphql: give a token, write an operation, run it.

The GraphiQL that GraphQL libraries ship fetches its scripts from a CDN; a ledger's host may reach
none, and a page that holds a token should run no stranger's code. So this page is small and whole.
"""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files


def _hashes(page: str, tag: str) -> str:
    """CSP sources of the page's own inline elements."""
    sources = []
    for part in page.split(f"<{tag}>")[1:]:
        text = part.split(f"</{tag}>")[0]
        sources.append(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'")
    return " ".join(sources)


class Explorer:
    """The page's bytes and the headers that it is sent with: only its own script may run."""

    __slots__ = ("headers", "page")

    def __init__(self) -> None:
        text = files("shared.graphql").joinpath("explorer.html").read_text(encoding="utf-8")
        policy = (
            "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            f"frame-ancestors 'none'; script-src {_hashes(text, 'script')}; "
            f"style-src {_hashes(text, 'style')}"
        )
        self.page = text.encode()
        self.headers = (
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", policy.encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        )
