"""`cqrs run`."""
