"""Dress Rehearsal: from production's traffic to a plan, and the command line."""

__version__ = "0.1.0"
