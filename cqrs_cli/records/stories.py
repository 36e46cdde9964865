"""The records of what led to what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from cqrs_cli.jsonable import RawJson
from cqrs_cli.records.letters import dropped
from cqrs_cli.records.shape import Record, time_of
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.log.trace import Node


def trace(root: Node) -> Record:
    """A root of a trace, with all that it led to under `children`."""
    return {**node_record(root), "children": RawJson(_children(root, node_record))}


def story(root: Node) -> Record:
    """The same, and of each node when it was recorded and for whom; null for what is not in the log."""
    return {**_signed(root), "children": RawJson(_children(root, _signed))}


def _signed(node: Node) -> Record:
    return node_record(node) | {"recorded_at": time_of(node.recorded_us), "user_id": node.user_id}


def node_record(node: Node) -> Record:
    """One node of a trace, without what it led to."""
    record = {"id": node.id, "kind": node.kind, "name": node.name, "position": node.position, "stream": node.stream}
    if node.due_us is not None:
        record["due_at"] = rfc3339(node.due_us)
    return record if node.letter is None else record | dropped(node.letter)


def _children(root: Node, told: Callable[[Node], Record]) -> str:
    """The JSON of a node's children; written by hand, as a story may be longer than an encoder is deep."""
    from cqrs_cli.log.trace import walk

    out, open_at = ["["], 0
    first = True
    for node, depth, _ in walk(root.children):
        if depth < open_at:
            out.append("]}" * (open_at - depth))
        if not first and depth <= open_at:
            out.append("]},")
        out.append(json.dumps(told(node), ensure_ascii=False, separators=(",", ":"))[:-1] + ',"children":[')
        open_at, first = depth, False
    out.append("" if first else "]}" * (open_at + 1))
    out.append("]")
    return "".join(out)
