"""Elements of HTML and SVG whose texts are made fit for a page; what writes the tree out escapes them."""

from __future__ import annotations

from xml.etree.ElementTree import Element  # nothing is parsed here

from modelver.domain.text import printable

_NO_CHARACTERS = {0xFFFE: "\\ufffe", 0xFFFF: "\\uffff"}  # XML has no way to write these two


def plain(text: str) -> str:
    """`text` on one line, of characters that XML and HTML allow.

    >>> plain("a\\nb\\uffff")
    'a\\\\nb\\\\uffff'
    """
    return printable(text).translate(_NO_CHARACTERS)


def element(tag: str, *children: Element | str | None, **attributes: str | float) -> Element:
    """An element; `class_` is the attribute class, `aria_label` is aria-label. A child that is None is left out.

    >>> from xml.etree.ElementTree import tostring
    >>> tostring(element("p", "a < b ", element("b", "c"), " d", class_="x"), encoding="unicode")
    '<p class="x">a &lt; b <b>c</b> d</p>'
    """
    names = {name: name.rstrip("_").replace("_", "-") for name in attributes}
    made = Element(tag, {names[name]: plain(str(value)) for name, value in attributes.items()})
    for child in children:
        if isinstance(child, str):
            _append(made, plain(child))
        elif child is not None:
            made.append(child)
    return made


def style(rules: str) -> Element:
    """A style sheet of ours."""
    made = Element("style")
    made.text = rules  # as it stands, with its line breaks
    return made


def _append(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
