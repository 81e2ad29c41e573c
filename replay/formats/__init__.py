"""One file a format: from foreign recordings to raw exchanges, and back from clean ones."""
