"""States of streams, also of long ones: folded a part at a time, and nothing of it twice."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from cqrs_cli.domain.fold import State
from cqrs_cli.errors import NotFound
from cqrs_cli.history.folds import DomainFolds, Folds
from cqrs_cli.history.generic import GenericFolds
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.workbench import Workbench

BUDGET = 0.5
"""Seconds that one request may fold events nobody looks at; who wants more goes on from there."""
_PART = 2_000
_WORTH = 1_000
"""Events that must lie between two states that are kept: below, folding them is as quick."""
_KEPT = 12


def folds_for(bench: Workbench, stream: str, rules: Mapping[str, Any]) -> Folds:
    """What folds a stream: its aggregate; of a stream that is no aggregate's the generic fold, by these rules."""
    try:
        bench.domain.aggregate_of(stream)
    except NotFound:
        return GenericFolds(bench.store, rules)
    return DomainFolds(bench)


class States:
    """States on the way through long streams, those that were asked for last; several threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], State[Any]] = OrderedDict()

    def towards(self, folds: Folds, stream: str, version: int, most: int | None = None) -> State[Any]:
        """The state at a version (0: before the first event), or as far on the way as there was time for.

        most: a version after it that will do as well, where a snapshot saves a long way. The state is the caller's own.
        Raises what folding does.
        """
        fold = folds.kind_of(stream).fold
        begun = self._nearest(folds, stream, version, version if most is None else most)
        state = begun._replace(state=fold.copy(begun.state))
        end = time.perf_counter() + BUDGET
        while state.version < version:
            limit, before = min(_PART, version - state.version), state.version
            state = fold.over(state, folds.store.scan(Selection(stream, after=state.position, limit=limit)))
            if state.version == before or time.perf_counter() > end:
                break
        if state.version - begun.version >= _WORTH:
            self._keep(state._replace(state=fold.copy(state.state)))
        return state

    def _nearest(self, folds: Folds, stream: str, version: int, most: int) -> State[Any]:
        """The latest state that is known and not after the version; of a snapshot, if that is far, up to `most`."""
        with self._lock:
            known = [state for (name, at), state in self._kept.items() if name == stream and at <= version]
        nearest = max(known, key=lambda state: state.version, default=folds.kind_of(stream).fold.empty(stream))
        if isinstance(folds, DomainFolds) and version - nearest.version >= _WORTH:
            snapshots = folds.bench.snapshots
            snapshot = snapshots.start(snapshots.fold_of(stream), stream)
            if snapshot is not None and nearest.version < snapshot.version <= most:
                return snapshot
        return nearest

    def _keep(self, state: State[Any]) -> None:
        with self._lock:
            self._kept[state.stream, state.version] = state
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
