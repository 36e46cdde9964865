"""`cqrs init`."""
