CREATE SEQUENCE public.emt_global_message_position
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.emt_messages (
    stream_position bigint NOT NULL,
    global_position bigint DEFAULT nextval('public.emt_global_message_position'::regclass),
    transaction_id xid8 NOT NULL,
    created timestamp with time zone DEFAULT now() NOT NULL,
    is_archived boolean DEFAULT false NOT NULL,
    message_kind character varying(1) DEFAULT 'E'::character varying NOT NULL,
    stream_id text NOT NULL,
    partition text DEFAULT 'emt:default'::text NOT NULL,
    message_schema_version text NOT NULL,
    message_id text NOT NULL,
    message_type text NOT NULL,
    message_data jsonb NOT NULL,
    message_metadata jsonb NOT NULL
)
PARTITION BY LIST (partition);
CREATE TABLE public.emt_messages_emt_default (
    stream_position bigint CONSTRAINT emt_messages_stream_position_not_null NOT NULL,
    global_position bigint DEFAULT nextval('public.emt_global_message_position'::regclass),
    transaction_id xid8 CONSTRAINT emt_messages_transaction_id_not_null NOT NULL,
    created timestamp with time zone DEFAULT now() CONSTRAINT emt_messages_created_not_null NOT NULL,
    is_archived boolean DEFAULT false CONSTRAINT emt_messages_is_archived_not_null NOT NULL,
    message_kind character varying(1) DEFAULT 'E'::character varying CONSTRAINT emt_messages_message_kind_not_null NOT NULL,
    stream_id text CONSTRAINT emt_messages_stream_id_not_null NOT NULL,
    partition text DEFAULT 'emt:default'::text CONSTRAINT emt_messages_partition_not_null NOT NULL,
    message_schema_version text CONSTRAINT emt_messages_message_schema_version_not_null NOT NULL,
    message_id text CONSTRAINT emt_messages_message_id_not_null NOT NULL,
    message_type text CONSTRAINT emt_messages_message_type_not_null NOT NULL,
    message_data jsonb CONSTRAINT emt_messages_message_data_not_null NOT NULL,
    message_metadata jsonb CONSTRAINT emt_messages_message_metadata_not_null NOT NULL
)
PARTITION BY LIST (is_archived);
CREATE TABLE public.emt_messages_emt_default_active (
    stream_position bigint CONSTRAINT emt_messages_stream_position_not_null NOT NULL,
    global_position bigint DEFAULT nextval('public.emt_global_message_position'::regclass),
    transaction_id xid8 CONSTRAINT emt_messages_transaction_id_not_null NOT NULL,
    created timestamp with time zone DEFAULT now() CONSTRAINT emt_messages_created_not_null NOT NULL,
    is_archived boolean DEFAULT false CONSTRAINT emt_messages_is_archived_not_null NOT NULL,
    message_kind character varying(1) DEFAULT 'E'::character varying CONSTRAINT emt_messages_message_kind_not_null NOT NULL,
    stream_id text CONSTRAINT emt_messages_stream_id_not_null NOT NULL,
    partition text DEFAULT 'emt:default'::text CONSTRAINT emt_messages_partition_not_null NOT NULL,
    message_schema_version text CONSTRAINT emt_messages_message_schema_version_not_null NOT NULL,
    message_id text CONSTRAINT emt_messages_message_id_not_null NOT NULL,
    message_type text CONSTRAINT emt_messages_message_type_not_null NOT NULL,
    message_data jsonb CONSTRAINT emt_messages_message_data_not_null NOT NULL,
    message_metadata jsonb CONSTRAINT emt_messages_message_metadata_not_null NOT NULL
);
CREATE TABLE public.emt_messages_emt_default_archived (
    stream_position bigint CONSTRAINT emt_messages_stream_position_not_null NOT NULL,
    global_position bigint DEFAULT nextval('public.emt_global_message_position'::regclass),
    transaction_id xid8 CONSTRAINT emt_messages_transaction_id_not_null NOT NULL,
    created timestamp with time zone DEFAULT now() CONSTRAINT emt_messages_created_not_null NOT NULL,
    is_archived boolean DEFAULT false CONSTRAINT emt_messages_is_archived_not_null NOT NULL,
    message_kind character varying(1) DEFAULT 'E'::character varying CONSTRAINT emt_messages_message_kind_not_null NOT NULL,
    stream_id text CONSTRAINT emt_messages_stream_id_not_null NOT NULL,
    partition text DEFAULT 'emt:default'::text CONSTRAINT emt_messages_partition_not_null NOT NULL,
    message_schema_version text CONSTRAINT emt_messages_message_schema_version_not_null NOT NULL,
    message_id text CONSTRAINT emt_messages_message_id_not_null NOT NULL,
    message_type text CONSTRAINT emt_messages_message_type_not_null NOT NULL,
    message_data jsonb CONSTRAINT emt_messages_message_data_not_null NOT NULL,
    message_metadata jsonb CONSTRAINT emt_messages_message_metadata_not_null NOT NULL
);
ALTER TABLE ONLY public.emt_messages ATTACH PARTITION public.emt_messages_emt_default FOR VALUES IN ('emt:default');
ALTER TABLE ONLY public.emt_messages_emt_default ATTACH PARTITION public.emt_messages_emt_default_active FOR VALUES IN (false);
ALTER TABLE ONLY public.emt_messages_emt_default ATTACH PARTITION public.emt_messages_emt_default_archived FOR VALUES IN (true);
INSERT INTO public.emt_messages_emt_default_active VALUES (1, 1, '779', '2026-11-26 22:16:19.646469+00', false, 'E', 'shopping_cart-1', 'emt:default', '1', 'd60bee92-bfb7-43a8-bd73-31b5daa85067', 'ProductItemAdded', '{"productItem": {"price": 1.5, "quantity": 2, "productId": "pen"}}', '{"clientId": "ada", "causationId": "click-7", "correlationId": "story-1"}');
INSERT INTO public.emt_messages_emt_default_active VALUES (2, 2, '779', '2026-11-26 22:16:19.646469+00', false, 'E', 'shopping_cart-1', 'emt:default', '1', 'd442e00d-417e-44d4-bf4a-95d1ca121b05', 'DiscountApplied', '{"at": "1970-01-01T00:00:00.000Z", "big": "12345678901234567890", "percent": 10}', '{}');
INSERT INTO public.emt_messages_emt_default_active VALUES (1, 3, '780', '2026-11-26 22:16:19.653828+00', false, 'E', 'shopping_cart-2', 'emt:default', '1', '959e1bbb-380b-49cb-a24a-2ea7ef4d96a5', 'ProductItemAdded', '{"productItem": {"price": 3, "quantity": 1, "productId": "é/ü"}}', '{}');
INSERT INTO public.emt_messages_emt_default_active VALUES (1, 4, '781', '2026-11-26 22:16:19.656567+00', false, 'E', 'shopping_cart/Ada:3', 'emt:default', '1', 'e82ac9a2-b956-4568-9fd8-4f3e1b15788e', 'ProductItemAdded', '{"productItem": {"price": 3.25, "quantity": 1, "productId": "cup"}}', '{}');
INSERT INTO public.emt_messages_emt_default_active VALUES (3, 5, '782', '2026-11-26 22:16:19.658603+00', false, 'E', 'shopping_cart-1', 'emt:default', '1', 'b4589cb5-97bf-4dd8-8b19-7a22f68624e9', 'ShoppingCartConfirmed', '{"by": null, "items": [1, 2]}', '{}');
SELECT pg_catalog.setval('public.emt_global_message_position', 5, true);
ALTER TABLE ONLY public.emt_messages
    ADD CONSTRAINT emt_messages_pkey PRIMARY KEY (stream_id, stream_position, partition, is_archived);
ALTER TABLE ONLY public.emt_messages_emt_default
    ADD CONSTRAINT emt_messages_emt_default_pkey PRIMARY KEY (stream_id, stream_position, partition, is_archived);
ALTER TABLE ONLY public.emt_messages_emt_default_active
    ADD CONSTRAINT emt_messages_emt_default_active_pkey PRIMARY KEY (stream_id, stream_position, partition, is_archived);
ALTER TABLE ONLY public.emt_messages_emt_default_archived
    ADD CONSTRAINT emt_messages_emt_default_archived_pkey PRIMARY KEY (stream_id, stream_position, partition, is_archived);
ALTER INDEX public.emt_messages_emt_default_pkey ATTACH PARTITION public.emt_messages_emt_default_active_pkey;
ALTER INDEX public.emt_messages_emt_default_pkey ATTACH PARTITION public.emt_messages_emt_default_archived_pkey;
ALTER INDEX public.emt_messages_pkey ATTACH PARTITION public.emt_messages_emt_default_pkey;
