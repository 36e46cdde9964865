CREATE SCHEMA message_store;
CREATE TABLE message_store.messages (
    global_position bigint NOT NULL,
    "position" bigint NOT NULL,
    "time" timestamp without time zone DEFAULT (now() AT TIME ZONE 'utc'::text) NOT NULL,
    stream_name text NOT NULL,
    type text NOT NULL,
    data jsonb,
    metadata jsonb,
    id uuid DEFAULT gen_random_uuid() NOT NULL
);
CREATE SEQUENCE message_store.messages_global_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE message_store.messages_global_position_seq OWNED BY message_store.messages.global_position;
ALTER TABLE ONLY message_store.messages ALTER COLUMN global_position SET DEFAULT nextval('message_store.messages_global_position_seq'::regclass);
INSERT INTO message_store.messages VALUES (1, 0, '2026-11-26 22:22:56.17171', 'account:command-ada', 'Open', '{"name": "Adé", "limit": 12.50}', '{"userId": "ada", "correlationStreamName": "signup-7"}', '11111111-1111-4111-8111-111111111101');
INSERT INTO message_store.messages VALUES (2, 0, '2026-11-26 22:22:56.186605', 'account-ada', 'Opened', '{"name": "Adé", "limit": 12.50}', '{"correlationStreamName": "signup-7", "causationMessagePosition": 0, "causationMessageStreamName": "account:command-ada"}', '11111111-1111-4111-8111-111111111102');
INSERT INTO message_store.messages VALUES (3, 1, '2026-11-26 22:22:56.187477', 'account-ada', 'Deposited', '{"amount": 10}', NULL, '11111111-1111-4111-8111-111111111103');
INSERT INTO message_store.messages VALUES (4, 0, '2026-11-26 22:22:56.187871', 'account-bob+eve', 'Opened', '{}', NULL, '11111111-1111-4111-8111-111111111104');
INSERT INTO message_store.messages VALUES (5, 2, '2026-11-26 22:22:56.192622', 'account-ada', 'Closed', NULL, NULL, '11111111-1111-4111-8111-111111111105');
SELECT pg_catalog.setval('message_store.messages_global_position_seq', 5, true);
ALTER TABLE ONLY message_store.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (global_position);
CREATE UNIQUE INDEX messages_id ON message_store.messages USING btree (id);
CREATE UNIQUE INDEX messages_stream ON message_store.messages USING btree (stream_name, "position");
