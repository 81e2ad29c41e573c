"""The bundled demonstration: a small real shop, its visitors, and the tour that takes both to a verdict."""
