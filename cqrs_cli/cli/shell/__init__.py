"""The shell itself: the root, its commands as objects, a run's session, errors to exit codes, completion."""
