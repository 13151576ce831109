"""Everything that is said to PostgreSQL and heard from it."""
