"""`python -m benchmarks http`: `cqrs serve` under load, with followers, and on a long log."""
