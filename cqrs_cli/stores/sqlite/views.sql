-- The views for people with sqlite3, Datasette or DuckDB, in the place of those of earlier versions: every column has its
-- type, which an expression has not by itself. A store gets them when it is made, or with its first write. Nothing in cqrs
-- reads them. DuckDB runs a view by its own rules, and takes all columns for texts where it can't: so there is nothing in
-- them that it has not, such as strftime on numbers, and a whole division is one of what can be divided.

CREATE VIEW event_log AS
SELECT e.position, s.name AS stream, e.version, t.name AS type, e.schema_version, e.data,
       CAST(c.id || ':' || (e.position - c.first_position + 1) AS TEXT) AS event_id,
       c.id AS commit_id, c.command_type, CAST(coalesce(c.correlation_id, c.id) AS TEXT) AS correlation_id,
       c.causation_id, c.user_id, CAST(c.day || c.time AS TEXT) AS recorded_at, c.metadata,
       CAST(substr(s.name, 1, instr(s.name || '-', '-') - 1) AS TEXT) AS category
FROM events e
JOIN (  -- the calendar of Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms"
    SELECT m.*, printf('%04d-%02d-%02dT', 100 * century + (part >> 32) + CASE WHEN doy >= 306 THEN 1 ELSE 0 END,
                       (n3 >> 16) - CASE WHEN doy >= 306 THEN 12 ELSE 0 END, (((n3 & 65535) * 31345) >> 26) + 1) AS day,
           printf('%02d:%02d:%02d.%06dZ', CAST((us - us % 3600000000) / 3600000000 AS BIGINT),
                  CAST((us - us % 60000000) / 60000000 AS BIGINT) % 60,
                  CAST((us - us % 1000000) / 1000000 AS BIGINT) % 60, us % 1000000) AS time
    FROM (SELECT l.*, 2141 * doy + 197913 AS n3
        FROM (SELECT k.*, CAST(((part & 4294967295) - (part & 4294967295) % 11758980) / 11758980 AS BIGINT) AS doy
            FROM (SELECT j.*, 2939745 * ((n1 % 146097) | 3) AS part, (n1 * 15051803) >> 41 AS century
                FROM (SELECT i.*, 4 * (CAST((since - us) / 86400000000 AS BIGINT) + 306) + 3 AS n1
                    FROM (SELECT *, recorded_at + 62135596800000000 AS since,
                                 (recorded_at + 62135596800000000) % 86400000000 AS us FROM commits) i) j) k) l) m
) c ON c.first_position = e.commit_position
JOIN streams s ON s.id = e.stream_id
JOIN event_types t ON t.id = e.type_id;

CREATE VIEW stream_summary AS
SELECT s.name AS stream, CAST(substr(s.name, 1, instr(s.name || '-', '-') - 1) AS TEXT) AS category,
       CAST((SELECT max(version) FROM events WHERE stream_id = s.id) AS BIGINT) AS version,
       CAST((SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version LIMIT 1)) AS TEXT) AS first_recorded_at,
       CAST((SELECT recorded_at FROM event_log l WHERE l.position =
           (SELECT position FROM events WHERE stream_id = s.id ORDER BY version DESC LIMIT 1)) AS TEXT) AS last_recorded_at
FROM streams s;

CREATE VIEW projection_status AS
SELECT p.name AS projection, p.position, CAST(h.head AS BIGINT) AS head,
       CAST(h.head - p.position AS BIGINT) AS lag, p.definition
FROM cqrs_checkpoints p, (SELECT coalesce(max(position), 0) AS head FROM events) h;
