"""given / when / then: a domain tried without a store."""
