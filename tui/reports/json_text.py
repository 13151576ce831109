"""JSON that is safe to look at in a terminal."""

from __future__ import annotations

import json
import re

UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Terminals obey C1 controls, and marks of direction turn the line round; JSON may hold both as they are."""


def written(shape: object) -> str:
    """`shape` as indented JSON with a last newline; what nobody could see is escaped, and means the same."""
    text = json.dumps(shape, ensure_ascii=False, indent=2, default=str)
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"
