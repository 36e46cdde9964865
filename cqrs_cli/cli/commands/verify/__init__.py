"""`cqrs verify` and its parts."""
