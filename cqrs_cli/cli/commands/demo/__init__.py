"""`cqrs demo`."""
