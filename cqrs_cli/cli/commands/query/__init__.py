"""`cqrs query`."""
