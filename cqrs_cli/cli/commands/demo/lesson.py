"""What a lesson is: commands in their order, what each is there to show, and what it must answer."""

from typing import NamedTuple


class Step(NamedTuple):
    """A line as a user would type it.

    `cqrs …` is run in this process; `export CQRS_APP=…` goes on with another module of `samples.lessons`; anything
    else is a line for the shell. shows: texts that the answer holds, `absent` ones that it doesn't.
    """

    note: str
    line: str
    exit_code: int = 0
    shows: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class Lesson(NamedTuple):
    """A story in about ten commands. module: of `samples.lessons`, where it begins; moral: what was to be seen."""

    name: str
    title: str
    about: str
    module: str
    steps: tuple[Step, ...]
    moral: str
