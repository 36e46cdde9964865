-- Operational tables: records of cqrs itself, a paragraph a table, with its indexes. docs/format.md explains the columns.

CREATE TABLE {s}.cqrs_stops (
    projection text COLLATE "C" NOT NULL,
    position   bigint NOT NULL,
    stream     text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    error      text COLLATE "C" NOT NULL,
    stopped_us bigint NOT NULL,
    PRIMARY KEY (projection)
);

CREATE TABLE {s}.cqrs_skips (
    projection text COLLATE "C" NOT NULL,
    position   bigint NOT NULL,
    skipped_by text COLLATE "C" NOT NULL,
    skipped_us bigint NOT NULL,
    reason     text COLLATE "C" NOT NULL,
    PRIMARY KEY (projection, position)
);

CREATE TABLE {s}.cqrs_outbox (
    slot           text COLLATE "C" NOT NULL,
    reaction       text COLLATE "C" NOT NULL,
    event_id       text COLLATE "C" NOT NULL,
    number         bigint NOT NULL,
    attempt        bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_us    bigint NOT NULL,
    process        text COLLATE "C" NOT NULL,
    clause         text COLLATE "C" NOT NULL,
    deadline       text COLLATE "C",
    due_us         bigint NOT NULL,
    command        text COLLATE "C" NOT NULL,
    schema_version bigint NOT NULL,
    data           text COLLATE "C" NOT NULL,
    correlation_id text COLLATE "C" NOT NULL,
    user_id        text COLLATE "C",
    metadata       text COLLATE "C" NOT NULL,
    PRIMARY KEY (reaction, process, slot)
);
CREATE INDEX cqrs_outbox_due ON {s}.cqrs_outbox (reaction, due_us, position, number);
CREATE INDEX cqrs_outbox_by_correlation ON {s}.cqrs_outbox (correlation_id);

CREATE TABLE {s}.cqrs_dead_letters (
    reaction        text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    number          bigint NOT NULL,
    attempt         bigint NOT NULL,
    position        bigint NOT NULL,
    recorded_us     bigint NOT NULL,
    process         text COLLATE "C" NOT NULL,
    clause          text COLLATE "C" NOT NULL,
    deadline        text COLLATE "C",
    due_us          bigint NOT NULL,
    command         text COLLATE "C" NOT NULL,
    schema_version  bigint NOT NULL,
    data            text COLLATE "C" NOT NULL,
    correlation_id  text COLLATE "C" NOT NULL,
    user_id         text COLLATE "C",
    metadata        text COLLATE "C" NOT NULL,
    command_id      text COLLATE "C" NOT NULL,
    code            text COLLATE "C" NOT NULL,
    reason          text COLLATE "C" NOT NULL,
    failed_us       bigint NOT NULL,
    dropped_us      bigint,
    dropped_by      text COLLATE "C",
    dropped_because text COLLATE "C",
    PRIMARY KEY (reaction, event_id, number, attempt)
);
CREATE INDEX cqrs_dead_letters_by_command ON {s}.cqrs_dead_letters (command_id);
CREATE INDEX cqrs_dead_letters_by_correlation ON {s}.cqrs_dead_letters (correlation_id);

CREATE TABLE {s}.cqrs_snapshots (
    stream            text COLLATE "C" NOT NULL,
    version           bigint NOT NULL,
    position          bigint NOT NULL,
    aggregate_version bigint NOT NULL,
    fingerprint       text COLLATE "C" NOT NULL,
    state             json NOT NULL,
    taken_us          bigint NOT NULL,
    PRIMARY KEY (stream)
);

CREATE TABLE {s}.cqrs_origins (
    source          text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    source_position bigint NOT NULL,
    source_hash     text COLLATE "C",
    position        bigint NOT NULL,
    taken_us        bigint NOT NULL,
    PRIMARY KEY (source)
);

CREATE TABLE {s}.cqrs_rejections (
    command_id     text COLLATE "C" NOT NULL,
    command        text COLLATE "C" NOT NULL,
    schema_version bigint NOT NULL,
    data           text COLLATE "C" NOT NULL,
    issued_us      bigint NOT NULL,
    user_id        text COLLATE "C",
    correlation_id text COLLATE "C" NOT NULL,
    causation_id   text COLLATE "C",
    metadata       text COLLATE "C",
    stream         text COLLATE "C" NOT NULL,
    version        bigint NOT NULL,
    position       bigint NOT NULL,
    code           text COLLATE "C" NOT NULL,
    reason         text COLLATE "C" NOT NULL,
    rejected_us    bigint NOT NULL,
    PRIMARY KEY (command_id)
);
CREATE INDEX cqrs_rejections_by_time ON {s}.cqrs_rejections (rejected_us);
