"""Ids are derived, not looked up: each is a digest of what makes its thing unique.

An id is 32 lower-case hexadecimal digits (128 bits of BLAKE2b), so it holds no `/`, `#` or `:`. A
line's id is its entry's, a dash and the line's place in the entry. An External Account's is its
Link's, a dash and a digest: so its id alone says in whose partition it stands.

    ledger         workspace, ik, generation (an ik freed by a deletion makes a new ledger)
    ledger entry   ledger id, ik, position in the ik's reversal chain (from 1)
    ledger account ledger id, path
    group          ledger id, key, value (never shown: a group is named by its key and value)
    Link           workspace, ik
    Tx             External Account, external id, place in the sequence of its Txs (from 1)
"""

from hashlib import blake2b

_SEPARATOR = b"\x00"


def _digest(kind: bytes, *parts: str) -> str:
    """128 bits over a kind and its parts; NUL separates them and can stand in none of them."""
    joined = _SEPARATOR.join([part.encode() for part in parts])
    return blake2b(joined, digest_size=16, person=kind).hexdigest()


def ledger_id(workspace_id: str, ik: str, generation: int) -> str:
    """Id of the `generation`-th ledger (from 1) that was created with `ik`."""
    return _digest(b"ledger", workspace_id, ik, str(generation))


def entry_id(ledger_id: str, ik: str, position: int) -> str:
    """Id of the entry at `position` (from 1) of the reversal chain of `ik`."""
    return _digest(b"entry", ledger_id, ik, str(position))


def account_id(ledger_id: str, path: str) -> str:
    """Id of the account at the instantiated `path`."""
    return _digest(b"account", ledger_id, path)


def group_id(ledger_id: str, key: str, value: str) -> str:
    """Id of the group of entries that have `value` under `key`."""
    return _digest(b"group", ledger_id, key, value)


def line_id(entry_id: str, index: int) -> str:
    """Id of the line at place `index` (from 0) of an entry."""
    return f"{entry_id}-{index}"


def parse_line_id(line_id: str) -> tuple[str, int] | None:
    """The entry's id and the line's place, or None when `line_id` is no line's id."""
    entry, dash, index = line_id.partition("-")
    if not dash or not is_id(entry) or not index.isascii() or not index.isdigit() or len(index) > 3:
        return None
    return entry, int(index)


def link_id(workspace_id: str, ik: str) -> str:
    """Id of the Link that was created with `ik`."""
    return _digest(b"link", workspace_id, ik)


def external_account_id(link_id: str, external_id: str) -> str:
    """Id of the account that a Link's system knows as `external_id`."""
    return f"{link_id}-{_digest(b'ext-account', link_id, external_id)}"


def parse_external_account_id(text: str) -> tuple[str, str] | None:
    """The Link's id and the digest, or None when `text` is no External Account's id."""
    link, dash, digest = text.partition("-")
    return (link, digest) if dash and is_id(link) and is_id(digest) else None


def tx_id(external_account_id: str, external_id: str, sequence: int) -> str:
    """Id of the `sequence`-th Tx (from 1) of an external id in its account."""
    return _digest(b"tx", external_account_id, external_id, str(sequence))


def is_id(text: str) -> bool:
    """Whether `text` has the form of a derived id."""
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)
