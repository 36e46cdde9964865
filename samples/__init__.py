"""Domains to read, run and copy from: `orders`, `inventory`, `users`, `retail`, for real data, and `lessons`."""
