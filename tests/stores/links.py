"""The link of the hash chain that a recorded commit must have."""

from hashlib import sha256

from cqrs_cli.stores import chain
from cqrs_cli.stores.commits import RecordedCommit


def link_of(previous: bytes, commit: RecordedCommit) -> bytes:
    """The hash after `previous`."""
    events = [(e.stream, e.version, e.type, e.schema_version, sha256(e.data).hexdigest()) for e in commit.events]
    return chain.link(
        previous,
        commit.id,
        commit.recorded_us,
        commit.command,
        commit.correlation_id,
        commit.causation_id,
        commit.user_id,
        commit.metadata_json,
        events,
    )
