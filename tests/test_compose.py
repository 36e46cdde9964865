"""The compose files of `samples/servers` are what Docker Compose and Patroni take. Nothing here starts them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.conftest import ROOT
from tests.postgres_cluster import SHARED

SERVERS = ROOT / "samples" / "servers"
SCHEMA = ROOT / "tests" / "data" / "schemas" / "compose-spec.json"
THREE = SERVERS / "three"


def compose(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8")))


def patroni() -> dict[str, Any]:
    return dict(yaml.safe_load((THREE / "patroni.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["one", "three"])
def test_a_compose_file_keeps_to_the_specification(name: str) -> None:
    found = compose(SERVERS / name)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(found)]
    assert wrong == []
    volumes = {volume.partition(":")[0] for one in found["services"].values() for volume in one["volumes"]}
    assert volumes == found["volumes"].keys()
    ports = [port for one in found["services"].values() for port in one["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports), "open to others"
    assert len(ports) == len(set(ports))


def test_the_schema_would_refuse_a_slip() -> None:
    found = compose(SERVERS / "one")
    found["services"]["postgres"]["volums"] = found["services"]["postgres"].pop("volumes")
    assert not Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).is_valid(found)


def test_no_secret_has_a_value() -> None:
    for folder in (SERVERS / "one", THREE):
        text = (folder / "compose.yaml").read_text(encoding="utf-8")
        values = re.findall(r"PASSWORD: (.*)", text)
        assert values
        assert [value for value in values if not re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value)] == []


def test_each_node_names_itself_and_the_others() -> None:
    services = compose(THREE)["services"]
    for name, one in services.items():
        told = one["environment"]
        assert (one["hostname"], told["PATRONI_NAME"]) == (name, name)
        assert told["PATRONI_RAFT_SELF_ADDR"] == f"{name}:2222"
        others = [f"'{other}:2222'" for other in sorted(services) if other != name]
        assert told["PATRONI_RAFT_PARTNER_ADDRS"] == ",".join(others)
        assert told["PATRONI_RESTAPI_CONNECT_ADDRESS"] == f"{name}:8008"
        assert told["PATRONI_POSTGRESQL_CONNECT_ADDRESS"] == f"{name}:5432"


def test_the_files_that_the_image_takes_are_there() -> None:
    text = (THREE / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?:--\S+ )?(\S+) ", text, re.MULTILINE)
    assert sorted(copied) == ["make-shop.sh", "patroni.yaml"]
    assert all((THREE / name).is_file() for name in copied)
    assert subprocess.run(["sh", "-n", THREE / "make-shop.sh"]).returncode == 0
    assert patroni()["bootstrap"]["post_bootstrap"] == re.findall(r"make-shop\.sh (\S+)", text)[0]


def test_the_nodes_are_set_as_those_that_are_tried() -> None:
    """What the runs of failovers say is said of these settings."""
    shared = patroni()["bootstrap"]["dcs"]
    tried = {name: value for name, value in SHARED.items() if name != "postgresql"}
    assert {name: shared[name] for name in tried} == tried
    assert shared["postgresql"]["use_pg_rewind"] is SHARED["postgresql"]["use_pg_rewind"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Patroni is installed on Linux alone")
def test_patroni_takes_its_settings(tmp_path: Path) -> None:
    """With what compose.yaml adds for one node; the folders and programs are those of the image, and are not here."""
    node = compose(THREE)["services"]["n1"]["environment"]
    environ = {name: str(value) for name, value in node.items() if name.startswith("PATRONI_")}
    environ |= {name: "secret" for name in environ if name.endswith("_PASSWORD")}
    code = "import json, sys; from patroni.config import Config; print(json.dumps(Config(sys.argv[1]).local_configuration))"
    ran = subprocess.run(
        [sys.executable, "-c", code, THREE / "patroni.yaml"], env=environ, capture_output=True, encoding="utf-8"
    )
    assert ran.returncode == 0, ran.stderr
    read = json.loads(ran.stdout)
    assert read["name"] == "n1"
    assert read["raft"]["self_addr"] == "n1:2222"
    assert read["raft"]["partner_addrs"] == ["n2:2222", "n3:2222"]
    assert read["raft"]["password"] == "secret"
    assert read["postgresql"]["authentication"]["replication"]["username"] == "replicator"
    assert read["postgresql"]["connect_address"] == "n1:5432"
