"""Invariants: what must not change from the window's baseline on. One file each."""
