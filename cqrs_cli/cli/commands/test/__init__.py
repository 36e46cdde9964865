"""`cqrs test` and its parts."""
