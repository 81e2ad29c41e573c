"""The bundled shop: a small real service, its visitors, and the whole way on one machine."""
