-- Operational tables, since format 2 (cqrs_origins: 3, cqrs_rejections: 4): a paragraph a table, with its indexes. docs/format.md explains the columns.
-- Format 1 made a table when it was first needed; one that is there stays as it is, whatever its indexes are called.
-- The mark is that of all tables that are written by `stores.rows.Rows`.

CREATE TABLE cqrs_stops /* made by cqrs */ (
    projection TEXT NOT NULL PRIMARY KEY,
    position   INTEGER NOT NULL,
    stream     TEXT NOT NULL,
    type       TEXT NOT NULL,
    code       TEXT NOT NULL,
    error      TEXT NOT NULL,
    stopped_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cqrs_skips /* made by cqrs */ (
    projection TEXT NOT NULL,
    position   INTEGER NOT NULL,
    skipped_by TEXT NOT NULL,
    skipped_us INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (projection, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE cqrs_outbox /* made by cqrs */ (
    slot           TEXT NOT NULL,
    reaction       TEXT NOT NULL,
    event_id       TEXT NOT NULL,
    number         INTEGER NOT NULL,
    attempt        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    recorded_us    INTEGER NOT NULL,
    process        TEXT NOT NULL,
    clause         TEXT NOT NULL,
    deadline       TEXT,
    due_us         INTEGER NOT NULL,
    command        TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data           TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    user_id        TEXT,
    metadata       TEXT NOT NULL,
    PRIMARY KEY (reaction, process, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX cqrs_outbox_by_due ON cqrs_outbox (reaction, due_us, position, number);
CREATE INDEX cqrs_outbox_by_correlation ON cqrs_outbox (correlation_id);

CREATE TABLE cqrs_dead_letters /* made by cqrs */ (
    reaction        TEXT NOT NULL,
    event_id        TEXT NOT NULL,
    number          INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    recorded_us     INTEGER NOT NULL,
    process         TEXT NOT NULL,
    clause          TEXT NOT NULL,
    deadline        TEXT,
    due_us          INTEGER NOT NULL,
    command         TEXT NOT NULL,
    schema_version  INTEGER NOT NULL,
    data            TEXT NOT NULL,
    correlation_id  TEXT NOT NULL,
    user_id         TEXT,
    metadata        TEXT NOT NULL,
    command_id      TEXT NOT NULL,
    code            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    failed_us       INTEGER NOT NULL,
    dropped_us      INTEGER,
    dropped_by      TEXT,
    dropped_because TEXT,
    PRIMARY KEY (reaction, event_id, number, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX cqrs_dead_letters_by_command ON cqrs_dead_letters (command_id);
CREATE INDEX cqrs_dead_letters_by_correlation ON cqrs_dead_letters (correlation_id);

CREATE TABLE cqrs_snapshots /* made by cqrs */ (
    stream            TEXT NOT NULL PRIMARY KEY,
    version           INTEGER NOT NULL,
    position          INTEGER NOT NULL,
    aggregate_version INTEGER NOT NULL,
    fingerprint       TEXT NOT NULL,
    state             TEXT NOT NULL,
    taken_us          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cqrs_origins /* made by cqrs */ (
    source          TEXT NOT NULL PRIMARY KEY,
    kind            TEXT NOT NULL,
    source_position INTEGER NOT NULL,
    source_hash     TEXT,
    position        INTEGER NOT NULL,
    taken_us        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cqrs_rejections /* made by cqrs */ (
    command_id     TEXT NOT NULL PRIMARY KEY,
    command        TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    data           TEXT NOT NULL,
    issued_us      INTEGER NOT NULL,
    user_id        TEXT,
    correlation_id TEXT NOT NULL,
    causation_id   TEXT,
    metadata       TEXT,
    stream         TEXT NOT NULL,
    version        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    code           TEXT NOT NULL,
    reason         TEXT NOT NULL,
    rejected_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cqrs_rejections_by_time ON cqrs_rejections (rejected_us);
