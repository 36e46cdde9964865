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
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from cqrs_cli.cli.printing.printer import Printer
from cqrs_cli.config import Settings
from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse
from cqrs_cli.stores.registry import path_of

if TYPE_CHECKING:
    from cqrs_cli.cli.shell.hiding import Hiding
    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.stores.contract import Store
    from cqrs_cli.workbench.workbench import Workbench

_CURRENT: ContextVar[Session | None] = ContextVar("session", default=None)
_Entered = TypeVar("_Entered")
_Opened = TypeVar("_Opened", bound="Store")


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
        self._hiding: Hiding | None = None
        self._hidden: dict[str, list[str]] = {}
        for name in ("app", "config"):
            # `send` must know the domain to resolve its command, before what follows is parsed.
            value = last_value(self.words, f"--{name}")
            if value is not None:
                self._flags[name] = value
        self._settings: Settings | None = None
        self._printer: Printer | None = None
        self._reports: list[Printer] = []
        self._domain: Domain | None = None
        self._stdout_is_ours = False
        self._unpacked: dict[str, str] = {}
        self._writing: list[Store] = []
        self._waiting: dict[str, str] = {}
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
            if kind is None and self._hiding is not None and self._printer is not None:
                self._hiding.tell_unseen(self._printer)
        finally:
            if self._printer is not None:
                self._printer.close(keep=kind is None)
            for report in self._reports:
                report.close(keep=False)

    def choose(self, name: str, value: Any) -> None:
        """A global option as given on the command line, by setting name; the last one given wins.

        But a spreadsheet's CSV is CSV: `--spreadsheet --csv` is guarded in either order.
        """
        if name == "format" and value == "csv" and self._flags.get(name) == "spreadsheet":
            return
        self._flags[name] = value
        self._settings = None

    def spoken(self) -> list[str]:
        """The options by which a line typed elsewhere means the same domain and store. No password is in them."""
        from cqrs_cli.stores.addresses import shown

        typed = {name: self._flags[name] for name in ("config", "app", "store") if name in self._flags}
        return [word for name, value in typed.items() for word in (f"--{name}", shown(str(value)))]

    def hide(self, option: str, fields: Sequence[str]) -> None:
        """`--mask` or `--redact` as given on the command line, before and after the command."""
        self._hidden.setdefault(option, []).extend(fields)

    def wait_for(self, name: str, value: str) -> None:
        """`--wait` or `--timeout`, of a command that reads the log alone."""
        self._waiting[name] = value

    def limit_wait(self, timeout: str) -> None:
        """What a command's own `--timeout` says of its `--wait`, if it is to wait."""
        if self._waiting:
            self.wait_for("timeout", timeout)

    def _with_all(self, store: _Opened) -> _Opened:
        """The store, once its log has what is to be waited for. Raises `Misuse`, `Unavailable`."""
        if self._waiting:
            from cqrs_cli.cli.options.combinations import waited

            waited(store, self._waiting)
        return store

    @property
    def hiding(self) -> Hiding | None:
        """What hides fields of whatever is printed or copied, if anything is to be hidden. Raises `Misuse`."""
        if self._hiding is None and (self._hidden or self.settings.mask):
            from cqrs_cli.cli.shell.hiding import Hiding

            self._hiding = Hiding(self.settings, self._hidden, self.words)
        return self._hiding

    def hide_nothing_in(self, what: str, hint: str) -> None:
        """For what is written as it is. Raises `Misuse` if fields are to be hidden by the command line; if by the
        settings, says that they are not."""
        if self.hiding is not None:
            if self.hiding.typed:
                raise Misuse(f"{what} is made of what there is: nothing in it can be hidden", hint=hint, code="mask")
            self.printer.error(f"{what} is made of what there is: nothing that the settings mask is hidden in it")

    def tell_unmet(self) -> None:
        """Before what has no end: see `Hiding.tell_unmet`."""
        if self.hiding is not None:
            self.hiding.tell_unmet(self.printer)

    def hide_from_errors(self) -> None:
        """What is to be hidden is known before an error is told, whatever failed; nothing of it is shown else."""
        try:
            hiding = self.hiding
        except CqrsError:  # the settings or the options are what is wrong, and nothing was read
            return
        if hiding is not None:
            hiding.learn_again()

    def end(self) -> None:
        """After the last word of a run."""
        if self._hiding is not None:
            self._hiding.end()

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
            hiding = self.hiding
            self._printer = Printer(self.settings, mask=None if hiding is None else hiding.mask)
        return self._printer

    def printer_to(self, format: str, file: str) -> Printer:
        """Another printer, for the same in another format and a file, which is there once it is closed."""
        hiding = self.hiding
        settings = Settings({**self._flags, "format": format, "output": file})
        report = Printer(settings, mask=None if hiding is None else hiding.mask)
        self._reports.append(report)
        return report

    @property
    def store_file(self) -> str:
        """The file of the store; its URL if it is in none, as it may be shown."""
        return path_of(self.settings.store) or self.store_shown

    @property
    def store_shown(self) -> str:
        """The path or URL of the store, without a password."""
        from cqrs_cli.stores.addresses import shown  # only for who shows one

        return shown(self.settings.store)

    def keep(self, resource: contextlib.AbstractContextManager[_Entered]) -> _Entered:
        """Enter a context manager now, leave it when the command ends; returns what it gives."""
        return self._open.enter_context(resource)

    def store(self, write: bool = False, create: bool | Literal["lazily"] | None = None) -> Store:
        """Open the store: read only, or for writing; writing makes a missing one unless `create=False`.

        create: "lazily": not before something is written to it.

        Raises `NotFound` (exit 3) for a store that is not there, `Damaged`, `Unavailable`. Opened anew at each call.
        """
        from cqrs_cli.stores.registry import open_store

        if write:
            self._ready_to_write()
        address = self._address(write, self.settings.store)
        store = open_store(
            address,
            create=write if create is None else create,
            read_only=not write,
            durability=self.settings.durability if write else None,
        )
        if write:
            self._writing.append(store)
        self.printer.store = store
        return self._known(self._with_all(self.keep(store)), address)

    @property
    def address(self) -> str:
        """The path or URL by which the store is opened for reading, with a password if it has one: not to be shown."""
        return self._address(False, self.settings.store)

    def _address(self, write: bool, store: str) -> str:
        """The path or URL to open: of a corpus, which is a folder, that of a store with what it has, for the time."""
        path = path_of(store)
        if path is None or not os.path.isdir(path):
            return store
        if write:
            message = f"{path} is a folder, and what is kept in one is only read"
            raise ConfigurationError(message, hint="a file is written to: --store shop.db", store=path)
        if path not in self._unpacked:
            from cqrs_cli.transfer.corpus import unpacked

            self._unpacked[path] = self.keep(unpacked(path))
        return self._unpacked[path]

    def _known(self, store: _Opened, address: str) -> _Opened:
        """Learn what is to be hidden of a store before anything of it is shown."""
        if self.hiding is not None:
            if self.settings.app is not None:
                self.hiding.name_keys({name: one.key for name, one in self.domain().categories.items()})
            self.hiding.learn(address)
        return store

    def _ready_to_write(self, prints: type[Any] | None = None) -> None:
        from cqrs_cli.stores.registry import MEMORY

        if self.settings.store.startswith(MEMORY + ":"):
            raise ConfigurationError(
                f"the store {self.store_shown} would be gone when the command ends",
                hint="a file keeps it: --store shop.db; memory: is for tests in Python",
            )
        self.printer.ready(*(() if prints is None else (prints,)))
        if self.settings.store_is_elsewhere:
            self.printer.message(f"the store is {self.store_shown}, as {self.settings.file} says")

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

    def rule(self, text: str) -> Callable[..., Any]:
        """The function that a rule `MODULE:FUNCTION` of a scenario names. Raises `Misuse` and `DomainNotLoaded`."""
        from cqrs_cli.loading import load_rule

        return load_rule(text, self.settings.folder, self.settings.app)

    def stand_apart(self) -> None:
        """Let what the domain prints from now on go to standard error: it is no data."""
        if not self._stdout_is_ours:
            self._stdout_is_ours = True
            self.printer.stand_apart()
            self.keep(contextlib.redirect_stdout(sys.stderr))

    def workbench(
        self,
        write: bool = False,
        create: bool | None = None,
        prints: type[Any] | None = None,
        only_rows: bool = False,
        store: str | None = None,
    ) -> Workbench:
        """The domain on the store: read only, or for writing.

        A missing store is an empty log that the first write makes a file of, unless `create=False`.
        What the domain prints while it works is not data: it goes to standard error. prints: the kind of document that
        will be printed, without which nothing is written; a table unless said. only_rows: what is written is rows of
        read models, which a corpus has for the time of the command. store: a path or URL; None: that of the settings.
        Raises what `store` and `domain` raise.
        """
        domain = self.domain()
        from cqrs_cli.workbench.workbench import Workbench

        if write:
            self._ready_to_write(prints)
        self.stand_apart()
        address = self._address(write and not only_rows, store or self.settings.store)
        bench = Workbench.open(
            address,
            domain,
            create="lazily" if write and create is None else bool(create),
            read_only=not write,
            durability=self.settings.durability if write else None,
        )
        if write:
            self._writing.append(bench.store)
        self.printer.store = bench.store
        self.keep(bench)
        self._known(self._with_all(bench.store), address)
        return bench


@contextlib.contextmanager
def _output_aside() -> Iterator[None]:
    """What the user's module prints when it is imported is not data: it goes to standard error, also what a
    program that it starts or a library in C prints."""
    saved = None
    with contextlib.suppress(AttributeError, OSError, ValueError):  # it may be closed, and then be None
        sys.stdout.flush()
        if sys.__stdout__ is not None and sys.__stdout__ is not sys.stdout:
            sys.__stdout__.flush()  # of who runs this command and catches what it prints: a demo
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
