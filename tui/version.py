"""Which pgdeck this is."""

from profiles.version import version as version
