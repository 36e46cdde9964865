"""`cqrs replay --verify`: loads through snapshots against folds from the start."""

from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli import records
from cqrs_cli.cli.options.selection import categories_named
from cqrs_cli.cli.printing.documents import Column, Findings, Table
from cqrs_cli.cli.printing.places import place_of
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import Damaged, Misuse, NothingMatched
from cqrs_cli.finding import Finding
from cqrs_cli.history.snapshot_comparison import Difference, compare
from cqrs_cli.log.points import parse_stream
from cqrs_cli.stores.names import no_stream, stream_named
from cqrs_cli.workbench.snapshots import select
from cqrs_cli.workbench.workbench import Workbench

SHOWN = 1_000


def verify(session: Session, streams: Sequence[str], category: str | None) -> int:
    """Compare the streams (all that have a snapshot without) and print what differs; 6 if anything does, else 0.

    Raises `NothingMatched` if there was nothing to compare.

    JSON: {"compared", "differences": [{"stream", "path", "kept", "folded"}]}; JSON lines and CSV: a difference each.
    """
    bench, printer = session.workbench(), session.printer
    compared: list[str] = []
    without = 0
    differences: list[Difference] = []
    with printer.progress("verifying", unit="streams") as done:
        for one in compare(bench, _streams(bench, streams, category)):
            done(1)
            if one.version is None:
                without += 1
            else:
                compared.append(one.stream)
                differences += one.differences
    rows = Table(
        map(records.difference, differences),
        ("stream", "path", Column("kept", style="old"), Column("folded", style="new")),
        row=_row,
        whole=records.comparison(len(compared), differences),
        most=SHOWN,
        more=lambda _: f"the first {SHOWN:,} of {len(differences):,} differences are shown",
    )
    found, store = [_finding(one) for one in differences], session.store_file
    classes = {name: bench.domain.aggregate_of(name).cls for name in {one.where for one in found}}
    printer.print(Findings("replay --verify", compared, found, rows, lambda name: place_of(classes[name], store)))
    if not compared:
        some = f"{counted(without, 'stream')} without a snapshot that counts" if without else "no stream has a snapshot"
        hint = "cqrs snapshot take makes them; cqrs snapshot list says which count"
        raise NothingMatched(f"nothing was compared: {some}", hint=hint)
    wrong = len({one.stream for one in differences})
    printer.message(
        f"{counted(len(compared), 'stream')} compared, "
        + (f"{wrong:,} with a wrong snapshot: cqrs snapshot drop STREAM" if wrong else "no difference")
        + (f"; {without:,} without a snapshot that counts" if without else "")
    )
    return Damaged.exit_code if differences else 0


def _streams(bench: Workbench, streams: Sequence[str], category: str | None) -> Iterator[str]:
    for text in dict.fromkeys(streams):
        address = parse_stream(text)
        if address.version is not None:
            raise Misuse(
                f"{text} is a version: a snapshot is compared at the newest",
                hint=f"cqrs replay --verify {address.stream}",
            )
        stream = bench.aggregates.called_in_store(stream_named(bench.store, address.stream or ""))
        if not bench.store.version(stream):
            raise no_stream(bench.store, stream)
        yield stream
    for name in [] if streams else categories_named(bench, category):
        for snapshot in select(bench.store, name):
            yield snapshot.stream


def _finding(one: Difference) -> Finding:
    what = one.path or "the state"
    return Finding(
        "snapshot",
        "error",
        one.stream,
        f"{what}: kept {cell_text(one.kept)}, folded {cell_text(one.folded)}",
        f"cqrs snapshot drop {one.stream}",
    )


def _row(record: Any) -> dict[str, Any]:
    return {**record, "path": record["path"] or "(the whole state)"}
