"""The sample that is served: the commands of its page do what it shows, and its image is looked at without an engine.

What the Dockerfile runs is run here as it stands there, but for the port and the place of the token.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement

import cqrs_cli
from tests.conftest import ROOT
from tests.test_docs import complaints

pytestmark = pytest.mark.slow
SAMPLE = ROOT / "samples" / "http"
KNOWN = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "VOLUME", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its arguments in one line."""
    whole = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    return [
        (name, " ".join(rest.split())) for name, _, rest in (line.partition(" ") for line in whole.splitlines() if line)
    ]


FILE = (SAMPLE / "Dockerfile").read_text(encoding="utf-8")
SAID = instructions(FILE)


def one(name: str) -> str:
    """The arguments of the first instruction of a name; of all but RUN there is one."""
    found = [rest for said, rest in SAID if said == name]
    assert len(found) == 1 or name == "RUN", name
    return found[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as the page makes one."""
    made = tmp_path / "shop"
    shutil.copytree(SAMPLE, made, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "samples" / "orders", made / "orders", ignore=shutil.ignore_patterns("__pycache__"))
    return made


@pytest.mark.timeout(300)
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    wrong = complaints(text, tmp_path, SAMPLES=str(ROOT / "samples"))
    assert not wrong, "\n\n".join(wrong)


# ── the image ─────────────────────────────────────────────────────────────────────────────────


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists() and not (sys.platform == "linux" and os.environ.get("CI")):
        pytest.skip("hadolint is not there")
    ran = subprocess.run([program, "--no-color", SAMPLE / "Dockerfile"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_dockerfile_says_what_an_image_should() -> None:
    assert SAID[0][0] == "FROM"
    assert {name for name, _ in SAID} <= KNOWN
    assert one("FROM").startswith("python:3.")
    assert one("FROM").endswith("-slim")
    assert "--no-cache-dir" in one("RUN")
    [install] = re.findall(r"'(cqrs-cli.*?)'", one("RUN"))
    wanted = Requirement(install)
    assert wanted.specifier.contains(cqrs_cli.__version__)
    assert wanted.extras == {"http", "postgres"}
    user = one("USER")
    assert user.isdigit()
    assert user != "0"
    assert f"--uid {user} " in one("RUN")
    names = [name for name, _ in SAID]
    assert "RUN" not in names[names.index("USER") :], "what is made is made by root"
    assert ("RUN", "chmod -R a=rX,u+w .") in SAID[names.index("COPY") :], (
        "a checkout may be readable by its owner alone"
    )
    variable, _, store = one("ENV").partition("=")
    assert (variable, str(Path(store).parent)) == ("CQRS_STORE", one("VOLUME"))
    assert one("VOLUME") in one("RUN"), "a volume belongs to who has its folder in the image"


def test_what_is_copied_is_there_and_nothing_else_goes_in(folder: Path) -> None:
    beside = ("shop.db", "shop.db-wal", "token", ".env")
    within = ("orders/__pycache__/x.pyc", "orders/shop.db", "orders/a/shop.db-wal", "orders/.env", "orders/.git/config")
    for secret in (*beside, *within):
        (folder / secret).parent.mkdir(exist_ok=True)
        (folder / secret).write_text("")
    rules = [line for line in (folder / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    def goes_in(path: str) -> bool:
        """As Docker reads the file: the last rule that fits a path, or a folder that it is in, holds."""
        taken = True
        parts = path.split("/")
        above = ["/".join(parts[: number + 1]) for number in range(len(parts))]
        for rule in rules:
            pattern = rule.removeprefix("!")
            names = parts if pattern.startswith("**/") else above
            if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
                taken = rule.startswith("!")
        return taken

    every = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    context = {name for name in every if goes_in(name)}
    sources = [rest.split()[0] for name, rest in SAID if name == "COPY"]
    assert sorted(sources) == ["cqrs.toml", "orders"]
    for source in sources:
        assert any(name == source or name.startswith(f"{source}/") for name in context), source
    assert {name.partition("/")[0] for name in context} == set(sources)
    assert not context.intersection(within)
    assert "orders/order.py" in context


@contextmanager
def started(folder: Path, port: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """What the image runs, and its port."""
    words: list[str] = json.loads(one("CMD"))
    assert words[0] == "cqrs"
    token = folder / "token"
    token.write_text("a-token-that-nobody-guesses")
    token.chmod(0o400)
    words[words.index("--token-file") + 1] = str(token)
    words[words.index("--port") + 1] = port
    _, _, store = one("ENV").partition("=")
    data = folder / "data"
    data.mkdir()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
    environ |= {"PYTHONPATH": str(ROOT), "CQRS_STORE": str(data / Path(store).name)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cqrs_cli", *words[1:]],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_what_the_image_runs(folder: Path) -> None:
    with started(folder, "0") as (process, url):
        assert url.startswith("http://0.0.0.0:")
        port = url.rpartition(":")[2]
        asked = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{asked}/streams").status_code == 401
        who = {"Authorization": "Bearer a-token-that-nobody-guesses"}
        assert httpx.get(f"{asked}/streams", headers=who).json() == []
        assert httpx.get(f"{asked}/streams", headers={**who, "Host": "shop:8027"}).status_code == 200
        order = {"order_id": "11111111-1111-4111-8111-111111111111"}
        assert (
            httpx.post(f"{asked}/commands/submit-order", headers=who, json=order).json()["code"]
            == "aggregate-not-found"
        )
        assert looked_at(port) == 0
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in said) == (0, False)
        assert looked_at(port) != 0


def looked_at(port: str) -> int:
    """The exit code of what the image asks about its health."""
    options, _, command = one("HEALTHCHECK").partition(" CMD ")
    assert {word.partition("=")[0] for word in options.split()} == {
        "--interval",
        "--timeout",
        "--start-period",
        "--retries",
    }
    name, *words = json.loads(command)
    assert name == "python"
    assert one("EXPOSE") in words[-1]
    words[-1] = words[-1].replace(one("EXPOSE"), port)
    return subprocess.run([sys.executable, *words], capture_output=True).returncode


def test_the_compose_file_is_of_the_image() -> None:
    found: dict[str, Any] = yaml.safe_load((SAMPLE / "compose.yaml").read_text(encoding="utf-8"))
    schema = json.loads((ROOT / "tests" / "data" / "schemas" / "compose-spec.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(found)] == []
    shop, words = found["services"]["shop"], json.loads(one("CMD"))
    port = words[words.index("--port") + 1]
    assert shop["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert port == one("EXPOSE")
    assert shop["volumes"] == [f"{next(iter(found['volumes']))}:{one('VOLUME')}"]
    [secret] = shop["secrets"]
    assert words[words.index("--token-file") + 1] == f"/run/secrets/{secret['source']}"
    assert (secret["uid"], oct(secret["mode"])) == (one("USER"), "0o400")
    assert found["secrets"] == {secret["source"]: {"environment": "SHOP_TOKEN"}}, "no secret has a value"
    assert words[words.index("--allow-host") + 1] in found["services"]
