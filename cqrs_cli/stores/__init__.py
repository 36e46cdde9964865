"""Stores: the contract, its values, and the stores that keep it."""
