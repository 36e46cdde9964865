"""`cqrs watch`, and its parts."""
