"""Preconditions: what must hold before, and at fences while, something is written. One file each."""
