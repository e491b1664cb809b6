"""Frozen values and protocols: the words every other part of statecfg speaks. Standard library only."""
