"""Which database, who may touch it, and what it must have. Knows nothing of SQL or screens."""
