"""Finding and importing the user's `Domain` from `module:attribute`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import DefinitionError, DomainNotLoaded, Misuse
from cqrs_cli.failure import shortened
from cqrs_cli.installation import installed_by
from cqrs_cli.ownership import is_open_to_others, is_trusted

if TYPE_CHECKING:
    from cqrs_cli.domain.domain import Domain


def load_domain(spec: str, folder: str | os.PathLike[str]) -> Domain:
    """The `Domain` that `module:attribute` names; without `:attribute` the module's `domain`, or its only one.

    folder: put first on `sys.path`, for good (the module may import its neighbours later).
    Raises `DomainNotLoaded` (exit 2): no such module or attribute, more than one candidate, or the module
    raised; then `traceback` holds the user's own frames. A `DefinitionError` passes through.
    """
    name, colon, attribute = spec.partition(":")
    if not name or not all(part.isidentifier() for part in name.split(".")) or (colon and not attribute):
        hint = "MODULE:ATTR is understood, e.g. samples.orders:domain"
        if name.endswith(".py") or os.sep in name:
            hint = f"a module, not a file: {name.removesuffix('.py').strip('./').replace(os.sep, '.')}:domain"
        raise DomainNotLoaded(f"{spec!r} names no module", hint=hint)
    _check_names(os.fspath(folder))
    return _found(_imported(name, os.fspath(folder)), attribute, spec)


def load_module(name: str, folder: str | os.PathLike[str]) -> ModuleType:
    """A module of the user's, by its name or as a file (`rules.py`). Raises as `load_domain` does."""
    _check_names(os.fspath(folder))
    if not name.endswith(".py"):
        if not all(part.isidentifier() for part in name.split(".")):
            raise DomainNotLoaded(f"{name!r} names no module", hint="a module as a.b.c, or a file as rules.py")
        return _imported(name, os.fspath(folder))
    path = os.path.abspath(name)
    spec = spec_from_file_location(os.path.basename(path).removesuffix(".py"), path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise DomainNotLoaded(f"no module is in the file {name}", hint="a file of Python, as rules.py")
    if sys.path[:1] != [os.fspath(folder)]:
        sys.path.insert(0, os.fspath(folder))
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (DefinitionError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise _broken(name, error, _SEE) from error
    return module


def load_function(text: str, folder: str | os.PathLike[str]) -> Callable[..., Any]:
    """The function that `MODULE:FUNCTION` names, a module as `load_module` has it.

    Raises `Misuse` (`rule`) for a text that names none, and as `load_module`.
    """
    name, colon, attribute = text.rpartition(":")
    if not colon or not name:
        raise Misuse(f"{text!r} names no function", code="rule", hint="MODULE:FUNCTION, as rules:total_is_sum")
    found = getattr(load_module(name, folder), attribute, None)
    if not callable(found) or not hasattr(found, "__code__"):
        raise Misuse(f"{name} has no function {attribute!r}", code="rule", hint=f"def {attribute}(state): … in it")
    function: Callable[..., Any] = found
    return function


def load_rule(text: str, folder: str | os.PathLike[str], app: str | None) -> Callable[..., Any]:
    """As `load_function`, for a name that stands in a file: of a module of the project alone.

    app: what the settings name as the domain; its package is the project's, wherever it is. Raises `Misuse` (`rule`)
    for a module of somebody else's: what a file says must not decide what is imported.
    """
    root = text.partition(":")[0].partition(".")[0]
    is_ours = root == (app or "").partition(":")[0].partition(".")[0]
    if not is_ours and PathFinder.find_spec(root, [os.fspath(folder)]) is None:
        told = f"{text}: a rule is in the package of the domain, or in a module of {os.fspath(folder)}"
        raise Misuse(told, code="rule", hint="MODULE:FUNCTION, as rules:total_is_sum, or a condition")
    return load_function(text, folder)


def _check_names(folder: str) -> None:
    """Refuse modules in the folder that would be imported for Python's own, by whoever imports those, this program too.

    Raises `DomainNotLoaded`.
    """
    try:
        names = os.listdir(folder)
    except OSError:  # nothing can be imported from there
        return
    for name in sorted(names):
        is_module = name.endswith(".py") or os.path.exists(os.path.join(folder, name, "__init__.py"))
        if is_module and name.removesuffix(".py") in sys.stdlib_module_names - _NEVER_IMPORTED:
            raise DomainNotLoaded(
                f"{os.path.join(folder, name)} has the name of a module of Python's own, and would be imported for it",
                hint="give it another name, or move it out of this folder, which is searched first",
            )


_NEVER_IMPORTED = frozenset({"test"})


def belongs_to_user(spec: str, folder: str | os.PathLike[str]) -> bool:
    """Whether nobody else can say what importing `module:attribute` runs, as far as can be seen without doing so.

    The module's files and the folder that is searched first must be the user's (or root's), and nobody else may put
    files beside them.
    """
    places = [os.fspath(folder)]
    if is_open_to_others(places[0]) or not is_trusted(places[0]):
        return False
    places += sys.path
    for part in spec.partition(":")[0].split("."):
        found = PathFinder.find_spec(part, places)
        if found is None:
            return True  # there is nothing to run
        files = [found.origin, *(found.submodule_search_locations or ())]
        if not all(is_trusted(file) for file in files if file is not None and os.path.exists(file)):
            return False
        places = list(found.submodule_search_locations or ())
    return True


def _imported(name: str, folder: str) -> ModuleType:
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        __import__(name)  # not import_module, whose own frame would be in the user's traceback
        return sys.modules[name]
    except (DefinitionError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            hint = f"looked in {folder} first; --app MODULE:ATTR names another"
            raise DomainNotLoaded(f"no module named {error.name!r}", hint=hint, module=name) from error
        if error.name is None:
            raise _broken(name, error, _SEE) from error
        # No hint: how this Python gets a package is for a face to say.
        known = {
            "missing": error.name.partition(".")[0],
            "python": sys.executable,
            "installer": installed_by(),
            "folder": folder,
        }
        raise _broken(name, error, None, **known) from error
    except BaseException as error:
        raise _broken(name, error, _SEE) from error


_SEE = "the module must import without errors: see the traceback"


def _broken(name: str, error: BaseException, hint: str | None, **details: Any) -> DomainNotLoaded:
    what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    message = f"importing {name!r} failed: {what}"
    return DomainNotLoaded(message, hint=hint, traceback=shortened(error), module=name, **details)


def _found(module: ModuleType, attribute: str, spec: str) -> Domain:
    from cqrs_cli.domain.domain import Domain

    candidates = [name for name, value in vars(module).items() if isinstance(value, Domain)]
    listed = ", ".join(f"{module.__name__}:{name}" for name in candidates)
    if attribute:
        value = getattr(module, attribute, None)
        if isinstance(value, Domain):
            return value
        if hasattr(module, attribute):
            message = f"{spec} is a {type(value).__name__}, not a Domain"
        else:
            message = f"module {module.__name__!r} has no {attribute!r}"
        raise DomainNotLoaded(message, hint=f"there is {listed}" if listed else 'make one: domain = Domain("name", …)')
    if not candidates:
        raise DomainNotLoaded(
            f"module {module.__name__!r} holds no Domain", hint='make one: domain = Domain("name", …)'
        )
    distinct = {id(getattr(module, name)) for name in candidates}
    if "domain" not in candidates and len(distinct) > 1:
        raise DomainNotLoaded(f"module {module.__name__!r} holds {len(distinct)} Domains", hint=f"name one: {listed}")
    found: Domain = getattr(module, "domain" if "domain" in candidates else candidates[0])
    return found
