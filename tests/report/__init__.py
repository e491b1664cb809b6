"""Screens, documents and progress, from values alone."""
