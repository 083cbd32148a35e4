"""What a candidate's page may hold: paragraphs of plain text and a few links. Pure.

Equal room for all is the rule: the same most characters, paragraphs and links for everybody.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import quote, urlsplit

from core.errors import Refused

PROGRAMME_MOST: Final = 4000  # characters in one language, paragraph breaks included
PARAGRAPHS_MOST: Final = 40
LINKS_MOST: Final = 5
LINK_LONGEST: Final = 200

_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_NEVER_IN_A_LINK: Final = re.compile(r"[\s\\<>\"'`{}|^]")
_KEPT_IN_A_PATH: Final = "/%:@!$&()*+,;=~-._?"


class PageRefusal(StrEnum):
    """Why a candidate's page was not changed."""

    PROGRAMME_TOO_LONG = "programme_too_long"
    TOO_MANY_PARAGRAPHS = "too_many_paragraphs"
    TOO_MANY_LINKS = "too_many_links"
    LINK_INVALID = "link_invalid"
    LINK_TOO_LONG = "link_too_long"
    PHOTO_TOO_LARGE = "photo_too_large"
    PHOTO_TOO_SMALL = "photo_too_small"
    PHOTO_UNREADABLE = "photo_unreadable"
    NO_PHOTO = "no_photo"
    PAGE_UNCHANGED = "page_unchanged"


def clean_programme(text: str) -> str:
    """A programme as it is kept: paragraphs parted by one line break, no blank at their ends.

    Characters that are not seen (controls, marks that turn the direction of writing, joiners) go:
    they can make a text read otherwise than it is written. Refused beyond the room for all.
    """
    composed = unicodedata.normalize("NFC", text)
    lines = ("".join(map(_seen, line)).split() for line in composed.splitlines())
    kept = [" ".join(line) for line in lines if line]
    if len(kept) > PARAGRAPHS_MOST:
        raise Refused(PageRefusal.TOO_MANY_PARAGRAPHS, most=PARAGRAPHS_MOST, given=len(kept))
    programme = "\n".join(kept)
    if len(programme) > PROGRAMME_MOST:
        raise Refused(PageRefusal.PROGRAMME_TOO_LONG, most=PROGRAMME_MOST, given=len(programme))
    return programme


def _seen(letter: str) -> str:
    if letter == "\t":
        return " "
    return "" if unicodedata.category(letter).startswith("C") else letter


def paragraphs(programme: str) -> tuple[str, ...]:
    """The paragraphs of a kept programme."""
    return tuple(programme.split("\n")) if programme else ()


def clean_links(given: Sequence[str]) -> tuple[str, ...]:
    """Links as they are kept, in the order given; empty ones and repetitions go."""
    links = tuple(dict.fromkeys(clean_link(raw) for raw in given if raw.strip()))
    if len(links) > LINKS_MOST:
        raise Refused(PageRefusal.TOO_MANY_LINKS, most=LINKS_MOST, given=len(links))
    return links


def clean_link(raw: str) -> str:
    """An ``https://`` address of a named site, in ASCII: no password, no port, no bare number.

    What the reader sees of it is `shown_link`: the host is never hidden behind other words.
    """
    raw = unicodedata.normalize("NFC", raw.strip())
    if _NEVER_IN_A_LINK.search(raw) or any(not _seen(letter) for letter in raw):
        raise Refused(PageRefusal.LINK_INVALID)
    try:
        parts = urlsplit(raw)
        host = (parts.hostname or "").encode("idna").decode().rstrip(".")
        port = parts.port
    except ValueError:  # UnicodeError, which an impossible host raises, is one
        raise Refused(PageRefusal.LINK_INVALID) from None
    named = parts.scheme == "https" and "@" not in parts.netloc and port in {None, 443}
    if not named or not _HOST.fullmatch(host) or _is_number(host):
        raise Refused(PageRefusal.LINK_INVALID)
    link = f"https://{host}{quote(parts.path, safe=_KEPT_IN_A_PATH)}"
    if parts.query:
        link += f"?{quote(parts.query, safe=_KEPT_IN_A_PATH)}"
    if parts.fragment:
        link += f"#{quote(parts.fragment, safe=_KEPT_IN_A_PATH)}"
    if len(link) > LINK_LONGEST:
        raise Refused(PageRefusal.LINK_TOO_LONG, most=LINK_LONGEST)
    return link


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def shown_link(link: str) -> tuple[str, str]:
    """A kept link as it is shown: its host, and the path behind it.

    A host of Cyrillic letters alone (``.қаз``, ``.рф``) is shown in them; one that mixes alphabets
    could pass for another, so it stands in ASCII.
    """
    parts = urlsplit(link)
    host = parts.netloc
    try:
        spelled = host.encode().decode("idna")
    except UnicodeError:
        spelled = host
    letters = [letter for letter in spelled if letter.isalpha()]
    if all(unicodedata.name(letter, "").startswith("CYRILLIC") for letter in letters):
        host = spelled
    rest = link[len("https://") + len(parts.netloc) :]
    return host, "" if rest == "/" else rest
