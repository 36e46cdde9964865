"""`cqrs config`: every setting and where it came from."""

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.shell.session import current


def config() -> None:
    """Every setting and where it came from: a flag, the environment, a file, or the default."""
    session = current()
    settings = session.settings
    session.printer.print(Table(map(records.setting, settings.all()), ["name", "value", "source"]))
    found = f"read {settings.file}" if settings.file else f"no config file from {settings.cwd} upwards"
    session.printer.message(found)
