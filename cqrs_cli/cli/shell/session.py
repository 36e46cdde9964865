"""One run of the shell: its settings, its printer, and the store and domain it opened.

    session = current()
    store = session.store()                    # read only; NotFound if there is none
    bench = session.workbench(write=True)      # its first write makes the store if it is missing
    session.printer.print(Table(...))

Everything is made when it is first asked for and closed when the command ends. A data command that never
asks for the domain never imports it, nor pydantic.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.config import Settings
from cqrs_cli.errors import ConfigurationError
from cqrs_cli.stores.registry import path_of

if TYPE_CHECKING:
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.stores.contract import Store
    from cqrs_cli.workbench.workbench import Workbench

_CURRENT: ContextVar[Session | None] = ContextVar("session", default=None)
_Closing = TypeVar("_Closing", bound="contextlib.AbstractContextManager[Any]")


def current() -> Session:
    """The session of the command that is running."""
    session = _CURRENT.get()
    if session is None:
        raise RuntimeError("no command is running")
    return session


class Session:
    """What a command works with. words: the raw words of the command line, without the program's name."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = tuple(words)
        self._flags: dict[str, Any] = {}
        for name in ("app", "config"):
            # `send` must know the domain to resolve its command, before what follows is parsed.
            value = last_value(self.words, f"--{name}")
            if value is not None:
                self._flags[name] = value
        self._settings: Settings | None = None
        self._printer: Printer | None = None
        self._domain: Domain | None = None
        self._stdout_is_ours = False
        self._writing: list[Store] = []
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Session:
        self._token = _CURRENT.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        _CURRENT.reset(self._token)
        made = any(getattr(store, "made", False) for store in self._writing)
        try:
            if made and self._printer is not None:
                self._printer.message(f"made the store {self.store_file}")
            self._open.close()
        finally:
            if self._printer is not None:
                self._printer.close(keep=kind is None)

    def choose(self, name: str, value: Any) -> None:
        """A global option as given on the command line, by setting name; the last one given wins."""
        self._flags[name] = value
        self._settings = None

    @property
    def settings(self) -> Settings:
        """The effective settings; complete once the command line is parsed."""
        if self._settings is None:
            self._settings = Settings(self._flags)
        return self._settings

    @property
    def printer(self) -> Printer:
        """The printer, made from the settings. Don't ask for it before the command runs."""
        if self._printer is None:
            self._printer = Printer(self.settings)
        return self._printer

    @property
    def store_file(self) -> str:
        """The file of the store; its URL if it is in none."""
        return path_of(self.settings.store) or self.settings.store

    def keep(self, resource: _Closing) -> _Closing:
        """Enter a context manager now, leave it when the command ends; returns it."""
        self._open.enter_context(resource)
        return resource

    def store(self, write: bool = False, create: bool | None = None) -> Store:
        """Open the store: read only, or for writing; writing makes a missing one unless `create=False`.

        Raises `NotFound` (exit 3) for a store that is not there, `Damaged`, `Unavailable`. Opened anew at each call.
        """
        from cqrs_cli.stores.registry import open_store

        if write:
            self._ready_to_write()
        store = open_store(
            self.settings.store,
            create=write if create is None else create,
            read_only=not write,
            durability=self.settings.durability if write else None,
        )
        if write:
            self._writing.append(store)
        return self.keep(store)

    def _ready_to_write(self) -> None:
        from cqrs_cli.stores.registry import MEMORY

        if self.settings.store.startswith(MEMORY + ":"):
            raise ConfigurationError(
                f"the store {self.settings.store} would be gone when the command ends",
                hint="a file keeps it: --store shop.db; memory: is for tests in Python",
            )
        self.printer.ready()
        if self.settings.store_is_elsewhere:
            self.printer.message(f"the store is {self.settings.store}, as {self.settings.file} says")

    def domain(self) -> Domain:
        """The user's domain, imported once. Raises `DomainNotLoaded` and other `Misuse` (exit 2)."""
        if self._domain is None:
            from cqrs_cli.loading import load_domain

            app = self.settings.app
            if app is None:
                raise ConfigurationError(
                    "nothing says which domain to load",
                    code="no-domain",
                    hint='--app MODULE:ATTR, CQRS_APP, or app = "module:attr" under [tool.cqrs] in pyproject.toml; '
                    "cqrs init makes a project",
                )

            # What is there by now lives until the end, and is spared the searches for garbage then: a tenth of a short
            # run, so a command imports what it needs before. Not what follows: a file that the user's module leaves
            # open is written when it is found as garbage.
            gc.freeze()
            with _output_aside():
                self._domain = load_domain(app, self.settings.folder)
        return self._domain

    def workbench(self, write: bool = False, create: bool | None = None) -> Workbench:
        """The domain on the store: read only, or for writing.

        A missing store is an empty log that the first write makes a file of, unless `create=False`.
        What the domain prints while it works is not data: it goes to standard error.
        Raises what `store` and `domain` raise.
        """
        domain = self.domain()
        from cqrs_cli.workbench.workbench import Workbench

        if write:
            self._ready_to_write()
        if not self._stdout_is_ours:
            self._stdout_is_ours = True
            self.printer.stand_apart()
            self.keep(contextlib.redirect_stdout(sys.stderr))
        bench = Workbench.open(
            self.settings.store,
            domain,
            create="lazily" if write and create is None else bool(create),
            read_only=not write,
            durability=self.settings.durability if write else None,
        )
        if write:
            self._writing.append(bench.store)
        return self.keep(bench)


@contextlib.contextmanager
def _output_aside() -> Iterator[None]:
    """What the user's module prints when it is imported is not data: it goes to standard error, also what a
    program that it starts or a library in C prints."""
    saved = None
    with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be closed, and then be None
        sys.stdout.flush()
        saved = os.dup(1)
        os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            if sys.__stdout__ is not None:
                sys.__stdout__.flush()  # while it still leads to standard error
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def last_value(words: Sequence[str], option: str) -> str | None:
    """The value that the raw words give to a long option (`--app x`, `--app=x`), the last one; None if none."""
    found = None
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == option and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith(option + "="):
            found = word[len(option) + 1 :]
    return found
