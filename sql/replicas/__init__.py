"""Replicas: who streams, how far behind, and the way to the primary."""
