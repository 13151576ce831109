"""`python -m tui.keys`: the README's table."""

from tui.keys import markdown_table

print(markdown_table(), end="")  # noqa: T201
