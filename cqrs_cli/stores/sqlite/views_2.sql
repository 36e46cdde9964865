-- The views of stores that earlier code of format 2 made or upgraded: to be known, and replaced.

CREATE VIEW event_log AS
SELECT e.position, s.name AS stream, e.version, t.name AS type, e.schema_version, e.data,
       CAST(c.id || ':' || (e.position - c.first_position + 1) AS TEXT) AS event_id,
       c.id AS commit_id, c.command_type, CAST(coalesce(c.correlation_id, c.id) AS TEXT) AS correlation_id,
       c.causation_id, c.user_id,
       CAST(strftime('%Y-%m-%dT%H:%M:%S', c.recorded_at / 1000000, 'unixepoch')
           || printf('.%06dZ', c.recorded_at % 1000000) AS TEXT) AS recorded_at,
       c.metadata, s.category
FROM events e
JOIN commits c ON c.first_position = e.commit_position
JOIN streams s ON s.id = e.stream_id
JOIN event_types t ON t.id = e.type_id;

CREATE VIEW stream_summary AS
SELECT s.name AS stream, s.category,
       CAST((SELECT max(version) FROM events WHERE stream_id = s.id) AS INTEGER) AS version,
       CAST((SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version LIMIT 1)) AS TEXT) AS first_recorded_at,
       CAST((SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version DESC LIMIT 1)) AS TEXT) AS last_recorded_at
FROM streams s;

CREATE VIEW projection_status AS
SELECT p.name AS projection, p.position, CAST(h.head AS INTEGER) AS head,
       CAST(h.head - p.position AS INTEGER) AS lag, p.definition
FROM cqrs_checkpoints p, (SELECT coalesce(max(position), 0) AS head FROM events) h;
