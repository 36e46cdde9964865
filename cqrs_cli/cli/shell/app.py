"""The root of the command line: one table of commands, whose modules are imported when they run."""

import importlib
import sys
from typing import Annotated, Any, NamedTuple

import typer

from cqrs_cli import __version__
from cqrs_cli.cli.shell.command import Group, Lazy, global_parameters, make
from cqrs_cli.cli.shell.typer_fast import built


class Entry(NamedTuple):
    """A command: its name, the area it is listed in, `module:function` (of `cli.commands`) and its help in a line.

    The function is the command itself, typed; one that is called `group` makes a group of commands.
    """

    name: str
    area: str
    target: str
    line: str


COMMANDS = (
    Entry("send", "Write", "send.command:group", "Send a command to the domain: cqrs send create-order …"),
    Entry("run", "Write", "run.command:run", "Keep projections and reactions up to date."),
    Entry("serve", "Write", "serve:serve", "Serve the domain over HTTP: commands, queries, the log."),
    Entry("log", "Log", "log:log", "Events in the order of the log, of one stream or of all."),
    Entry("watch", "Log", "watch.command:watch", "The log as it grows, above lag, stops and dead letters."),
    Entry("show", "Log", "show:show", "One event in full: command, data, changes, cause and effect."),
    Entry("streams", "Log", "streams:streams", "Streams with their versions."),
    Entry("stats", "Log", "streams:stats", "How much is in the store, by category and type."),
    Entry("trace", "Log", "trace:trace", "What led to what: commands, events, reactions."),
    Entry("replay", "Aggregates", "replay.command:replay", "State of aggregates, now or at a version or time."),
    Entry("blame", "Aggregates", "blame:blame", "Which event each field of a state or row is from."),
    Entry("bisect", "Aggregates", "bisect:bisect", "The first event after which a rule fails."),
    Entry("diff", "Aggregates", "diff:diff", "What differs between two states, or rows, then and now."),
    Entry("snapshot", "Aggregates", "snapshot:group", "Snapshots of long streams: take, list, drop them."),
    Entry("project", "Read side", "project.command:project", "Bring read models up to date and print them."),
    Entry("query", "Read side", "query.command:group", "Run a query: cqrs query orders-by-customer …"),
    Entry("sql", "Read side", "sql:sql", "One SELECT over the store, read only."),
    Entry("check", "Evolution", "check:check", "Is the code all right: by itself, by its lock, by the log."),
    Entry("schema", "Evolution", "schema:schema", "The JSON Schema of a command, event or query."),
    Entry("test", "Evolution", "test.command:test", "Try the scenarios of the project, without a store."),
    Entry("rehearse", "Evolution", "rehearse:rehearse", "Judge recorded commands again with today's code."),
    Entry("impact", "Evolution", "impact:impact", "Compare what old and new code make of the log."),
    Entry("corpus", "Evolution", "corpus:group", "Streams that show all that a log has, kept beside the code."),
    Entry("ci", "Evolution", "ci.command:ci", "All that is asked before a merge: check, test, rehearse, impact."),
    Entry("what-if", "Write", "what_if:group", "What would be, had a command been sent: cqrs what-if pay-order …"),
    Entry("fork", "Store", "fork:fork", "A store of its own with the history up to a point."),
    Entry("export", "Store", "export:export", "The log as a file: for another store, other programs, people."),
    Entry("import", "Store", "import_:import_", "Take in what an export made, or lines that others made."),
    Entry("copy", "Store", "copy:copy", "Copy a log from store to store, and prove it; --follow keeps on."),
    Entry("mirror", "Store", "mirror:mirror", "The log of another event store as a store; --follow keeps on."),
    Entry("init", "Store", "init.command:init", "Start a project: a small domain, its settings, tests and CI."),
    Entry("demo", "Store", "demo.command:demo", "A tour in a temporary folder, or a lesson: cqrs demo lost-update."),
    Entry("verify", "Store", "verify.command:verify", "Whether the store is what was written, and only grew."),
    Entry("backup", "Store", "backup:backup", "A copy of all of the store, while others write, verified."),
    Entry("restore", "Store", "backup:restore", "Put a backup in the place of the store, verified."),
    Entry("migrate", "Store", "migrate:migrate", "Make the store, or bring it to today's format; on a server, first."),
    Entry("doctor", "Store", "doctor:doctor", "Versions, modes, sizes and lag, and what is wrong."),
    Entry("config", "Store", "config:config", "Every setting and where it came from."),
    Entry("help", "Store", "help:help", "Explain a topic: cqrs help expressions; or a command."),
)
WAITING = (
    "log", "show", "streams", "stats", "trace", "replay", "blame", "bisect", "diff", "sql", "export", "verify",
    "rehearse",
)  # fmt: skip
"""Those that read the log alone: with `--wait`, once it has what somebody has just written, elsewhere."""
_BY_NAME = {entry.name: entry for entry in COMMANDS}
_COMPLETION = ("--install-completion", "--show-completion")


def _root(
    version: Annotated[
        bool | None, typer.Option("-V", "--version", help="Print the version.", is_eager=True, expose_value=False)
    ] = None,
    install_completion: Annotated[
        str | None, typer.Option(metavar="[bash|zsh|fish]", help="Install completion.", expose_value=False)
    ] = None,
    show_completion: Annotated[
        str | None, typer.Option(metavar="[bash|zsh|fish]", help="Print completion.", expose_value=False)
    ] = None,
) -> None: ...


def _do_instead(ctx: Any, parameter: Any, value: Any) -> None:
    """The callback of the root's own options: each is done instead of a command."""
    if value is None or ctx.resilient_parsing:
        return
    if parameter.name == "version":
        print(f"cqrs {__version__}")
    else:
        from cqrs_cli.cli.shell import completion

        (completion.install if parameter.name == "install_completion" else completion.show)(value, ctx.obj)
    raise typer.Exit


class Root(Group):
    """All commands. Nothing of theirs is imported to list them, to complete them or to find a typo."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(_BY_NAME)

    def get_command(self, ctx: Any, cmd_name: str) -> Lazy | None:
        """The command by its exact name."""
        entry = _BY_NAME.get(cmd_name)
        return Lazy(entry.name, entry.line, lambda: _load(entry)) if entry else None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let `--show-completion` have its shell or not; without any word, show the help and fail."""
        if not args and not ctx.resilient_parsing:
            print(ctx.get_help(), file=sys.stderr)
            raise typer.Exit(2)
        words: list[str] = []
        for word in args:
            if words and words[-1] in _COMPLETION and not word.startswith("-"):
                words[-1] += f"={word}"
            else:
                words.append(word)
        return super().parse_args(ctx, [f"{word}=" if word in _COMPLETION else word for word in words])

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands by area."""
        width = max(len(name) for name in _BY_NAME)
        for area in dict.fromkeys(entry.area for entry in COMMANDS):
            with formatter.section(area):
                listed = [(f"{entry.name:<{width}}", entry.line) for entry in COMMANDS if entry.area == area]
                formatter.write_dl(listed)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The global options one by one: here they are explained."""
        rows = []
        for parameter in global_parameters():
            spelled = ", ".join(parameter.opts) + (f" {parameter.metavar}" if parameter.metavar else "")
            rows.append((spelled, parameter.help))
        with formatter.section("Global options, before or after the command"):
            formatter.write_dl(rows)
        formatter.write_paragraph()
        formatter.write_text(
            "Each also from the environment (CQRS_STORE, …), then [tool.cqrs] in pyproject.toml or cqrs.toml; "
            "cqrs config shows what holds."
        )


def _load(entry: Entry) -> Any:
    module, _, function = entry.target.partition(":")
    found = getattr(importlib.import_module(f"cqrs_cli.cli.commands.{module}"), function)
    command = found() if function == "group" else make(found)
    command.waits = entry.name in WAITING
    return command


def root() -> Root:
    """The root group, ready to run."""
    app = typer.Typer(
        cls=Root,
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="An event-store workbench: send typed commands, read the log, replay aggregates, project and query.",
    )
    app.callback()(_root)
    group: Root = built(app)
    for parameter in group.params:
        parameter.callback = _do_instead
    return group
