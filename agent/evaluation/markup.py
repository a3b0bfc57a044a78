"""Building HTML and SVG as a tree, so that every text in it is escaped by the serializer."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

__all__ = ["Element", "el", "html"]


def el(tag: str, *children: Element | str, **attributes: object) -> Element:
    """Return an element; `class_` and `stroke_width` stand for `class` and `stroke-width`."""
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    made = Element(tag, {names[key]: str(value) for key, value in attributes.items()})
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + child
        else:
            last.tail = (last.tail or "") + child
    return made


def html(root: Element) -> str:
    """Return a whole page as text."""
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"
