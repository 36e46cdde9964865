"""The corpora beside the samples: made anew they are the same bytes, and nothing of today's code differs from them."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cqrs_cli import Domain, Workbench
from cqrs_cli.history.rehearsal import rehearse
from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer import corpus
from cqrs_cli.transfer.choice import choose
from samples.bank import domain as bank
from samples.bank import history as bank_history
from samples.orders import history as orders_history
from samples.orders.fulfilment import domain as fulfilment
from tests.conftest import ROOT, Shell

SAMPLES: dict[str, tuple[Domain, Callable[[str], None], int]] = {
    "bank": (bank, bank_history.write, 3),
    "orders": (fulfilment, orders_history.write, 0),
}
_REFRESH = r"^cqrs --app (\S+) corpus refresh --from STORE (.*)-o samples/{name}/histories$"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", SAMPLES)
def test_made_anew_it_is_the_same(name: str, tmp_path: Path) -> None:
    _, write, sample = SAMPLES[name]
    write(str(tmp_path / f"{name}.db"))
    with open_store(str(tmp_path / f"{name}.db"), read_only=True) as store:
        found = choose(store, sample)
        files = corpus.write(store, str(tmp_path / "histories"), found.chosen, rejected=found.rejections)
        kept = ROOT / "samples" / name / "histories"
        assert files == sorted(path.name for path in kept.iterdir())
        assert [
            file for file in files if (tmp_path / "histories" / file).read_bytes() != (kept / file).read_bytes()
        ] == []
        with corpus.unpacked(str(kept)) as path, open_store(path, read_only=True) as again:
            assert choose(again).covered.keys() == found.covered.keys()


@pytest.mark.parametrize("name", SAMPLES)
def test_it_has_whatever_the_domain_can_say(name: str) -> None:
    domain, *_ = SAMPLES[name]
    kept = str(ROOT / "samples" / name / "histories")
    with corpus.unpacked(kept) as path, Workbench.open(path, domain, read_only=True) as bench:
        found = list(rehearse(bench))
        types = {event.type for event in bench.log()}
    assert {one.verdict for one in found} == {"same"}
    assert {one.recorded.code for one in found if one.recorded is not None} - {None}
    assert types >= {event.stored.name for event in domain.events.values()} - {"command-rejected"}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_commands_that_are_said_to_make_it(name: str, cqrs: Shell) -> None:
    """As they stand in the module, in a shell."""
    text = (ROOT / "samples" / name / "history.py").read_text()
    [(app, options)] = re.findall(_REFRESH.format(name=name), text, re.MULTILINE)
    making = [sys.executable, "-m", f"samples.{name}.history", f"{name}.db"]
    subprocess.run(making, cwd=cqrs.folder, env=cqrs.environ, check=True, timeout=60)
    cqrs("--app", app, "corpus", "refresh", "--from", f"{name}.db", *options.split(), "-o", "histories", "-q")
    kept = ROOT / "samples" / name / "histories"
    assert {path.name: path.read_bytes() for path in (cqrs.folder / "histories").iterdir()} == {
        path.name: path.read_bytes() for path in kept.iterdir()
    }
