"""Notes and their signatures, in the form that others read and write."""

import builtins
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cqrs_cli.errors import Misuse
from cqrs_cli.log import signed_note
from cqrs_cli.log.signed_note import Note, is_signed, sign

TEXT = "cqrs/17\n3\nhash\n"


def pem(key: Any) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def public_pem(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_the_example_of_the_specification() -> None:
    """Go's sumdb/note documents this note and key (golang.org/x/mod/sumdb/note, its examples)."""
    public = b"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    signed = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    note = signed_note.parse(f"{text}\n{signed}".encode())
    assert note.text == text
    assert signed_note.is_signed(note, public)
    assert not signed_note.is_signed(note._replace(text=text + "!\n"), public)
    assert str(note) == f"{text}\n{signed}"


def test_signed_and_read_again() -> None:
    note = signed_note.sign(TEXT, "cqrs/17", pem(KEY))
    again = signed_note.parse(str(note).encode())
    assert again == note
    for public in (public_pem(KEY), signed_note.public_key("cqrs/17", pem(KEY)).encode()):
        assert signed_note.is_signed(again, public)
    for public in (public_pem(OTHER), signed_note.public_key("cqrs/17", pem(OTHER)).encode()):
        assert not signed_note.is_signed(again, public)
    assert not signed_note.is_signed(again, signed_note.public_key("cqrs/18", pem(KEY)).encode()), "another name"
    assert not signed_note.is_signed(Note(TEXT), public_pem(KEY)), "no signature at all"
    both = note._replace(signatures=signed_note.sign(TEXT, "other", pem(OTHER)).signatures + note.signatures)
    assert signed_note.is_signed(signed_note.parse(str(both).encode()), public_pem(KEY))


def test_every_change_of_a_byte_is_seen() -> None:
    whole = str(signed_note.sign(TEXT, "cqrs/17", pem(KEY))).encode()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        try:
            note = signed_note.parse(bytes(changed))
        except Misuse:
            continue
        # The name beside a signature is not signed; the key is told by it and its bytes.
        assert not signed_note.is_signed(note, public_pem(KEY)) or note.text == TEXT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"text\n",
        b"text\n\nsomething\n",
        b"text\n\n\xe2\x80\x94 name !!\n",
        b"\xff\n\n",
        b"a\n\n" + b"x" * 2_000_000,
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(Misuse) as raised:
        signed_note.parse(data)
    assert raised.value.code == "checkpoint"


@pytest.mark.parametrize("data", [b"", b"x", b"name+00000000+AAAA", pem(rsa.generate_private_key(65537, 2048))])
def test_what_is_no_key(data: bytes) -> None:
    for use in (lambda: signed_note.sign(TEXT, "n", data), lambda: signed_note.is_signed(Note(TEXT), data)):
        with pytest.raises(Misuse) as raised:
            use()
        assert raised.value.code == "key"


def test_a_key_that_openssl_made(tmp_path: Path) -> None:
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True)
    if made.returncode:
        pytest.skip("there is no openssl here that makes such keys")
    assert signed_note.sign(TEXT, "n", made.stdout).signatures


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(Misuse, match="cryptography") as raised:
        signed_note.check_installed()
    assert raised.value.hint == "install the extra: pip install 'cqrs-cli[sign]'"
    assert signed_note.parse(b"text\n\n").text == "text\n", "reading one wants nothing"


@pytest.mark.parametrize("text", ["x+00000000+A", "x+00000000+AAAAA", "x+00000000+=", "no key"])
def test_a_mistyped_public_key_is_refused(text: str) -> None:
    with pytest.raises(Misuse, match="no key of that kind"):
        is_signed(Note("text\n"), text.encode())


def test_without_the_library_both_ways_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for use in (lambda: sign("text\n", "cqrs/x", b""), lambda: is_signed(Note("text\n"), b"")):
        with pytest.raises(Misuse) as caught:
            use()
        assert caught.value.code == "no-cryptography"
