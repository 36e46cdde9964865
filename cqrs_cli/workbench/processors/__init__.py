"""Whatever takes events along the log: one loop, and what it drives."""
