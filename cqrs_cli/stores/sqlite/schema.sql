-- The tables of a cqrs store since format 1; the operational ones are in operational.sql. docs/format.md explains them.
-- Times are integer microseconds since 1970 UTC; digests and hashes are 32 bytes of SHA-256.

CREATE TABLE cqrs_store (            -- facts about this file: format, created_at, durability
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cqrs_checkpoints (      -- how far each projection has read
    name        TEXT NOT NULL PRIMARY KEY,
    position    INTEGER NOT NULL,
    definition  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    category TEXT NOT NULL GENERATED ALWAYS AS (substr(name, 1, instr(name || '-', '-') - 1)) VIRTUAL
) STRICT;

CREATE TABLE event_types (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE commits (               -- one row a commit: what was sent, by whom, and its link of the chain
    first_position         INTEGER PRIMARY KEY,
    id                     TEXT NOT NULL UNIQUE,
    event_count            INTEGER NOT NULL,
    recorded_at            INTEGER NOT NULL,
    command_type           TEXT,
    command_schema_version INTEGER,
    command_digest         BLOB,
    command_data           TEXT,     -- JSON, or NULL when it is not kept
    issued_at              INTEGER,
    correlation_id         TEXT,     -- NULL: the commit's own id
    causation_id           TEXT,
    user_id                TEXT,
    metadata               TEXT,     -- a JSON object, or NULL
    hash                   BLOB NOT NULL
) STRICT;

CREATE INDEX commits_by_correlation ON commits (correlation_id) WHERE correlation_id IS NOT NULL;

CREATE TABLE events (
    position        INTEGER PRIMARY KEY,
    commit_position INTEGER NOT NULL REFERENCES commits (first_position),
    stream_id       INTEGER NOT NULL REFERENCES streams (id),
    version         INTEGER NOT NULL,
    type_id         INTEGER NOT NULL REFERENCES event_types (id),
    schema_version  INTEGER NOT NULL,
    data            TEXT NOT NULL,   -- JSON, byte for byte as it was sent
    UNIQUE (stream_id, version)
) STRICT;

-- Append-only. The INSERT triggers are there because INSERT OR REPLACE removes a row without
-- firing DELETE triggers (unless recursive_triggers is on).

CREATE TRIGGER events_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER events_insert BEFORE INSERT ON events
WHEN NEW.position <= (SELECT coalesce(max(position), 0) FROM events)
  OR EXISTS (SELECT 1 FROM events WHERE stream_id = NEW.stream_id AND version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER commits_update BEFORE UPDATE ON commits BEGIN SELECT RAISE(ABORT, 'commits are append-only'); END;
CREATE TRIGGER commits_delete BEFORE DELETE ON commits BEGIN SELECT RAISE(ABORT, 'commits are append-only'); END;
CREATE TRIGGER commits_insert BEFORE INSERT ON commits
WHEN NEW.first_position <= (SELECT coalesce(max(first_position), 0) FROM commits)
  OR EXISTS (SELECT 1 FROM commits WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'commits are append-only'); END;

CREATE TRIGGER streams_update BEFORE UPDATE ON streams BEGIN SELECT RAISE(ABORT, 'streams are append-only'); END;
CREATE TRIGGER streams_delete BEFORE DELETE ON streams BEGIN SELECT RAISE(ABORT, 'streams are append-only'); END;
CREATE TRIGGER streams_insert BEFORE INSERT ON streams
WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM streams) OR EXISTS (SELECT 1 FROM streams WHERE name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'streams are append-only'); END;

CREATE TRIGGER event_types_update BEFORE UPDATE ON event_types BEGIN SELECT RAISE(ABORT, 'event_types are append-only'); END;
CREATE TRIGGER event_types_delete BEFORE DELETE ON event_types BEGIN SELECT RAISE(ABORT, 'event_types are append-only'); END;
CREATE TRIGGER event_types_insert BEFORE INSERT ON event_types
WHEN NEW.id <= (SELECT coalesce(max(id), 0) FROM event_types) OR EXISTS (SELECT 1 FROM event_types WHERE name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'event_types are append-only'); END;

-- Views for people with sqlite3, Datasette or DuckDB. Nothing in cqrs reads them.

CREATE VIEW event_log AS
SELECT e.position, s.name AS stream, e.version, t.name AS type, e.schema_version, e.data,
       c.id || ':' || (e.position - c.first_position + 1) AS event_id,
       c.id AS commit_id, c.command_type, coalesce(c.correlation_id, c.id) AS correlation_id, c.causation_id, c.user_id,
       strftime('%Y-%m-%dT%H:%M:%S', c.recorded_at / 1000000, 'unixepoch')
           || printf('.%06dZ', c.recorded_at % 1000000) AS recorded_at,
       c.metadata
FROM events e
JOIN commits c ON c.first_position = e.commit_position
JOIN streams s ON s.id = e.stream_id
JOIN event_types t ON t.id = e.type_id;

CREATE VIEW stream_summary AS
SELECT s.name AS stream, s.category,
       (SELECT max(version) FROM events WHERE stream_id = s.id) AS version,
       (SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version LIMIT 1)) AS first_recorded_at,
       (SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version DESC LIMIT 1)) AS last_recorded_at
FROM streams s;

CREATE VIEW projection_status AS
SELECT p.name AS projection, p.position, h.head, h.head - p.position AS lag, p.definition
FROM cqrs_checkpoints p, (SELECT coalesce(max(position), 0) AS head FROM events) h;
