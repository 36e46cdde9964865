"""What is known to be wrong with a domain before it is at work: by itself, its lock, and a log."""
