"""The external ids under which a statement's rows are synced.

A row that the bank has given an id keeps it. One without gets an id of what it is: the same row of
the same file, or of the next one that overlaps it by whole days, always gets the same.
"""

import hashlib
import json
from collections import Counter

from shared.ledger.periods import format_datetime
from shared.limits import SAFE_STRING_CHARS_MAX

_UNSAFE = "/#:{%"
_DIGEST_CHARS = 20


def safe_external_id(bank_id: str) -> str:
    """A bank's id as a SafeString: what that can't hold is percent-encoded, `/` as `%2F`.

    Two ids never become the same. One that gets too long becomes `long-` and its digest.
    """
    safe = "".join(
        [
            each
            if each.isprintable() and each not in _UNSAFE
            else "".join([f"%{byte:02X}" for byte in each.encode("utf-8", "surrogatepass")])
            for each in bank_id
        ]
    )
    if len(safe) <= SAFE_STRING_CHARS_MAX:
        return safe
    return f"long-{hashlib.sha256(safe.encode()).hexdigest()}"


class DerivedIds:
    """Ids for the rows that have none, in the order of the file."""

    def __init__(self) -> None:
        """No row was seen yet."""
        self._seen: Counter[str] = Counter()

    def next(self, posted_ms: int, amount: int, currency: str, description: str) -> str:
        """`2024-07-21-<digest>-1`; the last number counts the rows that are alike."""
        posted = format_datetime(posted_ms)
        what = json.dumps([posted, str(amount), currency, description], ensure_ascii=True)
        digest = hashlib.sha256(what.encode()).hexdigest()[:_DIGEST_CHARS]
        self._seen[digest] += 1
        return f"{posted[:10]}-{digest}-{self._seen[digest]}"
