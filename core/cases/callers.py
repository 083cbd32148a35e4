"""A caller's number in one spelling, so that earlier contacts are found however it is typed."""

import phonenumbers


def number_key(raw: str) -> str | None:
    """E.164 of a number that can exist, read as Kazakhstan's when it has no country; else None.

    Callers use landlines and foreign numbers too: nothing more is asked of them.
    """
    try:
        parsed = phonenumbers.parse(raw[:40], "KZ")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
