"""A mirror as the shell makes it, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cqrs_cli.stores.registry import open_store
from cqrs_cli.transfer.copy import AS_IT_IS, Between, remembered
from cqrs_cli.transfer.dialects.dialect import Dialect
from cqrs_cli.transfer.dialects.foreign_source import ForeignSource, recorded_at
from cqrs_cli.transfer.dialects.known import DIALECTS
from cqrs_cli.transfer.dialects.opening import open_reader
from cqrs_cli.transfer.proof import Proof, ProvenCopy


def mirrored(
    source: str, target: Path, between: Between = AS_IT_IS, dialects: Sequence[Dialect] = DIALECTS
) -> tuple[Proof, int | None]:
    """The proof, and the number that held back the rest."""
    with closing(open_reader(source, dialects)) as reader, open_store(str(target), create=True) as here:
        name = remembered(ForeignSource(reader, lambda after: 0), between)
        foreign = ForeignSource(reader, lambda after: recorded_at(here, name, after))
        return ProvenCopy(foreign, here, between).make(), foreign.gap
