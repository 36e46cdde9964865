"""Texts that are signed: the form of C2SP's signed-note, with Ed25519.

A note is a text, an empty line, and a line for each signature: `— NAME BASE64`, of four bytes that say which key it
is, and the signature of the text. A public key is written `NAME+HASH+BASE64`. Signing wants the library cryptography.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from cqrs_cli.errors import Misuse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LINE = re.compile(r"— ([^ +\n]+) ([A-Za-z0-9+/]+={0,2})")
_KEY = re.compile(r"([^ +\n]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})\s*")
_ED25519 = b"\1"
_MOST_BYTES = 1_000_000


class Signature(NamedTuple):
    """One line under a note. key: four bytes by which the key is told from others."""

    name: str
    key: bytes
    signature: bytes


class Note(NamedTuple):
    """A text, which ends with a newline, and what was signed under it."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def __str__(self) -> str:
        lines = [f"— {one.name} {b64encode(one.key + one.signature).decode()}\n" for one in self.signatures]
        return f"{self.text}\n{''.join(lines)}"


def parse(data: bytes) -> Note:
    """The note in a file. Raises `Misuse`."""
    try:
        text, gap, under = data.decode().replace("\r\n", "\n").rpartition("\n\n")
        if not gap or len(data) > _MOST_BYTES or (under and not under.endswith("\n")):
            raise ValueError("no note")
        signatures = []
        for line in under.splitlines():
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError("no signature")
            raw = b64decode(found[2], validate=True)
            signatures.append(Signature(found[1], raw[:4], raw[4:]))
    except ValueError:  # what is no UTF-8 or base64, too
        hint = "the file that was written when a checkpoint was made, as it was: its last lines belong to it"
        raise Misuse("this is no note: a text, an empty line, and signatures", hint=hint, code="checkpoint") from None
    return Note(text + "\n", tuple(signatures))


def sign(text: str, name: str, private: bytes) -> Note:
    """The note of a text, signed under a name. private: an Ed25519 key as PEM. Raises `Misuse`."""
    key = _private(private)
    public = key.public_key().public_bytes_raw()
    return Note(text, (Signature(name, _key_hash(name, public), key.sign(text.encode())),))


def public_key(name: str, private: bytes) -> str:
    """The public key of a private one, as others write and read it: `NAME+HASH+BASE64`."""
    public = _private(private).public_key().public_bytes_raw()
    return f"{name}+{_key_hash(name, public).hex()}+{b64encode(_ED25519 + public).decode()}"


def is_signed(note: Note, public: bytes) -> bool:
    """Whether somebody who has the private key of this public one signed the note.

    public: as `public_key` gives it, or PEM. Raises `Misuse` for what is no key.
    """
    name, raw = _public(public)
    found = [one for one in note.signatures if name in (None, one.name) and one.key == _key_hash(one.name, raw)]
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(raw)
    for one in found:
        try:
            key.verify(one.signature, note.text.encode())
        except InvalidSignature:
            continue
        return True
    return False


def _key_hash(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:4]


def _private(pem: bytes) -> Ed25519PrivateKey:
    check_installed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _loaded("load_pem_private_key", pem, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key("a private key of Ed25519, as PEM, without a password")
    return key


def _public(data: bytes) -> tuple[str | None, bytes]:
    """Its name, if it says one, and its 32 bytes."""
    found = _KEY.fullmatch(data.decode("utf-8", "replace"))
    if found is not None:
        raw = _unpacked(found[3])
        if raw[:1] == _ED25519 and len(raw) == 33 and _key_hash(found[1], raw[1:]).hex() == found[2]:
            check_installed()
            return found[1], raw[1:]
    key = _loaded("load_pem_public_key", data)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if not isinstance(key, Ed25519PublicKey):
        raise _no_key("a public key of Ed25519, as PEM or as NAME+HASH+BASE64")
    return None, key.public_bytes_raw()


def _unpacked(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def _loaded(loader: str, *arguments: Any) -> Any:
    check_installed()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        return getattr(serialization, loader)(*arguments)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def check_installed() -> None:
    """Raise `Misuse` unless the library is there with which one signs."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        hint = "install the extra: pip install 'cqrs-cli[sign]'"
        raise Misuse("signatures want the library cryptography", hint=hint, code="no-cryptography") from None


def _no_key(wanted: str) -> Misuse:
    hint = f"{wanted}; one is made by: openssl genpkey -algorithm ed25519 -out key.pem"
    return Misuse("there is no key of that kind in the file", hint=hint, code="key")
