"""Domains to read, run and copy from: `orders`, the classic, `inventory`, `users`, and `retail`, for real data."""
