"""What needs a store and no domain: points in the log, traces, what waits and what was given up."""
