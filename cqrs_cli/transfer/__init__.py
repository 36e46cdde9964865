"""Logs that are copied: a store into another, with times, ids and the chain as they were."""
