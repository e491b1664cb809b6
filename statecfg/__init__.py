"""Desired state for going live with Dynamics 365 Project Operations."""

__version__ = "0.1.0"
