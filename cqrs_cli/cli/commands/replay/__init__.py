"""`cqrs replay`."""
