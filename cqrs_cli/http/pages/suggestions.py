"""What may be meant: keys of the streams that last changed, none that are hidden."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from cqrs_cli.http.pages.site import Site
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

SUGGESTED, LOOKED_AT = 20, 300


def stream_shown(site: Site, bench: Workbench, name: str | None) -> str:
    """The name of a stream, without what is hidden."""
    told: str = site.plain(bench, {"stream": name or ""})["stream"]
    return told


def suggested(site: Site, bench: Workbench, category: str) -> Iterator[str]:
    """Keys of the streams of a category that last changed; none that are hidden."""
    kind = bench.domain.aggregates[category]
    events = bench.store.scan(Selection(category=category, backwards=True, limit=LOOKED_AT))
    for stream in islice(dict.fromkeys(event.stream for event in events), SUGGESTED):
        named = {kind.key[0]: str(kind.key_of(stream)[0])}
        if site.plain(bench, named) == named and stream_shown(site, bench, stream) == stream:
            yield named[kind.key[0]]
