"""What a copy came to, as people and programs are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Document, Report, Table, Text
from cqrs_cli.cli.printing.plurals import counted

if TYPE_CHECKING:
    from cqrs_cli.transfer.proof import Proof


def copy_report(proof: Proof, destination: str, states: records.Record | None, untold: str) -> Report:
    """The proof as a document. states: how they compare; None: they were not compared, and `untold` may say why."""
    record = records.proved_copy(proof, destination, states)
    told = [
        f"{counted(proof.commits, 'commit')} with {counted(proof.events, 'event')} of {proof.source}, "
        f"@{proof.begun} to @{proof.position}, {'are in' if proof.events else 'for'} {destination}"
    ]
    if proof.duplicates:
        told.append(f"{counted(proof.duplicates, 'commit')} of them were there already")
    if proof.mapped is not None:
        told.append("on the way: " + ", ".join(f"{number:,} {what}" for what, number in proof.mapped.items()))
    if proof.masked is not None:
        fields = ", ".join(f"{name} {number:,}×" for name, number in sorted(proof.masked.items()))
        told.append(f"masked: {fields or 'nothing'}")
    told.append(_about_hashes(proof))
    if untold:
        told.append(f"states: not compared, {untold}")
    if states is not None:
        differing = len(states["differing"])
        told.append(f"states: {states['compared']:,} compared, {'all equal' if not differing else 'not all equal'}")
    parts: list[Document] = []
    types = Table(record["types"], ["type", "in", "out"])
    if record["types"]:
        parts.append(types)
    if record["became"]:
        parts.append(Table(record["became"], ["type", "became", "events"]))
    if states is not None and states["differing"]:
        parts.append(Table(states["differing"], ["stream", "path", "source", "copy"]))
    parts.append(Text("\n".join(told)))
    return Report(record, types, parts)


def _about_hashes(proof: Proof) -> str:
    if proof.is_same:
        return f"hash: {(proof.hash or 'none')[:16]}, the same in both"
    ours, theirs = (proof.hash or "none")[:16], (proof.source_hash or "none")[:16]
    return f"hash: {ours} here, {theirs} there: {proof.why}"
