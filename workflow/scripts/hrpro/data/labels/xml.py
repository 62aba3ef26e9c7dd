"""XML read without what can be misused: no document type, so no entities; every element knows its line."""

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from ...utils import files
from ...utils.errors import InputError
from .label import require_size


class Element:
    """An element: tag, attributes, children, its own text, and the line that it starts on."""

    def __init__(self, tag: str, attributes: dict[str, str], line: int):
        self.tag, self.attributes, self.line = tag, attributes, line
        self.children: list[Element] = []
        self.text = ""

    def all(self, tag: str) -> Iterator["Element"]:
        """The children of a tag."""
        return (child for child in self.children if child.tag == tag)

    def first(self, *tags: str) -> "Element | None":
        """The first child, grandchild and so on by a path of tags; None where there is none."""
        element = self
        for tag in tags:
            element = next(element.all(tag), None)
            if element is None:
                return None
        return element


def parse(path: Path) -> Element:
    """The root of an XML file. Raises InputError where it is malformed or declares a document type."""
    require_size(path)
    files.require_regular(path)
    root = Element("", {}, 0)
    open_elements = [root]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(tag, attributes, parser.CurrentLineNumber)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(tag: str) -> None:
        open_elements.pop()

    def text(data: str) -> None:
        open_elements[-1].text += data

    def refuse(*declaration) -> None:
        line = parser.CurrentLineNumber
        raise InputError(
            f"{path}: line {line}: a document type is declared, which can hide harm and no tool writes here; "
            "remove it"
        )

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: of its encoding
        line = getattr(error, "lineno", 1)
        reason = expat.errors.messages.get(getattr(error, "code", 0), str(error))
        raise InputError(f"{path}: line {line}: not valid XML ({reason}); export it anew") from None
    return root.children[0]
