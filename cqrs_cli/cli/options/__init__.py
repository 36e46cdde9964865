"""From options and payloads as they are typed to values of the domain's classes."""
