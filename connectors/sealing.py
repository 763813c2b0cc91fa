"""Secrets of native Links at rest: AES-256-GCM under a key that follows from TWOFOLD_LINK_SECRET.

    sealed text: 1 . id of the key . base64(nonce, ciphertext)

The setting may hold several secrets, by commas. The first seals, all of them open: to change it,
put the new one first, `reseal`, and take the old one away. A sealed text opens only for the context
it was sealed for (which Link, which secret), so it can't be moved to another item.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.errors import ConfigurationError, TwofoldError
from shared.limits import LINK_SECRET_BYTES_MIN, LINK_SECRETS_MAX

_FORM = "1"
_NONCE_BYTES = 12
_PURPOSE = b"twofold: secrets of native links"


class SealBroken(TwofoldError):
    """No secret of TWOFOLD_LINK_SECRET opens a sealed text, or it isn't what was sealed."""


class Sealer:
    """Seals and opens. Raises ConfigurationError for secrets that can't work."""

    def __init__(self, secrets_text: str) -> None:
        given = [each.strip() for each in secrets_text.split(",") if each.strip()]
        if not 1 <= len(given) <= LINK_SECRETS_MAX:
            raise ConfigurationError(
                f"TWOFOLD_LINK_SECRET must hold 1 to {LINK_SECRETS_MAX} secrets, parted by commas"
            )
        if any(len(each.encode()) < LINK_SECRET_BYTES_MIN for each in given):
            raise ConfigurationError(
                f"each secret of TWOFOLD_LINK_SECRET must have at least {LINK_SECRET_BYTES_MIN} "
                "bytes, for example the output of openssl rand -base64 32"
            )
        keys = [_key(each) for each in given]
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._first = _key_id(keys[0])

    def seal(self, text: str, context: str) -> str:
        """The text, readable only with the secret and the same context."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        closed = self._ciphers[self._first].encrypt(nonce, text.encode(), context.encode())
        return f"{_FORM}.{self._first}.{urlsafe_b64encode(nonce + closed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """The text that was sealed. Raises SealBroken."""
        form, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        cipher = self._ciphers.get(key_id)
        if form != _FORM or cipher is None:
            raise SealBroken("no secret of TWOFOLD_LINK_SECRET opens it")
        try:
            raw = urlsafe_b64decode(body)
            opened = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("it isn't what was sealed") from None
        return opened.decode()

    def is_newest(self, sealed: str) -> bool:
        """Whether the first secret sealed it."""
        return sealed.startswith(f"{_FORM}.{self._first}.")


def _key(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())


def _key_id(key: bytes) -> str:
    return sha256(b"id" + key).hexdigest()[:8]
