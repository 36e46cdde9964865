"""`cqrs demo`: the main job in a minute, on the orders sample and its fulfilment, in a store that is gone afterwards.

Each step is a command line as a user would type it. It is really run, here in this process, and what
it answers is compared with what it must answer: a demo that differs fails. What is printed works word
for word in a shell: the settings are shown first, and the order's id follows from a command id.
"""

import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from cqrs_cli.cli.printing.documents import Table, Text
from cqrs_cli.cli.printing.output import is_terminal
from cqrs_cli.cli.shell import boundary
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import CqrsError

ADA = "11111111-1111-4111-8111-111111111111"
PEN = "22222222-2222-4222-8222-222222222222"
SOLD_OUT = "33333333-3333-4333-8333-333333333333"
INK = "44444444-4444-4444-8444-444444444444"

ORDER = re.compile(r"\border-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
STORE = "demo.db"


Run = Callable[[list[str]], tuple[int, str]]


class Step(NamedTuple):
    """A command line, what it is there to show, and what it must answer.

    `ORDER` in the line and texts stands for the stream that the first step opened, `ORDER_ID` for
    the id in it. shows: texts that the answer holds, `absent` ones that it doesn't.
    """

    note: str
    line: str
    exit_code: int = 0
    shows: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Ran(NamedTuple):
    """A step that was run: its output (data and notes, in order) and in what it differed, if it did."""

    step: Step
    line: str
    exit_code: int
    output: str
    differences: tuple[str, ...]


STEPS = (
    Step("Pens are delivered,", f"cqrs send receive-stock --product-id {PEN} --quantity 10", shows=("version 0 → 1",)),
    Step("and ink.", f"cqrs send receive-stock --product-id {INK} --quantity 5", shows=("version 0 → 1",)),
    Step(
        "A customer orders two pens and a bottle of ink. The command is decided, its events are appended.",
        f"""cqrs send create-order --command-id first-order --customer-id {ADA}
  --item product_id={PEN},product_name=Pen,quantity=2,unit_price=1.50
  --item product_id={INK},product_name=Ink,quantity=1,unit_price=4.20
  --shipping-address.street '1 Main' --shipping-address.city Paris
  --shipping-address.postal-code 75001 --shipping-address.country FR""",
        shows=("appended 3 events to order-", "version 0 → 3"),
    ),
    Step(
        "The domain says no: the gold nib is sold out. Nothing is written, the exit code is 1.",
        f"""cqrs send add-order-item --order-id ORDER_ID
  --item product_id={SOLD_OUT},product_name='Gold nib',quantity=1,unit_price=90""",
        exit_code=1,
        shows=("error[out-of-stock]", "not enough of Gold nib in stock"),
    ),
    Step(
        "What would happen? A dry run decides and shows, and writes nothing.",
        "cqrs send submit-order --order-id ORDER_ID --dry-run",
        shows=("dry run: would append 1 event to ORDER", "nothing was written"),
    ),
    Step(
        "The order is submitted,",
        "cqrs send submit-order --order-id ORDER_ID",
        shows=("appended 1 event to ORDER", "version 3 → 4"),
    ),
    Step(
        "and paid.",
        "cqrs send pay-order --order-id ORDER_ID --as ada --command-id payment-1",
        shows=("version 4 → 5",),
    ),
    Step(
        "A process takes over: what is paid for is reserved, shipped and taken off the shelf.",
        "cqrs run --once --from @0",  # compared in its second run, which has nothing left to send
        shows=('"position": 12,', '"sent": 0,'),
    ),
    Step(
        "What led to what: commands, events and the reactions between them.",
        "cqrs trace payment-1",
        shows=("PayOrder", "fulfilment.reserve", "StockReserved", "ShipOrder", "OrderShipped", "StockTakenOut"),
    ),
    Step(
        "Too late for second thoughts.",
        "cqrs send cancel-order --order-id ORDER_ID --reason 'changed my mind'",
        exit_code=1,
        shows=("error[already-shipped]",),
    ),
    Step(
        "The log holds what happened, and nothing else.",
        "cqrs log",
        shows=("OrderCreated", "OrderItemAdded", "OrderSubmitted", "OrderPaid", "OrderShipped", "7.20"),
        absent=("OrderCancelled", "Gold nib"),
    ),
    Step("The order is the fold of its events: now,", "cqrs replay ORDER", shows=("shipped", "Pen", "Ink")),
    Step(
        "and as it was after the second of them.",
        "cqrs replay ORDER --at 2",
        shows=("pending", "Pen"),
        absent=("Ink", "shipped"),
    ),
    Step(
        "Read models are folds of the same log, kept as tables.",
        "cqrs project",
        shows=("order_summary", "order_items", "customer_totals", "availability", ADA, "7.20", "shipped"),
    ),
    Step(
        "A query asks them.",
        f"cqrs query orders-by-customer --customer-id {ADA} --status shipped",
        shows=("ORDER_ID", "7.20"),
    ),
    Step(
        "Thrown away and folded anew, the rows are the same.",
        "cqrs project customer_totals --rebuild",
        shows=(ADA, "7.20"),
    ),
)


def tour(run: Run) -> Iterator[Ran]:
    """Run the steps one by one, up to the first that differs; each is given as it was run."""
    stream = ""
    for step in STEPS:
        line = _named(step.line, stream)
        words = shlex.split(line)[1:]
        exit_code, output = run(words)
        if not stream and (opened := ORDER.search(output)):
            stream = opened.group()
        # A table folds and drops columns on a narrow terminal; a note of `send` is always whole.
        answer = output if words[0] == "send" else run([*words, "--json"])[1]
        ran = Ran(step, line, exit_code, output, tuple(_differences(step, stream, exit_code, answer)))
        yield ran
        if ran.differences:
            return


def _named(text: str, stream: str) -> str:
    return text.replace("ORDER_ID", stream.partition("-")[2]).replace("ORDER", stream)


def _differences(step: Step, stream: str, exit_code: int, answer: str) -> Iterator[str]:
    if exit_code != step.exit_code:
        yield f"exit code {exit_code}, expected {step.exit_code}"
    for text in step.shows:
        if _named(text, stream) not in answer:
            yield f"{_named(text, stream)!r} is missing in what it answered"
    for text in step.absent:
        if text in answer:
            yield f"{text!r} should not be in what it answered"


class Captured(io.StringIO):
    """What a step prints, drawn for the terminal that it is going to be shown on, if it is one."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class Notes(io.TextIOBase):
    """What a step notes, among what it prints; no terminal, so that no line of progress is drawn and wiped."""

    def __init__(self, output: Captured) -> None:
        super().__init__()
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write(text)


def app() -> str:
    """The domain as `--app` names it: the samples are inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    samples = f"{package.name}._samples" if (package / "_samples").is_dir() else "samples"
    return f"{samples}.orders.fulfilment:domain"


def settings() -> str:
    """The line with which a shell gets the same settings, and a new folder for the store each time."""
    return f'export CQRS_APP={app()} CQRS_STORE="$(mktemp -d)/{STORE}"'


@contextmanager
def prepared() -> Iterator[Run]:
    """A temporary folder and the demo's settings in the environment; gives what runs a command line there.

    The folder is the working directory and settings of the caller's environment don't count until it is left.
    """
    terminal = is_terminal(sys.stdout)

    def run(words: list[str]) -> tuple[int, str]:
        # Away from a terminal a run tells its progress to programs, in JSON; a person reads this.
        output = Captured(terminal or words[0] == "run")
        with redirect_stdout(output), redirect_stderr(Notes(output)):
            exit_code = boundary.run(words)
            if exit_code == boundary.INTERRUPTED:
                raise KeyboardInterrupt
            return exit_code, output.getvalue()

    # On Windows an open store would keep the folder from being removed.
    with tempfile.TemporaryDirectory(prefix="cqrs-demo-", ignore_cleanup_errors=True) as name:
        path, environ = list(sys.path), dict(os.environ)
        try:
            for variable in [variable for variable in environ if variable.startswith("CQRS_")]:
                del os.environ[variable]
            os.environ |= {"CQRS_APP": app(), "CQRS_STORE": str(Path(name) / STORE)}
            os.environ |= {"NO_COLOR": "1", "COLUMNS": str(shutil.get_terminal_size().columns)}
            with chdir(name):
                yield run
        finally:
            os.environ.clear()
            os.environ |= environ
            sys.path[:] = path


def demo() -> None:
    """A guided run of the orders sample in a temporary folder: send, run, trace, log, replay, project, query.

    What it prints can be typed: every command works as it stands, after the line that begins with `export`.
    """
    printer = current().printer
    printer.ready()  # what -o names is looked for here, not in the temporary folder
    if printer.format.for_people:
        printer.print(Text(f"# The sample, and a store that is not there yet.\n$ {settings()}\n"))
    ran: list[Ran] = []

    def steps(run: Run) -> Iterator[dict[str, object]]:
        for each in tour(run):
            ran.append(each)
            yield _record(each)

    with prepared() as run:
        printer.print(Table(steps(run), text=lambda _: _told(ran[-1])))
    last = ran[-1]
    if last.differences:
        raise CqrsError(
            f"the demo differs at its step {len(ran)} of {len(STEPS)}: {'; '.join(last.differences)}",
            code="demo-differs",
            hint="this is a bug in cqrs, or the sample was changed",
            command=_one_line(last),
            differences=list(last.differences),
        )
    printer.message(f"{len(ran)} commands answered as they should; next: cqrs init shop, a domain of your own")


def _told(ran: Ran) -> str:
    typed = ran.line.replace("\n", " \\\n")
    return f"# {ran.step.note}\n$ {typed}\n{ran.output}"


def _record(ran: Ran) -> dict[str, object]:
    return {"command": _one_line(ran), "exit_code": ran.exit_code, "output": ran.output, "differences": ran.differences}


def _one_line(ran: Ran) -> str:
    return " ".join(ran.line.split())
