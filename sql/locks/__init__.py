"""Who waits for whose locks."""
