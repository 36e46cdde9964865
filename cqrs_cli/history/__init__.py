"""Looking back: what a history says beyond its last state."""
