"""Figures for docs/performance.md: `python -m benchmarks`. Nothing here is a test."""
