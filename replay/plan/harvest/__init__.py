"""Rows of a pool from staging's own answers: where they stand, what is asked for them, and the tables they make."""
