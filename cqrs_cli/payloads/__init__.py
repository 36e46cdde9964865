"""JSON that comes from outside, read strictly and made into commands, queries and conditions: for every face."""
