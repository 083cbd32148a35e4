"""Plain text and links of a candidate's page: what is taken, how it is kept, how it is shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refused
from core.primary.page_rules import (
    LINK_LONGEST,
    LINKS_MOST,
    PARAGRAPHS_MOST,
    PROGRAMME_MOST,
    PageRefusal,
    clean_link,
    clean_links,
    clean_programme,
    paragraphs,
    shown_link,
)


def test_a_programme_becomes_paragraphs_without_blank_lines() -> None:
    kept = clean_programme("  Первое.\r\n\r\n\r\nВторое\tи   ещё. \n\n")
    assert kept == "Первое.\nВторое и ещё."
    assert paragraphs(kept) == ("Первое.", "Второе и ещё.")
    assert paragraphs(clean_programme(" \n\t\n")) == ()


def test_markup_is_kept_as_the_letters_it_is() -> None:
    text = "<script>alert(1)</script> **жирно** [сюда](javascript:x)"
    assert clean_programme(text) == text


def test_letters_that_nobody_sees_go() -> None:
    assert clean_programme("за\u202eпротив\u200b\x00\ufeff") == "запротив"


@given(st.text(max_size=300))
def test_a_kept_programme_is_kept_as_it_is(text: str) -> None:
    try:
        kept = clean_programme(text)
    except Refused:
        return
    assert clean_programme(kept) == kept
    assert not [
        letter
        for letter in kept
        if letter != "\n" and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Cn"}
    ]
    assert all(line and line == line.strip() for line in paragraphs(kept))


def test_everybody_has_the_same_room() -> None:
    assert len(clean_programme("а" * PROGRAMME_MOST)) == PROGRAMME_MOST
    with pytest.raises(Refused) as refused:
        clean_programme("а" * (PROGRAMME_MOST + 1))
    assert refused.value.code is PageRefusal.PROGRAMME_TOO_LONG
    with pytest.raises(Refused) as refused:
        clean_programme("а\n" * (PARAGRAPHS_MOST + 1))
    assert refused.value.code is PageRefusal.TOO_MANY_PARAGRAPHS
    with pytest.raises(Refused) as refused:
        clean_links([f"https://example.kz/{number}" for number in range(LINKS_MOST + 1)])
    assert refused.value.code is PageRefusal.TOO_MANY_LINKS


@pytest.mark.parametrize(
    ("raw", "kept", "host", "rest"),
    [
        ("https://example.kz", "https://example.kz", "example.kz", ""),
        (" HTTPS://Example.KZ/ ", "https://example.kz/", "example.kz", ""),
        ("https://example.kz:443/a?b=c#d", "https://example.kz/a?b=c#d", "example.kz", "/a?b=c#d"),
        (
            "https://example.kz/программа",
            "https://example.kz/%D0%BF%D1%80%D0%BE%D0%B3%D1%80%D0%B0%D0%BC%D0%BC%D0%B0",
            "example.kz",
            "/%D0%BF%D1%80%D0%BE%D0%B3%D1%80%D0%B0%D0%BC%D0%BC%D0%B0",
        ),
        ("https://үміткер.қаз/", "https://xn--e1ajfsh3jx0a.xn--80ao21a/", "үміткер.қаз", ""),
        ("https://example。kz", "https://example.kz", "example.kz", ""),
        # The Cyrillic а among Latin letters: shown as what it is.
        ("https://pаypal.com/", "https://xn--pypal-4ve.com/", "xn--pypal-4ve.com", ""),
    ],
)
def test_a_link_is_kept_in_one_spelling_and_its_host_is_seen(
    raw: str, kept: str, host: str, rest: str
) -> None:
    assert clean_link(raw) == kept
    assert clean_link(kept) == kept
    assert shown_link(kept) == (host, rest)


@pytest.mark.parametrize(
    "raw",
    [
        "http://example.kz",
        "example.kz",
        "//example.kz",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://example.kz:8443/",
        "https://example.kz:99999/",
        "https://committee.kz@example.kz/",
        "https://user:word@example.kz/",
        "https://example.kz\\@other.kz/",
        "https://exam ple.kz/",
        "https://example.kz/\nx",
        "https://example.kz/a\u202eb",
        "https://example..kz/",
        "https://-example.kz/",
        'https://example.kz/"onclick=x',
        "https://example.kz/<b>",
        "https://" + "а" * 70 + ".kz/",
    ],
)
def test_what_is_no_plain_https_address_is_no_link(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        clean_link(raw)
    assert refused.value.code is PageRefusal.LINK_INVALID


def test_a_link_has_an_end() -> None:
    with pytest.raises(Refused) as refused:
        clean_link("https://example.kz/" + "a" * LINK_LONGEST)
    assert refused.value.code is PageRefusal.LINK_TOO_LONG


def test_links_keep_their_order_and_none_stands_twice() -> None:
    given_links = ["https://b.kz", "", " ", "https://a.kz", "HTTPS://B.kz"]
    assert clean_links(given_links) == ("https://b.kz", "https://a.kz")


@given(st.text(max_size=60))
def test_whatever_is_given_as_a_link_is_refused_or_is_https_in_ascii(text: str) -> None:
    try:
        kept = clean_link(text)
    except Refused:
        return
    assert kept.startswith("https://")
    assert kept.isascii()
    assert clean_link(kept) == kept
