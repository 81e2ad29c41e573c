"""Metrics of captures and runs under way, read from what they write about themselves."""
