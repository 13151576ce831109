"""Where a profile's database is, in the words of its file."""

from __future__ import annotations

from profiles.model import Profile


def place_of(profile: Profile) -> str:
    """Host, port and database as the file says them: `db.example.com:5432/sales`; nothing is looked up."""
    said = profile.connection
    if said.get("service"):
        place = f"service {said['service']}"
    else:
        place = said.get("host") or said.get("hostaddr") or "default host"
        if said.get("port"):
            place += f":{said['port']}"
    return f"{place}/{said['dbname']}" if said.get("dbname") else place
