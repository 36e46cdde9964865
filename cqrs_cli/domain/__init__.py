"""What a user writes: messages, aggregates, projections, queries, reactions, and the domain that joins them."""
