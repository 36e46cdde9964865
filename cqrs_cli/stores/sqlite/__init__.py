"""The SQLite store: one file, one writer at a time, read by anybody."""
