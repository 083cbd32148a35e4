"""Where in an answer the earlier mail begins: quoted text stands apart, and is never dropped. Pure."""

import re
from typing import Final

_MARKED: Final = re.compile(r"^\s{0,3}>")
_DIVIDER: Final = re.compile(
    r"^\s*[-_*=]{2,}\s*(?:original message|forwarded message|исходное сообщение|пересланное"
    r"|пересылаемое сообщение|исходное письмо|бастапқы хабар|қайта жіберілген|түпнұсқа хат)",
    re.IGNORECASE,
)
_WROTE: Final = re.compile(
    r"(?:(?:wrote|writes|пишет|писал|писала|написал|написала|написали|пишут|жазды|жазған)"
    r"(?:\s*\(а\))?\s*:?|<[^<>\s]+@[^<>\s]+>\s*:)\s*$",
    re.IGNORECASE,
)
_DATED: Final = re.compile(r"\b\d{1,2}[.:/ ]|\b(?:19|20)\d\d\b")
_FROM: Final = re.compile(r"^\s*\*?(?:from|от|от кого|кімнен|жіберуші)\s*:", re.IGNORECASE)
_MORE: Final = re.compile(
    r"^\s*\*?(?:sent|date|to|subject|отправлено|дата|кому|тема|жіберілді|күні|кімге|тақырып|тақырыбы)"
    r"\s*:",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"^\s*_{10,}\s*$")
_LONGEST_INTRODUCTION: Final = 4


def parted(text: str) -> tuple[str, str]:
    """The sender's own words, and what is quoted after them: together they are the whole text.

    A text that is nothing but a quotation has no own words; quotations that are answered between
    their lines stay where they are.
    """
    lines = text.split("\n")
    at = _begin(lines)
    return "\n".join(lines[:at]).rstrip(), "\n".join(lines[at:]).strip()


def _begin(lines: list[str]) -> int:
    for at, line in enumerate(lines):
        if _DIVIDER.match(line) or _is_outlook(lines, at):
            return at
        if _introduces(lines, at) and not _answers_after(lines, at):
            return at
        if _MARKED.match(line) and not _answers_after(lines, at):
            return at
    return len(lines)


def _is_outlook(lines: list[str], at: int) -> bool:
    """The block of headers that Outlook puts above, with its rule."""
    if _RULE.match(lines[at]):
        at += 1
        while at < len(lines) and not lines[at].strip():
            at += 1
    if at >= len(lines) or not _FROM.match(lines[at]):
        return False
    return sum(bool(_MORE.match(line)) for line in lines[at + 1 : at + 8]) >= 2


def _introduces(lines: list[str], at: int) -> bool:
    """« … wrote: » over at most a few lines, with a date or an address in it."""
    if not lines[at].strip():
        return False
    for end in range(at, min(at + _LONGEST_INTRODUCTION, len(lines))):
        if not lines[end].strip():
            return False
        joined = " ".join(lines[at : end + 1])
        if len(joined) > 400:
            return False
        if _WROTE.search(lines[end]) and (_DATED.search(joined) or "@" in joined):
            following = next((line for line in lines[end + 1 :] if line.strip()), "")
            return bool(_MARKED.match(following)) or "@" in joined or at == end
    return False


def _answers_after(lines: list[str], at: int) -> bool:
    """Whether the marked lines that begin here or next are followed by words of one's own."""
    seen = False
    for line in lines[at:]:
        if _MARKED.match(line):
            seen = True
        elif seen and line.strip():
            return True
    return False
