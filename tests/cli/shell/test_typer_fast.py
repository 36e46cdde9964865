"""The short way past Typer's pydantic adapter gives what the long way gives; fails when Typer changes underneath."""

import subprocess
import sys
from enum import Enum
from typing import Annotated, Any, cast

import pytest
import typer
from typer.core import TyperCommand

from cqrs_cli.cli.shell import typer_fast as plain

OF_029 = pytest.mark.skipif(
    tuple(map(int, typer.__version__.split(".")[:2])) < (0, 29), reason="older Typers have no adapter to spare"
)


class Color(Enum):
    RED = "red"


def made(short: bool) -> Any:
    """A command of every kind of parameter, with the short way or with Typer's own; what it was called with."""
    told = []

    def callback(value: str | None) -> str | None:
        return None if value is None else value + "!"

    def function(
        first: str,
        rest: Annotated[list[str] | None, typer.Argument()] = None,
        text: str | None = None,
        default: str = "d",
        number: int | None = None,
        counted: int = 7,
        many: Annotated[list[str] | None, typer.Option()] = None,
        flag: bool = False,
        unset: Annotated[bool | None, typer.Option("--unset/--no-unset")] = None,
        called: Annotated[str | None, typer.Option(callback=callback)] = None,
        ranged: Annotated[int | None, typer.Option(min=1, max=3)] = None,
        color: Color | None = None,
        real: float | None = None,
    ) -> None:
        told.append([first, rest, text, default, number, counted, many, flag, unset, called, ranged, color, real])

    class Short(TyperCommand):
        def get_params(self, ctx):
            parameters = super().get_params(ctx)
            plain.spare(cast(Any, parameters))
            return parameters

    app = typer.Typer(add_completion=False)
    app.command(cls=Short if short else TyperCommand)(function)
    command = typer.main.get_command(app)

    def run(words):
        told.clear()
        try:
            command.main(words, prog_name="x", standalone_mode=False)
        except typer.TyperException as error:
            return type(error).__name__
        return told[0]

    return run


WORDS = [
    "a", "", "a b c", "a --text x", "a --text=", "a --number 5", "a --number -5", "a --number 007", "a --number x",
    "a --number 1.5", "a --number 99999999999999999999", "a --many x --many y", "a --flag", "a --unset", "a --no-unset",
    "a --called x", "a --ranged 2", "a --ranged 9", "a --color red", "a --color blue", "a --real 1.5", "a --default x",
    "a --counted 1_0", "a --counted ٣", "-- --text",
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_both_ways_give_the_same(words):
    assert made(True)(words.split()) == made(False)(words.split())


@OF_029
def test_the_short_way_is_taken():
    """Typer still keeps what a parameter is where this module looks for it."""
    parameters = {}

    def function(
        text: str = "x",
        number: int = 1,
        many: Annotated[list[str] | None, typer.Option()] = None,
        flag: bool = False,
        color: Color = Color.RED,
        ranged: Annotated[int, typer.Option(min=1)] = 1,
    ) -> None: ...

    app = typer.Typer(add_completion=False)
    app.command()(function)
    for parameter in typer.main.get_command(app).params:
        parameters[parameter.name] = plain._kind(parameter)
    assert parameters == {"text": str, "number": int, "many": list[str], "flag": bool, "color": None, "ranged": None}


@OF_029
def test_typer_alone_would_import_pydantic():
    """If this fails, Typer no longer needs the short way, and `plain.py` can go."""
    script = (
        "import sys, typer\napp = typer.Typer()\n@app.command()\ndef f(x: str = 'a') -> None: ...\n"
        "try:\n app(['--x', 'b'])\nexcept SystemExit: pass\nsys.exit('pydantic' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
