"""DOT: a graph for Graphviz."""

from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli.cli.printing.documents import Graph, Text
from cqrs_cli.cli.printing.formats import Format

_SHAPES = {"round": "ellipse"}


class DotFormat(Format):
    """A graph from left to right."""

    writes = (Graph,)

    def graph(self, document: Graph) -> int:
        lines = [f"digraph {document.name} {{", "  rankdir=LR;"]
        for name, node, parent in numbered(document.roots):
            shape = document.shape(node)
            text = document.label(node).replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'  {name} [label="{text}", shape={_SHAPES.get(shape, shape)}];')
            if parent is not None:
                lines.append(f"  {parent} -> {name}{' [style=dashed]' if document.is_dashed(node) else ''};")
        return self.text(Text("\n".join([*lines, "}"])))


def numbered(roots: Sequence[Any]) -> Iterator[tuple[str, Any, str | None]]:
    """Every node with a name, and that of the node above it, parents first."""
    number = 0
    stack: list[tuple[Any, str | None]] = [(root, None) for root in reversed(roots)]
    while stack:
        node, parent = stack.pop()
        number += 1
        yield f"n{number}", node, parent
        stack += [(child, f"n{number}") for child in reversed(node.children)]
