"""From a table of production's data to the same table under a capture's keyed map."""
