"""What a deck saw, in a file: written while it watches, played and reported on later, without a server."""
