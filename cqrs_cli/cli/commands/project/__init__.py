"""`cqrs project`."""
