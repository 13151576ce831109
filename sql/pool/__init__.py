"""Connections: limits, who holds them, PgBouncer, when a replica is worth it."""
