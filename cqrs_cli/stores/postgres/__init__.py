"""The store on a PostgreSQL server: a schema of a database. It wants the extra `postgres`."""
