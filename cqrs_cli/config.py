"""Settings: a flag, else the environment, else `[tool.cqrs]` in the nearest file, else the default.

    --store shop.db          one call
    CQRS_STORE=shop.db       one shell
    [tool.cqrs]              one project: pyproject.toml, or the top level of cqrs.toml
    store = "shop.db"        paths are relative to the file

`--config FILE` or CQRS_CONFIG names the file, which is then the only one. A file that is only found must belong to
the user, and where data goes (`output`) is never read from one: a folder that came from elsewhere decides nothing.

Every value remembers where it came from; `cqrs config` prints them.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.ownership import is_trusted, owner
from cqrs_cli.stores.registry import path_of

_FORMATS = "cqrs_cli.cli.printing.formats"
FORMATS = {
    "table": f"{_FORMATS}.table:TableFormat",
    "json": f"{_FORMATS}.json:JsonFormat",
    "jsonl": f"{_FORMATS}.jsonl:JsonLinesFormat",
    "csv": f"{_FORMATS}.csv:CsvFormat",
    "spreadsheet": f"{_FORMATS}.spreadsheet:SpreadsheetFormat",
    "tsv": f"{_FORMATS}.tsv:TsvFormat",
    "md": f"{_FORMATS}.md:MarkdownFormat",
    "mermaid": f"{_FORMATS}.mermaid:MermaidFormat",
    "dot": f"{_FORMATS}.dot:DotFormat",
    "github": f"{_FORMATS}.github:GithubFormat",
    "junit": f"{_FORMATS}.junit:JunitFormat",
    "sarif": f"{_FORMATS}.sarif:SarifFormat",
}
"""Where each format is, `module:class`: a format is one file, and one line here."""
COLORS = ("auto", "always", "never")
DURABILITIES = ("full", "relaxed")
DEFAULT_STORE = "cqrs.db"
FILE = "CQRS_CONFIG"
"""The variable that names the settings file."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class Known(NamedTuple):
    """A setting that exists. kind: text, path, store, flag, or its choices."""

    name: str
    kind: str | Collection[str]
    default: str | bool | None

    @property
    def variable(self) -> str:
        """Its environment variable: `CQRS_NO_PROGRESS` of `no-progress`."""
        return "CQRS_" + self.name.upper().replace("-", "_")


KNOWN = (
    Known("store", "store", DEFAULT_STORE),
    Known("app", "text", None),
    Known("format", FORMATS, "table"),
    Known("output", "path", None),
    Known("color", COLORS, "auto"),
    Known("quiet", "flag", False),
    Known("debug", "flag", False),
    Known("no-progress", "flag", False),
    Known("durability", DURABILITIES, None),
)


class Setting(NamedTuple):
    """An effective value; source: the flag, the variable, the file, or `default`."""

    name: str
    value: Any
    source: str


class Settings:
    """The effective settings of one run.

    flags: values from the command line by setting name; they are believed over everything else.
    environ, cwd: of this process unless given. store: a URL, or a path relative to the working directory.
    app: `module:attribute`, None if nothing says. output: a file, None for standard output. quiet: no notes, but
    errors. debug: tracebacks of unexpected errors. progress: whether it may be shown. durability: of a store that
    is made now, None for the store's own default. Raises `ConfigurationError` (exit 2) for a value that
    can't be used, an unknown key in the file, or a file that is no TOML.
    """

    def __init__(
        self,
        flags: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> None:
        self.cwd = Path(cwd) if cwd is not None else _working_directory()
        self._flags = flags or {}
        self._environ = os.environ if environ is None else environ
        self.file, self._table = self._find_file()
        values = self._values = {known.name: self._resolve(known) for known in KNOWN}
        self.store: str = values["store"].value
        self.app: str | None = values["app"].value
        self.format: str = values["format"].value
        self.output: str | None = None if values["output"].value == "-" else values["output"].value
        self.color: str = values["color"].value
        self.quiet: bool = values["quiet"].value
        self.debug: bool = values["debug"].value
        self.progress = not values["no-progress"].value
        self.durability: str | None = values["durability"].value

    @property
    def folder(self) -> Path:
        """The config file's folder, else the working directory: where modules are looked for first."""
        return self.file.parent if self.file else self.cwd

    def all(self) -> list[Setting]:
        """Every effective value with its source, in a fixed order."""
        values = self._values | {"durability": self._values["durability"]._replace(value=self.durability or "full")}
        return list(values.values())

    @property
    def store_is_elsewhere(self) -> bool:
        """Whether the settings file names a store outside of its own folder."""
        path = path_of(self.store)
        if self.file is None or path is None or self._values["store"].source != str(self.file):
            return False
        return not os.path.realpath(self.cwd / path).startswith(os.path.join(os.path.realpath(self.folder), ""))

    def _find_file(self) -> tuple[Path | None, dict[str, Any]]:
        for source, name in (("--config", self._flags.get("config")), (FILE, self._environ.get(FILE))):
            if name:
                path = self.cwd / os.path.expanduser(name)
                return path, _known_keys(path, _table(path, source))
        return nearest_file(self.cwd)

    def _resolve(self, known: Known) -> Setting:
        if known.name in self._flags:
            source = f"--{known.name}"
            return Setting(known.name, _at_home(known, _checked(known, self._flags[known.name], source)), source)
        text = self._environ.get(known.variable)
        if text:
            return Setting(known.name, _at_home(known, _checked(known, text, known.variable)), known.variable)
        if known.name in self._table:
            assert self.file is not None
            value = _at_home(known, _checked(known, self._table[known.name], self.file.name))
            return Setting(known.name, self._beside_file(known, value), str(self.file))
        return Setting(known.name, self._beside_file(known, known.default), "default")

    def _beside_file(self, known: Known, value: Any) -> Any:
        """Paths from a file, and the default store, are relative to the file's folder."""
        if known.kind not in ("store", "path") or not isinstance(value, str) or self.folder == self.cwd:
            return value
        path = path_of(value) if known.kind == "store" else value
        if path is None or value == "-":  # a store that is no file; standard output
            return value
        return f"{value.removesuffix(path)}{self.folder / path}"


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigurationError(
            f"the working directory is not there any more: {error.strerror}", hint="cd to a folder that is"
        ) from None


def _checked(known: Known, value: Any, source: str) -> Any:
    if known.kind == "flag":
        if isinstance(value, bool):
            return value
        word = str(value).lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ConfigurationError(f"{source}: {known.name} is {value!r}", hint="true or false is understood")
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{source}: {known.name} must be a text, not {value!r}", hint=f'in quotes: {known.name} = "…"'
        )
    if not isinstance(known.kind, str) and value not in known.kind:
        raise ConfigurationError(
            f"{source}: no {known.name} is called {value!r}", hint=f"one of {', '.join(known.kind)}"
        )
    if not value or "\0" in value:
        raise ConfigurationError(
            f"{source}: {known.name} can't be {value!r}", hint=f"leave {known.name} out for what holds without it"
        )
    return value


def _at_home(known: Known, value: Any) -> Any:
    """With `~` as the shell would read it, which it does not after `--store=` or in a file."""
    if known.kind == "path":
        return os.path.expanduser(value)
    path = path_of(value) if known.kind == "store" else None
    return value if path is None else value.removesuffix(path) + os.path.expanduser(path)


def nearest_file(start: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest `cqrs.toml`, or `pyproject.toml` with `[tool.cqrs]`, from `start` upwards, and its table.

    Raises `ConfigurationError` for one of another user. A folder that may not be searched is passed over.
    """
    for folder in (start, *start.parents):
        for name in ("cqrs.toml", "pyproject.toml"):
            path = folder / name
            try:
                # Most projects' files say nothing about us: a look at the bytes spares the import of tomllib.
                if not path.is_file() or (name == "pyproject.toml" and b"cqrs" not in path.read_bytes()):
                    continue
                is_ours = is_trusted(path)
            except PermissionError:
                if name == "cqrs.toml" and os.access(folder, os.X_OK):
                    _bytes(path)
                continue
            table = _table(path, None)
            if table is None:
                continue
            if not is_ours:
                import shlex

                raise ConfigurationError(
                    f"{path} belongs to {owner(path)}, not to you",
                    hint=f"if you trust it, name it: --config {shlex.quote(str(path))}, or {FILE}",
                    code="foreign-settings",
                )
            return path, _known_keys(path, table)
    return None, {}


def _table(path: Path, source: str | None) -> Any:
    """What the file says about us. source: who named the file; None: it was found. Then None if it says nothing."""
    try:
        whole = _toml(path)
    except ConfigurationError as error:
        if source is None:
            raise
        raise ConfigurationError(f"{source}: {error.message}", hint=error.hint) from error
    if path.name != "pyproject.toml":
        return whole
    table = whole.get("tool", {}).get("cqrs")
    return {} if table is None and source is not None else table


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} can't be read: {error.strerror}", hint="make it readable, or work in another folder"
        ) from error


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(_bytes(path).decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}", hint='mend that line; texts are in quotes: app = "module:attr"'
        ) from error


def _known_keys(path: Path, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{path}: tool.cqrs must be a table", hint='[tool.cqrs], and below it app = "module:attr"'
        )
    names = [known.name for known in KNOWN if known.name != "output"]
    for key in table:
        if key == "output":
            raise ConfigurationError(
                f"{path}: output is never read from a file", hint="-o FILE, or CQRS_OUTPUT, says where data goes"
            )
        if key not in names:
            hint = did_you_mean(key, names, 1) or f"known: {', '.join(names)}"
            raise ConfigurationError(f"{path}: unknown setting {key!r}", hint=hint)
    return table
