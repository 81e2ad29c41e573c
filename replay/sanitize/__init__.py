"""From a raw exchange to a clean one: deny by default, one keyed map for every place."""
