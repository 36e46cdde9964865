-- A store on PostgreSQL, format 1: one schema a store, and nothing outside of it. docs/postgresql.md explains it.
-- {s}: the schema, quoted. {lock}, {waiting}: classes of advisory locks. {channel}: where commits are told of.
-- Every text has the collation "C": the order of names is the same on every server, that of code points.
-- Times of the log are integer microseconds since 1970 UTC; digests and hashes are 32 bytes of SHA-256.

CREATE TABLE {s}.cqrs_store (            -- facts about this store: format, created_at, durability
    name  text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE {s}.cqrs_checkpoints (      -- how far each projection has read: a row that changes with every append
    name     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE {s}.cqrs_definitions (      -- what its rows were made with; apart, for it is long and seldom changes
    name       text COLLATE "C" PRIMARY KEY,
    definition text NOT NULL
);

CREATE TABLE {s}.cqrs_read_models (      -- the table behind the view of each read model
    name     text COLLATE "C" PRIMARY KEY,
    relation text COLLATE "C" NOT NULL
);

CREATE TABLE {s}.commits (               -- one row a commit: what was sent, by whom, and its link of the chain
    first_position         bigint PRIMARY KEY,
    id                     text COLLATE "C" NOT NULL UNIQUE,
    event_count            integer NOT NULL,
    recorded_at            bigint NOT NULL,
    command_type           text COLLATE "C",
    command_schema_version integer,
    command_digest         bytea,
    command_data           text,         -- JSON, or NULL when it is not kept
    issued_at              bigint,
    correlation_id         text COLLATE "C",  -- NULL: the commit's own id
    causation_id           text COLLATE "C",
    user_id                text COLLATE "C",
    metadata               text,         -- a JSON object, or NULL
    hash                   bytea NOT NULL
);
CREATE INDEX commits_by_correlation ON {s}.commits (correlation_id) WHERE correlation_id IS NOT NULL;

CREATE TABLE {s}.events (
    position        bigint PRIMARY KEY,
    commit_position bigint NOT NULL,
    version         bigint NOT NULL,
    schema_version  integer NOT NULL,
    stream          text COLLATE "C" NOT NULL,
    type            text COLLATE "C" NOT NULL,
    data            text NOT NULL,       -- JSON, byte for byte as it was sent
    UNIQUE (stream, version)
);
CREATE INDEX events_streams ON {s}.events (stream) WHERE version = 1;  -- the list of streams

CREATE TABLE {s}.cqrs_event_types (      -- the types that the log has, to be told at once
    type text COLLATE "C" PRIMARY KEY
);

-- Append-only.

CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CQ009';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {s}.events
    FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {s}.commits
    FOR EACH STATEMENT EXECUTE FUNCTION {s}.refuse();
ALTER TABLE {s}.events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {s}.commits ENABLE ALWAYS TRIGGER append_only;

-- Appending. The functions run with the rights of the schema's owner, whatever the caller's settings are. Their plans
-- are kept for a session, from when the log was short: enable_seqscan = off, or it would be read from end to end for
-- each append of a session that began with an empty log.

CREATE FUNCTION {s}.guard() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'appends want READ COMMITTED, not %', current_setting('transaction_isolation')
            USING ERRCODE = 'CQ010';
    END IF;
    IF (SELECT value FROM {s}.cqrs_store WHERE name = 'durability') = 'relaxed' THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    ELSIF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
        PERFORM set_config('synchronous_commit', 'on', true);  -- on the function it would not hold at the commit
    END IF;
    PERFORM set_config('idle_in_transaction_session_timeout', '30s', true);  -- who died in a hook holds up nobody
END $$;

CREATE FUNCTION {s}.tell() RETURNS void LANGUAGE plpgsql AS $$
BEGIN  -- only if somebody waits: a NOTIFY makes all commits of the server queue
    IF NOT pg_try_advisory_xact_lock({waiting}, '{s}.events'::regclass::oid::int) THEN
        PERFORM pg_notify('{channel}', '');
    END IF;
END $$;

-- One commit in one round trip. A condition's version: -1 for a stream that exists at whatever version. p_now: the
-- clock of who asks, or NULL for the server's. p_before, p_links, p_after: what the hash covers besides positions in
-- time and stream, made by who asks before the lock is taken.
-- status: ok, duplicate (the id is in the log), conflict (at: which condition, actual: the version).
CREATE FUNCTION {s}.append(
    p_id text, p_streams text[], p_types text[], p_schema_versions int[], p_data text[], p_links text[],
    p_command_type text, p_command_version int, p_command_digest bytea, p_command_data text, p_issued_at bigint,
    p_correlation text, p_causation text, p_user text, p_metadata text, p_before text, p_after text,
    p_condition_streams text[], p_condition_versions bigint[], p_now bigint, p_patience text
) RETURNS TABLE (status text, first_position bigint, recorded_at bigint, versions bigint[], at int, actual bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    n int := cardinality(p_streams);
    v bigint;
    wanted bigint;
    v_locked boolean := false;
    v_head bigint;
    v_hash bytea;
    v_at bigint;
    v_versions bigint[];
    v_text text;
    v_commits bigint;
    v_events bigint;
BEGIN
    PERFORM {s}.guard();
    LOOP
        IF v_locked AND EXISTS (SELECT 1 FROM {s}.commits c WHERE c.id = p_id) THEN
            RETURN QUERY SELECT 'duplicate', 0::bigint, 0::bigint, NULL::bigint[], 0, 0::bigint;
            RETURN;
        END IF;
        FOR i IN 1 .. cardinality(p_condition_streams) LOOP
            SELECT coalesce(max(e.version), 0) INTO v FROM {s}.events e WHERE e.stream = p_condition_streams[i];
            wanted := p_condition_versions[i];
            -- Versions only grow: what is beyond is final, and losers don't queue for the lock.
            IF (CASE WHEN wanted = -1 THEN v_locked AND v = 0 ELSE v > wanted OR (v_locked AND v <> wanted) END) THEN
                RETURN QUERY SELECT CASE WHEN EXISTS (SELECT 1 FROM {s}.commits c WHERE c.id = p_id)
                    THEN 'duplicate' ELSE 'conflict' END, 0::bigint, 0::bigint, NULL::bigint[], i - 1, v;
                RETURN;
            END IF;
        END LOOP;
        EXIT WHEN v_locked;
        PERFORM set_config('lock_timeout', p_patience, true);
        PERFORM pg_advisory_xact_lock({lock}, '{s}.events'::regclass::oid::int);
        v_locked := true;
    END LOOP;

    SELECT c.first_position + c.event_count - 1, c.hash, c.recorded_at INTO v_head, v_hash, v_at
        FROM {s}.commits c ORDER BY c.first_position DESC LIMIT 1;
    v_head := coalesce(v_head, 0);
    v_hash := coalesce(v_hash, decode(repeat('00', 32), 'hex'));
    v_at := greatest(coalesce(v_at, 0), coalesce(p_now, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint));

    v_versions := ARRAY(
        SELECT b.base + row_number() OVER (PARTITION BY u.stream ORDER BY u.i)
        FROM unnest(p_streams) WITH ORDINALITY AS u(stream, i)
        JOIN (SELECT d.stream, coalesce((SELECT max(e.version) FROM {s}.events e WHERE e.stream = d.stream), 0) AS base
              FROM (SELECT DISTINCT unnest(p_streams) COLLATE "C" AS stream) d) b ON b.stream = u.stream
        ORDER BY u.i);

    SELECT '12:cqrs-chain-1,64:' || encode(v_hash, 'hex') || ',' || p_before || v_at || ',' || p_after
        || string_agg(octet_length(u.stream) || ':' || u.stream || ',' || u.version || ',' || u.link, '' ORDER BY u.i)
        INTO v_text FROM unnest(p_streams, v_versions, p_links) WITH ORDINALITY AS u(stream, version, link, i);
    INSERT INTO {s}.commits VALUES (
        v_head + 1, p_id, n, v_at, p_command_type, p_command_version, p_command_digest, p_command_data, p_issued_at,
        p_correlation, p_causation, p_user, p_metadata, sha256(convert_to(v_text, 'UTF8')));
    GET DIAGNOSTICS v_commits = ROW_COUNT;
    INSERT INTO {s}.events (position, commit_position, stream, version, type, schema_version, data)
        SELECT v_head + u.i, v_head + 1, u.stream, u.version, u.type, u.schema_version, u.data
        FROM unnest(p_streams, v_versions, p_types, p_schema_versions, p_data)
            WITH ORDINALITY AS u(stream, version, type, schema_version, data, i);
    GET DIAGNOSTICS v_events = ROW_COUNT;
    IF v_commits + v_events <> 1 + n THEN
        RAISE EXCEPTION 'a trigger or a rule left out rows of the log: of % there were written %',
            1 + n, v_commits + v_events USING ERRCODE = 'CQ012';
    END IF;
    PERFORM {s}.meet(p_types);
    PERFORM {s}.tell();
    RETURN QUERY SELECT 'ok', v_head + 1, v_at, v_versions, 0, 0::bigint;
END $$;

CREATE FUNCTION {s}.meet(p_types text[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN  -- under the lock of the append, so that nobody meets the same meanwhile
    INSERT INTO {s}.cqrs_event_types
        SELECT DISTINCT u.type COLLATE "C" FROM unnest(p_types) AS u(type)
        WHERE NOT EXISTS (SELECT 1 FROM {s}.cqrs_event_types t WHERE t.type = u.type);
END $$;

-- For many commits, and for those with a hook: the lock, and what appending must know of the log.
CREATE FUNCTION {s}.begin_append(p_streams text[], p_ids text[], p_patience text)
RETURNS TABLE (head bigint, hash bytea, recorded_at bigint, now_us bigint, versions bigint[], known text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    PERFORM {s}.guard();
    PERFORM set_config('lock_timeout', p_patience, true);
    PERFORM pg_advisory_xact_lock({lock}, '{s}.events'::regclass::oid::int);
    RETURN QUERY
        SELECT coalesce(l.head, 0), coalesce(l.hash, decode(repeat('00', 32), 'hex')), coalesce(l.recorded_at, 0),
               (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
               ARRAY(SELECT coalesce((SELECT max(e.version) FROM {s}.events e WHERE e.stream = u.stream), 0)
                     FROM unnest(p_streams) WITH ORDINALITY AS u(stream, i) ORDER BY u.i),
               ARRAY(SELECT c.id FROM {s}.commits c WHERE c.id = ANY (p_ids))
        FROM (SELECT 1) one LEFT JOIN LATERAL (
            SELECT c.first_position + c.event_count - 1 AS head, c.hash, c.recorded_at
            FROM {s}.commits c ORDER BY c.first_position DESC LIMIT 1) l ON true;
END $$;

-- What a batch has made of them. CQ011: the log is not where the batch begins.
CREATE FUNCTION {s}.write_commits(
    p_first bigint[], p_ids text[], p_counts int[], p_recorded_at bigint[], p_command_types text[],
    p_command_versions int[], p_command_digests bytea[], p_command_data text[], p_issued_at bigint[],
    p_correlations text[], p_causations text[], p_users text[], p_metadata text[], p_hashes bytea[],
    e_position bigint[], e_commit bigint[], e_streams text[], e_versions bigint[], e_types text[],
    e_schema_versions int[], e_data text[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    v_head bigint;
    v_commits bigint;
    v_events bigint;
BEGIN
    PERFORM {s}.guard();
    PERFORM pg_advisory_xact_lock({lock}, '{s}.events'::regclass::oid::int);
    SELECT coalesce(max(position), 0) INTO v_head FROM {s}.events;
    IF e_position[1] <> v_head + 1 OR p_first[1] <> v_head + 1 THEN
        RAISE EXCEPTION 'the log is at %, not before %', v_head, e_position[1] USING ERRCODE = 'CQ011';
    END IF;
    INSERT INTO {s}.commits SELECT * FROM unnest(
        p_first, p_ids, p_counts, p_recorded_at, p_command_types, p_command_versions, p_command_digests,
        p_command_data, p_issued_at, p_correlations, p_causations, p_users, p_metadata, p_hashes);
    GET DIAGNOSTICS v_commits = ROW_COUNT;
    INSERT INTO {s}.events (position, commit_position, stream, version, type, schema_version, data)
        SELECT * FROM unnest(e_position, e_commit, e_streams, e_versions, e_types, e_schema_versions, e_data);
    GET DIAGNOSTICS v_events = ROW_COUNT;
    IF v_commits + v_events <> cardinality(p_ids) + cardinality(e_position) THEN
        RAISE EXCEPTION 'a trigger or a rule left out rows of the log: of % there were written %',
            cardinality(p_ids) + cardinality(e_position), v_commits + v_events USING ERRCODE = 'CQ012';
    END IF;
    PERFORM {s}.meet(e_types);
    PERFORM {s}.tell();
END $$;

-- The locks on read models and reactions by their names, and what the store knows of them under these locks. A
-- transaction of rows keeps out others on the same names, and nobody who appends.
CREATE FUNCTION {s}.hold(p_names text[], p_patience text)
RETURNS TABLE (name text, relation text, checkpoint_position bigint, definition text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    held text;
BEGIN
    PERFORM set_config('lock_timeout', p_patience, true);
    FOR held IN SELECT DISTINCT u.name COLLATE "C" FROM unnest(p_names) AS u(name) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock('{s}.cqrs_checkpoints'::regclass::oid::int, hashtext(held));
    END LOOP;
    RETURN QUERY SELECT u.name, m.relation, c.position, coalesce(d.definition, '') FROM unnest(p_names) AS u(name)
        LEFT JOIN {s}.cqrs_read_models m ON m.name = u.name
        LEFT JOIN {s}.cqrs_checkpoints c ON c.name = u.name
        LEFT JOIN {s}.cqrs_definitions d ON d.name = u.name;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {s} FROM PUBLIC;

-- Views for people with psql, Metabase or any other tool. Nothing in cqrs reads them.

CREATE VIEW {s}.event_log AS
SELECT e.position, e.stream, e.version, e.type, e.schema_version, e.data::json AS data,
       c.id || ':' || (e.position - c.first_position + 1) AS event_id, c.id AS commit_id, c.command_type,
       coalesce(c.correlation_id, c.id) AS correlation_id, c.causation_id, c.user_id,
       timestamptz 'epoch' + c.recorded_at * interval '1 microsecond' AS recorded_at, c.metadata::json AS metadata,
       split_part(e.stream, '-', 1) AS category
FROM {s}.events e JOIN {s}.commits c ON c.first_position = e.commit_position;

CREATE VIEW {s}.stream_summary AS
SELECT f.stream, split_part(f.stream, '-', 1) AS category, l.version,
       timestamptz 'epoch' + fc.recorded_at * interval '1 microsecond' AS first_recorded_at,
       timestamptz 'epoch' + lc.recorded_at * interval '1 microsecond' AS last_recorded_at
FROM {s}.events f
CROSS JOIN LATERAL (
    SELECT e.version, e.commit_position FROM {s}.events e WHERE e.stream = f.stream ORDER BY e.version DESC LIMIT 1) l
JOIN {s}.commits fc ON fc.first_position = f.commit_position
JOIN {s}.commits lc ON lc.first_position = l.commit_position
WHERE f.version = 1;

CREATE VIEW {s}.projection_status AS
SELECT p.name AS projection, p.position, h.head, h.head - p.position AS lag, d.definition
FROM {s}.cqrs_checkpoints p
LEFT JOIN {s}.cqrs_definitions d ON d.name = p.name
CROSS JOIN (SELECT coalesce(max(position), 0) AS head FROM {s}.events) h;
