"""Random TOML documents, written together with the line on which each key stands."""

from __future__ import annotations

from random import Random

from profiles.toml_lines import KeyPath

KEYS = (
    ("plain", "plain"),
    ("dash-ed_1", "dash-ed_1"),
    ("42", "42"),
    ('"with.dot"', "with.dot"),
    ('"a\\"b\\\\"', 'a"b\\'),
    ("'[lit] # = eral'", "[lit] # = eral"),
    ('"\\u00fc \\t"', "ü \t"),
    ('""', ""),
)
ONE_LINE = (
    "1",
    "-17_000",
    "6.5e-3",
    "inf",
    "true",
    "1979-05-27T07:32:00Z",
    "1979-05-27 07:32:00.5",
    "07:32:00",
    '""',
    '"] # = { [ \\" \\\\"',
    "''",
    "'C:\\ # ] }'",
    '"""one " two "" three \\""""',
    '""""quoted""""',
    "'''it''s'''",
    '"""ends in quotes"""""',
)
MANY_LINES = (
    '"""\nfirst # no comment\n[no.header]\nno = "pair"\n"""',
    '"""\\\n   folded \\\n\n   over"""',
    "'''\n'one' ''two'' \\\n]\n'''",
    '"""a\n""b"\n\\"""\n"""',
)
BLANKS = ("", " ", "\t", "  ")
GAPS = ("", "\n", "# [comment] = 'x'\n", '  \t# """\n\n')


class Document:
    """Writes itself as it draws lots; `lines` is what a reader must find."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._text: list[str] = []
        self.lines: dict[KeyPath, int] = {}
        self._pairs((), 3)
        for number in range(self._random.randrange(6)):
            self._section(f"t{number}")

    @property
    def text(self) -> str:
        """The document."""
        return "".join(self._text)

    def _section(self, name: str) -> None:
        kind = self._random.randrange(4)
        if kind == 0:
            self._header(f"[{name}]", (name,))
        elif kind == 1:
            for position in range(1 + self._random.randrange(3)):
                self.lines.setdefault((name,), self._next_line())
                self._header(f"[[{name}]]", (name, position))
                if self._random.random() < 0.5:
                    self.lines[(name, position, "sub")] = self._next_line()
                    self._header(f"[ {name} . sub ]", (name, position, "sub"))
                if self._random.random() < 0.3:
                    for inner in range(2):
                        self.lines.setdefault((name, position, "deep"), self._next_line())
                        self._header(f"[[{name}.deep]]", (name, position, "deep", inner))
        elif kind == 2:
            self.lines[(name,)] = self.lines[(name, "x.y")] = self._next_line()
            self._header(f'[{name}."x.y".z]', (name, "x.y", "z"))
        else:
            self.lines[(name,)] = self._next_line()
            self._header(f"[{name}.late]", (name, "late"))
            self._header(f"[{name}]", (name,))

    def _header(self, header: str, path: KeyPath) -> None:
        self._write(self._random.choice(BLANKS))
        self.lines[path] = self._next_line()
        self._write(header + self._random.choice((" # comment\n", "\n")))
        self._pairs(path, 4)

    def _pairs(self, base: KeyPath, most: int) -> None:
        written = self._random.sample(KEYS, self._random.randrange(most))
        for key, name in written:
            self._write(self._random.choice(GAPS) + self._random.choice(BLANKS))
            path = (*base, name)
            self.lines[path] = self._next_line()
            if self._random.random() < 0.2:
                key, path = f"{key} . dotted", (*path, "dotted")
                self.lines[path] = self._next_line()
            self._write(f"{key}{self._random.choice(BLANKS)}={self._random.choice(BLANKS)}")
            self._value(path, 2)
            self._write(self._random.choice((" # comment\n", "\n")))
        self._write(self._random.choice(GAPS))

    def _value(self, path: KeyPath, depth: int, inline: bool = False) -> None:
        kind = self._random.random()
        if kind < 0.25 and depth:
            self._array(path, depth - 1)
        elif kind < 0.45 and depth:
            self._inline_table(path, depth - 1)
        elif kind < 0.6:
            self._write(self._random.choice(MANY_LINES))
        else:
            self._write(self._random.choice(ONE_LINE))

    def _array(self, path: KeyPath, depth: int) -> None:
        self._write("[")
        count = self._random.randrange(4)
        for position in range(count):
            self._write(self._random.choice((*GAPS, " ")))
            self.lines[(*path, position)] = self._next_line()
            self._value((*path, position), depth)
            if position < count - 1 or self._random.random() < 0.5:
                self._write(self._random.choice((",", " ,", "\n,", ", # ]\n")))
        self._write(self._random.choice(("]", "\n]")))

    def _inline_table(self, path: KeyPath, depth: int) -> None:
        self._write("{")
        for number, (key, name) in enumerate(self._random.sample(KEYS, self._random.randrange(3))):
            self._write(", " if number else " ")
            self.lines[(*path, name)] = self._next_line()
            self._write(f"{key} = ")
            self._value((*path, name), depth)
        self._write(" }")

    def _write(self, text: str) -> None:
        self._text.append(text)

    def _next_line(self) -> int:
        return self.text.count("\n") + 1
