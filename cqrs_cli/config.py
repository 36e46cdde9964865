"""Settings: a flag, else the environment, else `[tool.cqrs]` in the nearest file, else the default.

    --store shop.db          one call
    CQRS_STORE=shop.db       one shell
    [tool.cqrs]              one project: pyproject.toml, or the top level of cqrs.toml
    store = "shop.db"        paths are relative to the file

Every value remembers where it came from; `cqrs config` prints them.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cqrs_cli.errors import ConfigurationError
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.stores.registry import path_of

_FORMATS = "cqrs_cli.cli.printing.formats"
FORMATS = {
    "table": f"{_FORMATS}.table:TableFormat",
    "json": f"{_FORMATS}.json:JsonFormat",
    "jsonl": f"{_FORMATS}.jsonl:JsonLinesFormat",
    "csv": f"{_FORMATS}.csv:CsvFormat",
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
        self.file, self._table = nearest_file(self.cwd)
        self._flags = flags or {}
        self._environ = os.environ if environ is None else environ
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

    def _resolve(self, known: Known) -> Setting:
        if known.name in self._flags:
            source = f"--{known.name}"
            return Setting(known.name, _checked(known, self._flags[known.name], source), source)
        text = self._environ.get(known.variable)
        if text:
            return Setting(known.name, _checked(known, text, known.variable), known.variable)
        if known.name in self._table:
            assert self.file is not None
            value = _checked(known, self._table[known.name], self.file.name)
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


def nearest_file(start: Path) -> tuple[Path | None, dict[str, Any]]:
    """The nearest `cqrs.toml`, or `pyproject.toml` with `[tool.cqrs]`, from `start` upwards, and its table."""
    for folder in (start, *start.parents):
        own = folder / "cqrs.toml"
        if own.is_file():
            return own, _known_keys(own, _toml(own))
        shared = folder / "pyproject.toml"
        if shared.is_file():
            # Most projects' files say nothing about us: a look at the bytes spares the import of tomllib.
            table = _toml(shared).get("tool", {}).get("cqrs") if b"cqrs" in _bytes(shared) else None
            if table is not None:
                return shared, _known_keys(shared, table)
    return None, {}


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
        return tomllib.loads(_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}", hint='mend that line; texts are in quotes: app = "module:attr"'
        ) from error


def _known_keys(path: Path, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{path}: tool.cqrs must be a table", hint='[tool.cqrs], and below it app = "module:attr"'
        )
    names = [known.name for known in KNOWN]
    for key in table:
        if key not in names:
            hint = did_you_mean(key, names, 1) or f"known: {', '.join(names)}"
            raise ConfigurationError(f"{path}: unknown setting {key!r}", hint=hint)
    return table
