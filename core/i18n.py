"""Words and figures in Russian, Kazakh and English.

Sentences are gettext messages whose identifier is the English sentence; enum members and refusal
codes are found under ``EnumName.value``. The catalogues are the ``.po`` files themselves: one
domain a subject, all merged, so that no compiled file can be out of date.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum, StrEnum
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from typing import Final, Protocol

from babel.dates import format_date as babel_date
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from core.settings import ROOT, settings

LOCALES: Final = ("ru", "kk", "en")
DEFAULT: Final = "ru"
LOCALE_DIR: Final = ROOT / "data" / "locale"
NO_BREAK_SPACE: Final = "\u00a0"

_locale: ContextVar[str] = ContextVar("locale", default=DEFAULT)


class HasCode(Protocol):
    """A refusal as this module sees it: a code and the facts of its sentence."""

    code: StrEnum
    facts: dict[str, object]


def known_locale(locale: str | None) -> str:
    """``locale`` if it is one of ours, else the default: never trust a client's word for it."""
    return locale if locale in LOCALES else DEFAULT


def current_locale() -> str:
    """The locale of the running request or script."""
    return _locale.get()


def set_locale(locale: str) -> None:
    """Use ``locale`` until the running context (request, script run) ends."""
    _locale.set(known_locale(locale))


@contextmanager
def use_locale(locale: str) -> Iterator[None]:
    """Use ``locale`` inside the block."""
    token = _locale.set(known_locale(locale))
    try:
        yield
    finally:
        _locale.reset(token)


@cache
def catalogue(locale: str) -> Catalog:
    """All domains of one locale merged; ``ValueError`` if two domains translate one message apart."""
    merged = Catalog(locale=locale)
    for path in sorted((LOCALE_DIR / locale).glob("*.po")):
        with path.open("rb") as file:
            domain = read_po(file, locale=locale)
        for message in domain:
            if not message.id or not message.string:
                continue
            known = merged.get(message.id, message.context)
            if known is not None and known.string != message.string:
                raise ValueError(f"{locale}: two translations of {message.id!r} ({path.name})")
            merged[message.id] = message
    return merged


@cache
def _translations(locale: str) -> GNUTranslations:
    compiled = BytesIO()
    write_mo(compiled, catalogue(locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


def _(message: str, /, **facts: object) -> str:
    """The sentence ``message`` (English) in the current locale, with ``{facts}`` filled in."""
    text = _translations(_locale.get()).gettext(message)
    return text.format(**facts) if facts else text


def n_(singular: str, plural: str, count: int, /, **facts: object) -> str:
    """The sentence in the plural form that ``count`` asks for; ``{count}`` is written grouped."""
    text = _translations(_locale.get()).ngettext(singular, plural, count)
    return text.format(count=format_number(count), **facts)


def term(member: Enum) -> str:
    """The word of the field for an enum member; ``KeyError`` when the locale files lack it."""
    key = f"{type(member).__name__}.{member.value}"
    text = _translations(_locale.get()).gettext(key)
    if text == key:
        raise KeyError(f"no text for {key} in {_locale.get()}")
    return text


def refusal_text(refused: HasCode) -> str:
    """The sentence that tells a person what was refused and what to do."""
    return sentence(refused.code, refused.facts)


def sentence(member: Enum, facts: Mapping[str, object]) -> str:
    """The text of an enum member with its facts, written for people."""
    return term(member).format_map(_Facts(facts))


class _Facts(dict[str, object]):
    """Facts written for people: instants in the zone of the primary, numbers grouped."""

    def __init__(self, facts: Mapping[str, object]) -> None:
        super().__init__({name: _shown(value) for name, value in facts.items()})

    def __missing__(self, key: str) -> str:
        return "…"


def _shown(value: object) -> object:
    by_kind: tuple[tuple[type, Callable[..., str]], ...] = (
        (datetime, format_datetime),
        (date, format_date),
        (timedelta, format_duration),
        (bool, str),
        (int, format_number),
        (Enum, term),
    )
    for kind, show in by_kind:
        if isinstance(value, kind):
            return show(value)
    return value


def format_number(number: int | float, digits: int = 0) -> str:
    """``12345.6`` as the locale writes it: thousands by a no-break space in Russian and Kazakh."""
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    text = format_decimal(number, pattern, locale=_locale.get())
    return text.replace("\u202f", NO_BREAK_SPACE)


def format_percent(share: float, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage."""
    sign = "%" if _locale.get() == "en" else NO_BREAK_SPACE + "%"
    return format_number(share * 100, digits) + sign


def _in_zone(instant: datetime, zone: tzinfo | None) -> datetime:
    return instant.astimezone(zone or settings().zone)


def format_datetime(instant: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """``05.10.2020 00:00`` in ``zone`` (default: the installation's)."""
    return _in_zone(instant, zone).strftime("%d.%m.%Y %H:%M:%S" if seconds else "%d.%m.%Y %H:%M")


def format_date(day: date | datetime, zone: tzinfo | None = None) -> str:
    """``05.10.2020``; an instant is taken in ``zone`` first."""
    return (_in_zone(day, zone) if isinstance(day, datetime) else day).strftime("%d.%m.%Y")


def format_weekday(day: date) -> str:
    """``monday`` in the words of the locale."""
    return babel_date(day, "EEEE", locale=_locale.get())


def format_time(instant: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """``00:00`` in ``zone`` (default: the installation's)."""
    return _in_zone(instant, zone).strftime("%H:%M:%S" if seconds else "%H:%M")


def format_duration(span: timedelta) -> str:
    """The two largest units of a span: ``2 d 4 h``, ``35 min``; a negative one as its size."""
    minutes = int(abs(span).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return _("{days} d {hours} h", days=format_number(days), hours=hours)
    if hours:
        return _("{hours} h {minutes} min", hours=hours, minutes=rest)
    return _("{minutes} min", minutes=rest)
