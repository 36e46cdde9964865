"""What the code of an aggregate's fold comes down to: two that differ may fold the same events differently.

Not everything that can change a fold is in there (`code_digest` says what is), so equal digests prove nothing: only
`version=` says that snapshots count, and a digest that differs says that they don't.
"""

from __future__ import annotations

import hashlib
import json

from cqrs_cli.domain.aggregate import AggregateType
from cqrs_cli.domain.code_digest import code_digest, event_code

_FORMAT = 2  # of snapshots and of this digest


def fingerprint(aggregate: AggregateType) -> str:
    """32 hexadecimal digits. The same in every process that runs the same code on the same Python."""
    clauses = [clause.function for clause in aggregate.evolvers.values()]
    decides = [clause.function for clause in aggregate.deciders.values()]
    said = [
        _FORMAT,
        aggregate.key,
        code_digest([aggregate.cls, *clauses, *event_code(aggregate.evolvers)], but=decides),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
