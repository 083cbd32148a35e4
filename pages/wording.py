"""How the staff screens say things: foreign text made safe, refusals as sentences, choices."""

import re
from typing import Final

import streamlit as st

from core import places
from core.errors import Refused
from core.i18n import _, current_locale, refusal_text

# Everything Streamlit's Markdown gives a meaning to, its directives (:red[…], :material/…:) and
# mathematics included: an image in a complaint would fetch a stranger's address and betray us.
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$:&^=])")


def plain(text: str) -> str:
    """``text`` with every Markdown character escaped, on one line: for labels and headings."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def capital(words: str) -> str:
    """``words`` as they begin a line."""
    return words[:1].upper() + words[1:]


def show_refusal(refused: Refused) -> None:
    """The sentence of a refusal, where the person is looking."""
    st.error(plain(refusal_text(refused)))


def place_choices(*, with_centre: bool = False) -> dict[str | None, str]:
    """Every place by code with the name a person types to find it: district, then its region."""
    locale = current_locale()
    choices: dict[str | None, str] = {None: _("Centre")} if with_centre else {}
    for unit in places.all_places():
        own = unit.names[locale]
        choices[unit.code] = f"{own}, {places.name(unit.parent)}" if unit.parent else own
    return choices
