"""A server that speaks TLS: `sslmode=verify-full` opens it by its own authority's certificate alone."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit
from tests.conftest import NO_POSTGRESQL
from tests.missing import missing
from tests.postgres_server import NoServer, Server, programs_with_tls

pytestmark = pytest.mark.slow


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """A certificate of an authority, `name.crt`, and its key."""
    _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server with a certificate for `localhost`, of an authority of its own; another authority is beside it."""
    if shutil.which("openssl") is None:
        missing(f"{NO_POSTGRESQL} that speaks TLS: openssl is not there to make certificates")
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "ours")
    authority(folder, "theirs")
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key",
             "-out", "server.csr")  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    _openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ours.crt", "-CAkey", "ours.key", "-CAcreateserial",
             "-days", "2", "-extfile", "names", "-out", "server.crt")  # fmt: skip
    try:
        made = Server(programs_with_tls())
    except NoServer as error:
        missing(f"{NO_POSTGRESQL} that speaks TLS: {error}")
    try:
        _speak(made, folder)
        yield made, folder
    finally:
        made.close()


def _speak(made: Server, folder: Path) -> None:
    made.take(folder / "server.key", folder / "server.crt")
    made.set(ssl="on", ssl_key_file="server.key", ssl_cert_file="server.crt")
    made.kill()
    made.start()


def url_of(server: tuple[Server, Path], host: str = "localhost", root: str = "ours", mode: str = "verify-full") -> str:
    made, folder = server
    named = made.dsn().replace("@127.0.0.1:", f"@{host}:")
    return f"{named}?hostaddr=127.0.0.1&sslmode={mode}&sslrootcert={folder / root}.crt"


def test_it_is_open_to_who_knows_its_authority(server: tuple[Server, Path]) -> None:
    with open_store(url_of(server), create=True) as store:
        store.append(commit("c1"))
        assert store.head() == 1
        assert store.describe()["tls"] is True
    with open_store(url_of(server, mode="disable")) as store:
        assert store.describe()["tls"] is False


@pytest.mark.parametrize(
    ("host", "root", "said"),
    [
        ("localhost", "theirs", "certificate verify failed"),
        ("elsewhere", "ours", "does not match host name"),
        ("localhost", "nobody", "does not exist"),
    ],
    ids=["another authority", "another name", "no certificate"],
)
def test_a_certificate_that_does_not_count(server: tuple[Server, Path], host: str, root: str, said: str) -> None:
    with pytest.raises(Unavailable) as caught:
        open_store(url_of(server, host, root))
    assert caught.value.code == "not-trusted"
    assert said in caught.value.message
    assert caught.value.hint is not None
    assert "sslrootcert" in caught.value.hint


def test_a_server_without_it(postgres_url: str) -> None:
    with pytest.raises(Unavailable) as caught:
        open_store(f"{postgres_url}&sslmode=require")
    assert (caught.value.code, "SSL" in caught.value.message) == ("not-trusted", True)
