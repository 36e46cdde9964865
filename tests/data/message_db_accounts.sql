-- Accounts of our own, written by Message DB's functions: psql -f message_db_accounts.sql, then pg_dump, makes message_db.sql.
SET search_path = message_store, public;
SELECT write_message('11111111-1111-4111-8111-111111111101', 'account:command-ada', 'Open', '{"name": "Adé", "limit": 12.50}',
                     '{"correlationStreamName": "signup-7", "userId": "ada"}');
SELECT write_message('11111111-1111-4111-8111-111111111102', 'account-ada', 'Opened', '{"name": "Adé", "limit": 12.50}',
                     '{"correlationStreamName": "signup-7", "causationMessageStreamName": "account:command-ada", "causationMessagePosition": 0}', -1);
SELECT write_message('11111111-1111-4111-8111-111111111103', 'account-ada', 'Deposited', '{"amount": 10}', NULL, 0);
SELECT write_message('11111111-1111-4111-8111-111111111104', 'account-bob+eve', 'Opened', '{}', NULL, -1);
SELECT write_message('11111111-1111-4111-8111-111111111105', 'account-ada', 'Closed', NULL, NULL, 1);
