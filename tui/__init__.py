"""What the operator sees and types, full screen and headless."""

__version__ = "0.1.0"
