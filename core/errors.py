"""The one exception with which core refuses an act."""

from enum import StrEnum


class Refused(Exception):
    """An act that must not happen: raising it rolls the whole unit of work back.

    ``code`` is a member of a subject's refusal enum (its sentence stands in the locale files under
    ``EnumName.value``), ``facts`` are the values its sentence names. A refusal that must be
    remembered, such as a rejected vote, is a returned value instead, never this exception.
    """

    def __init__(self, code: StrEnum, /, **facts: object) -> None:
        super().__init__(str(code))
        self.code = code
        self.facts = facts
