"""A run over several hosts: the one port that a master opens, who may come in, and what passes through it."""
