"""Reading a large JSON object an entry at a time: as Python's objects, a file takes five times its size."""

import json
import re
from collections.abc import Iterator
from typing import TextIO

from . import files
from .errors import InputError

CHUNK = 2**22  # characters that are read at a time
SPACE = re.compile(r"[ \t\n\r]*")
WORD = re.compile(r"[-+.\w]*")  # a number or a constant


def entries(path, key: str) -> Iterator[tuple[str, object]]:
    """The names and values of the object that stands under a key of a JSON file, in turn.

    Raises InputError, on what follows them too, where the file is missing, malformed or lacks that object.
    """
    with files.open_text(path) as file:
        text = Text(path, file)
        known = False
        if text.next() != "{":
            text.value()  # says what is wrong where it is no JSON
        else:
            for name in text.names():
                if name != key or text.next() != "{":
                    text.value()
                    continue
                known = True
                for entry in text.names():
                    yield entry, text.value()
        if text.next():
            raise text.malformed("Extra data")
        if not known:
            raise InputError(f'{path}: no "{key}" object; expected {{"{key}": {{...}}}}')


class Text:
    """The text of a JSON file from a place on, read as far as it is needed."""

    def __init__(self, path, file: TextIO):
        self.path, self.file = path, file
        self.decoder = files.json_decoder(path)
        self.text, self.place, self.line = "", 0, 1

    def more(self) -> bool:
        """Read on, and forget what has been read; False at the end of the file."""
        chunk = self.file.read(max(CHUNK, len(self.text) - self.place))
        if chunk:
            self.line += self.text.count("\n", 0, self.place)
            self.text, self.place = self.text[self.place :] + chunk, 0
        return bool(chunk)

    def next(self) -> str:
        """The next character that is no white space, empty at the end."""
        while True:
            self.place = SPACE.match(self.text, self.place).end()
            if self.place < len(self.text) or not self.more():
                return self.text[self.place : self.place + 1]

    def take(self, character: str, message: str) -> None:
        """Go past a character. Raises InputError where another one stands."""
        if self.next() != character:
            raise self.malformed(message)
        self.place += 1

    def value(self):
        """The value that stands next."""
        self.next()
        while WORD.match(self.text, self.place).end() == len(self.text) and self.more():
            pass  # digits may go on
        while True:
            try:
                value, self.place = self.decoder.raw_decode(self.text, self.place)
                return value
            except json.JSONDecodeError as error:
                if not self.more():
                    raise self.malformed(error.msg, error.lineno) from None
            except RecursionError:
                raise files.nested_too_deep(self.path) from None

    def names(self) -> Iterator[str]:
        """The names in the object that stands next; the value of each is to be read before the next one."""
        self.take("{", "Expecting value")
        seen = set()
        if self.next() == "}":
            self.place += 1
            return
        while True:
            if self.next() != '"':
                raise self.malformed("Expecting property name enclosed in double quotes")
            name = self.value()
            if name in seen:
                raise files.stands_twice(self.path, name)
            seen.add(name)
            self.take(":", "Expecting ':' delimiter")
            yield name
            if self.next() == "}":
                self.place += 1
                return
            self.take(",", "Expecting ',' delimiter")

    def malformed(self, message: str, line: int | None = None) -> InputError:
        """The error on what is no JSON; line: within the text, None for the place at hand."""
        if line is None:
            line = 1 + self.text.count("\n", 0, self.place)
        return files.not_json(self.path, self.line + line - 1, message)
