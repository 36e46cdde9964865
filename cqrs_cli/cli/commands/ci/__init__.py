"""`cqrs ci`: all that is asked before a merge, at once."""
