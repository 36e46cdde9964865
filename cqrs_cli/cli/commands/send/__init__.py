"""`cqrs send`."""
