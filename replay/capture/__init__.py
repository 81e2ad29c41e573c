"""From live traffic to clean segments on disk."""
