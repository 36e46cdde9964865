"""`--order '-total,name'`: columns, with `-` before one for descending."""

from collections.abc import Sequence

from cqrs_cli.errors import Misuse
from cqrs_cli.near_names import did_you_mean


def ordering(order: str | None, names: Sequence[str]) -> list[tuple[str, bool]]:
    """The columns to order by, the first counting most, each with whether it is descending; kebab-case is understood.

    Raises `Misuse` for a name that is none of `names`.
    """
    found = []
    for term in (order or "").split(","):
        name = term.strip().removeprefix("-").replace("-", "_")
        if name and name not in names:
            hint = did_you_mean(name, list(names)) or f"there is {', '.join(names)}"
            raise Misuse(f"--order: there is no column {name!r}", code="unknown-column", hint=hint)
        if name:
            found.append((name, term.strip().startswith("-")))
    return found
