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
import stat
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
    "jsonpatch": f"{_FORMATS}.jsonpatch:JsonPatchFormat",
    "cloudevents": f"{_FORMATS}.cloudevents:CloudEventsFormat",
    "mermaid": f"{_FORMATS}.mermaid:MermaidFormat",
    "dot": f"{_FORMATS}.dot:DotFormat",
    "github": f"{_FORMATS}.github:GithubFormat",
    "junit": f"{_FORMATS}.junit:JunitFormat",
    "sarif": f"{_FORMATS}.sarif:SarifFormat",
    "gitlab": f"{_FORMATS}.gitlab:GitlabFormat",
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
    Known("no-pager", "flag", False),
    Known("wide", "flag", False),
    Known("local", "flag", False),
    Known("durability", DURABILITIES, None),
)


RULES = "rules"
"""The table of a settings file that names what should always hold; see `history.rules`."""
FOLD = "fold"
"""The table that says what events come to where no domain does; see `history.fold_rules`."""
MIRROR = "mirror"
"""The tables that describe logs of one's own; see `transfer.dialects.generic`."""
CI = "ci"
"""The table that says what `cqrs ci` runs, and on what."""
HTTP = "http"
"""The table that says how `serve` serves."""
_TABLES = {
    HTTP: "[tool.cqrs.http], and below it options of cqrs serve",
    RULES: "[tool.cqrs.rules], and below it names",
    FOLD: "[tool.cqrs.fold], and below it types of events",
    MIRROR: "[tool.cqrs.mirror.NAME], and below it table, position, stream, type, data",
    CI: "[tool.cqrs.ci], and below it parts, corpus, against, accept, ignore, impact",
}


MASK = "mask"
"""The table of a settings file that names the fields to mask; see `masking`."""
MASK_KEY = "CQRS_MASK_KEY"
"""The variable that has the key of pseudonyms. No settings file has it: it would be where the masked data is."""
MASK_KEY_FILE = "CQRS_MASK_KEY_FILE"
"""The variable that names a file with nothing but the key in it, which nobody but its owner can read."""
_LONGEST_KEY_FILE = 4096


_SHORTEST_KEY = 16


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
    errors. debug: tracebacks of unexpected errors. progress, pager: whether they may be
    shown. wide: nothing is cut on a terminal. local: times are those of this machine's zone. durability: of a store
    that is made now, None for the store's own default. Raises `ConfigurationError` (exit 2) for a value that
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
        self.pager = not values["no-pager"].value
        self.wide: bool = values["wide"].value
        self.local: bool = values["local"].value
        self.durability: str | None = values["durability"].value

    @property
    def folder(self) -> Path:
        """The config file's folder, else the working directory: where modules are looked for first."""
        return self.file.parent if self.file else self.cwd

    @property
    def rules(self) -> Mapping[str, Any]:
        """What the settings file says should always hold, by name; empty if it says nothing."""
        rules: Mapping[str, Any] = self._table.get(RULES, {})
        return rules

    @property
    def ci(self) -> Mapping[str, Any]:
        """What the settings file says of `cqrs ci`, by name; empty if it says nothing."""
        ci: Mapping[str, Any] = self._table.get(CI, {})
        return ci

    @property
    def fold(self) -> Mapping[str, Any]:
        """What the settings file says of events by their stored type, for a fold without a domain."""
        fold: Mapping[str, Any] = self._table.get(FOLD, {})
        return fold

    @property
    def mask(self) -> Mapping[str, str]:
        """The fields that the settings file masks, each with its way (`true` and `""`: a pseudonym)."""
        return {field: "" if way is True else way for field, way in self._table.get(MASK, {}).items() if way}

    @property
    def mirrors(self) -> Mapping[str, Any]:
        """The logs that the settings file describes, by name."""
        mirrors: Mapping[str, Any] = self._table.get(MIRROR, {})
        return mirrors

    @property
    def http(self) -> Mapping[str, Any]:
        """What the settings file says of `serve`, by the names of its options."""
        http: Mapping[str, Any] = self._table.get(HTTP, {})
        return http

    @property
    def mask_key(self) -> bytes | None:
        """The key of pseudonyms; None: one of this run.

        Raises `ConfigurationError` for one that can be guessed, or that others can read.
        """
        key, file = self._environ.get(MASK_KEY), self._environ.get(MASK_KEY_FILE)
        if key and file:
            raise ConfigurationError(
                f"{MASK_KEY} and {MASK_KEY_FILE} are both set", hint="one of them has the key: unset the other"
            )
        where = MASK_KEY_FILE if file else MASK_KEY
        found = _key_in(self.cwd / file) if file else (key or "").encode("utf-8", "surrogateescape")
        if len(found) < _SHORTEST_KEY and (found or file):
            raise ConfigurationError(
                f"{where} has {len(found)} characters, and whoever guesses it can try values",
                hint=f"{_SHORTEST_KEY} or more that nobody guesses: openssl rand -hex 16 makes some",
            )
        return found or None

    def all(self) -> list[Setting]:
        """Every effective value with its source, in a fixed order; of the store's URL not the password."""
        values = self._values | {"durability": self._values["durability"]._replace(value=self.durability or "full")}
        if ":" in self.store or "=" in self.store:
            from cqrs_cli.stores.addresses import shown

            values["store"] = values["store"]._replace(value=shown(self.store))
        return list(values.values())

    @property
    def store_is_named(self) -> bool:
        """Whether the store was named by hand, for this call or this shell: then it has to be there."""
        return self._values["store"].source in ("--store", "CQRS_STORE")

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
        if key in _TABLES:
            if not isinstance(table[key], dict):
                raise ConfigurationError(f"{path}: {key} must be a table", hint=_TABLES[key])
            continue
        if key == MASK:
            _check_mask(path, table[key])
            continue
        if key == "output":
            raise ConfigurationError(
                f"{path}: output is never read from a file", hint="-o FILE, or CQRS_OUTPUT, says where data goes"
            )
        if key not in names:
            hint = did_you_mean(key, names, 1) or f"known: {', '.join(names)}"
            raise ConfigurationError(f"{path}: unknown setting {key!r}", hint=hint)
    return table


def _check_mask(path: Path, table: Any) -> None:
    """Refuse a table that would leave something bare that it was meant to hide."""
    if not isinstance(table, dict) or not all(isinstance(way, (bool, str)) for way in table.values()):
        hint = '[tool.cqrs.mask], and below it email = true, or iban = "blank"'
        raise ConfigurationError(f"{path}: mask must be a table of fields, each true or a way", hint=hint)


def _key_in(path: Path) -> bytes:
    """What is in a file of a key, without the end of its line. Raises `ConfigurationError`, which quotes none of it."""
    named, hint = f"{MASK_KEY_FILE}: {path}", "a file of your own with nothing but the key in it"
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ConfigurationError(f"{named} is no file", hint=hint)
            if not is_trusted(file.fileno()):
                raise ConfigurationError(f"{named} is a file of {owner(file.fileno())}, who knows the key", hint=hint)
            if os.name == "posix" and found.st_mode & 0o077:
                mode = f"{stat.S_IMODE(found.st_mode):04o}"
                raise ConfigurationError(
                    f"{named} can be read or written by others (mode {mode})",
                    hint=f"chmod 600 {path}; and another key, if they may have read it",
                )
            key = file.read(_LONGEST_KEY_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{named} can't be read: {error.strerror}", hint=hint) from None
    if len(key) > _LONGEST_KEY_FILE:
        raise ConfigurationError(f"{named} has more than {_LONGEST_KEY_FILE} bytes", hint=hint)
    return key.strip()


def _without_waiting(path: str, flags: int) -> int:
    """As `os.open`, but not until somebody writes to what is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
