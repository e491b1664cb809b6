"""Sandboxes for tests of kinds and checks over real sockets."""

from tests.end_to_end.conftest import rig, rigs

__all__ = ["rig", "rigs"]
