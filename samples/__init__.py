"""Domains to read, run and copy from: `orders`, the classic, and `retail`, for real data."""
