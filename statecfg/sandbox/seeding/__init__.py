"""Deterministic worlds: a company that is about to go live, made from three numbers or from its own export."""
