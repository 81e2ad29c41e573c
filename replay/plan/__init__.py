"""From clean exchanges to a schedule of prepared requests."""
