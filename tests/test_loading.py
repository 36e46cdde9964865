"""Finding the user's `Domain`."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import DomainNotLoaded
from cqrs_cli.loading import belongs_to_user, load_domain


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module of a name of its own; its name."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(text, name="shop_under_test"):
        (tmp_path / f"{name}.py").write_text("from cqrs_cli.domain.domain import Domain\n" + text)
        return name

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def failure(spec: str, folder: Path) -> Any:
    with pytest.raises(DomainNotLoaded) as caught:
        load_domain(spec, folder)
    assert caught.value.exit_code == 2
    return caught.value


def test_by_attribute_by_name_and_the_only_one(module, tmp_path):
    name = module('domain = Domain("a")\nother = Domain("b")\n')
    assert load_domain(f"{name}:other", tmp_path).name == "b"
    assert load_domain(name, tmp_path).name == "a"
    only = module('shop = Domain("c")\nalias = shop\n', "only_one_under_test")
    assert load_domain(only, tmp_path).name == "c"


def test_without_a_name_domain_goes_before_those_that_come_first(module, tmp_path):
    name = module('alpha = Domain("first")\ndomain = Domain("meant")\n')
    assert load_domain(name, tmp_path).name == "meant"


def test_the_folder_comes_first(module, tmp_path):
    module('domain = Domain("mine")\n', "json_like_under_test")
    load_domain("json_like_under_test", tmp_path)
    assert sys.path[0] == str(tmp_path)


@pytest.mark.parametrize("name", ["queue.py", "types.py", "json/__init__.py"])
def test_a_module_that_would_take_the_place_of_pythons_own_is_refused(module, tmp_path, name):
    module('domain = Domain("mine")\n')
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemExit('it ran')\n")
    for spec in ("shop_under_test", name.partition("/")[0].removesuffix(".py")):
        found = failure(spec, tmp_path)
        assert str(tmp_path / name).removesuffix("/__init__.py") in found.message
        assert "another name" in found.hint
    assert str(tmp_path) not in sys.path


def test_what_takes_nobodys_place_is_not_refused(module, tmp_path):
    name = module('domain = Domain("mine")\n')
    (tmp_path / "test").mkdir()  # as folders of tests are called
    (tmp_path / "test" / "__init__.py").write_text("")
    (tmp_path / "calendar").mkdir()  # no package
    (tmp_path / "queue.txt").write_text("")
    assert load_domain(name, tmp_path).name == "mine"


def test_what_is_missing_or_ambiguous_lists_the_candidates(module, tmp_path):
    name = module('one = Domain("a")\ntwo = Domain("b")\nnumber = 5\n')
    assert "one" in failure(f"{name}:three", tmp_path).hint
    assert "is a int, not a Domain" in failure(f"{name}:number", tmp_path).message
    ambiguous = failure(name, tmp_path)
    assert "holds 2 Domains" in ambiguous.message
    assert f"{name}:one, {name}:two" in ambiguous.hint
    assert "holds no Domain" in failure(module("", "empty_under_test"), tmp_path).message


@pytest.mark.parametrize("spec", ["", ":domain", "a b:c", "shop/app.py:domain", "shop.py", "shop:"])
def test_what_names_no_module(tmp_path, spec):
    assert failure(spec, tmp_path).hint


def test_a_file_is_answered_with_its_module(tmp_path):
    assert "samples.orders:domain" in failure("./samples/orders.py", tmp_path).hint


def test_a_missing_module_needs_no_traceback(tmp_path):
    error = failure("nowhere_under_test.app", tmp_path)
    assert error.message == "no module named 'nowhere_under_test'"
    assert error.traceback is None


def test_a_module_that_raises_shows_the_users_frames_only(module, tmp_path):
    module("def broken():\n    import decimal\n    decimal.Decimal('x')\n", "inner_under_test")
    name = module("import inner_under_test\ninner_under_test.broken()\n")
    error = failure(name, tmp_path)
    assert "decimal.InvalidOperation" in error.message
    lines = error.traceback.splitlines()
    assert [line.split('"')[1].rsplit("/")[-1] for line in lines if line.startswith("  File")] == [
        f"{name}.py",
        "inner_under_test.py",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nothing_there", "nothing_there"),
        ("1 +", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import asyncio; raise asyncio.CancelledError", "CancelledError"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("from cqrs_cli import Rejected; raise Rejected('no')", "Rejected"),
        ("from cqrs_cli import NotFound; raise NotFound('nothing')", "NotFound"),
        ("from cqrs_cli import Workbench; Workbench.open('none/x.db', Domain('a'))", "NotFound"),
    ],
)
def test_whatever_it_raises(module, tmp_path, text, said):
    error = failure(module(text + "\n"), tmp_path)
    assert said in error.message
    assert said in error.traceback


# ── whose code it is ──────────────────────────────────────────────────────────────────────────


def test_code_belongs_to_the_user_if_nobody_else_can_say_what_it_runs(tmp_path, monkeypatch):
    inner = tmp_path / "shop" / "orders"
    inner.mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").write_text("raise SystemExit('imported')")
    (inner / "__init__.py").write_text("")
    (inner / "model.py").write_text("")
    real = os.stat

    def owned_by_another(name):
        def stat(path, **options):
            found = real(path, **options)
            return os.stat_result([*found[:4], 4711, *found[5:10]]) if str(path) == str(name) else found

        return stat

    def trusts(spec="shop.orders.model:domain"):
        return belongs_to_user(spec, tmp_path)

    assert trusts()
    assert trusts("shop:domain")
    assert trusts("nothing.there")
    assert trusts("shop.nothing")
    for theirs in (tmp_path, tmp_path / "shop", tmp_path / "shop" / "__init__.py", inner, inner / "model.py"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", owned_by_another(theirs))
            assert not trusts(), theirs
    tmp_path.chmod(0o1777)
    assert not trusts()
