"""Two listeners of one installation: neither serves anything of the other."""

import urllib.error
import urllib.request

from tests.browser.conftest import OpenVisit


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as fault:
        return fault.code


def test_neither_listener_serves_what_the_other_does(
    public_url: str, staff_url: str, visit: OpenVisit
) -> None:
    for path in ("/_stcore/health", "/_stcore/host-config", "/media/x", "/metrics", "/cases"):
        assert _status(public_url + path) == 404, path
    for path in ("/api/v1/primary", "/api/v1/openapi.json", "/ru/vote", "/static/x/sealing.js"):
        assert _status(staff_url + path) != 200 or _is_the_staff_shell(staff_url + path), path
    seen = visit()
    seen.page.goto(staff_url)
    seen.page.locator("input[type=password]").first.wait_for()
    seen.shot("staff-sign-in")
    assert not [request.url for request in seen.requests if request.url.startswith(public_url)]
    public = visit()
    public.page.goto(public_url)
    assert public.page.context.cookies() == []
    assert not [request.url for request in public.requests if request.url.startswith(staff_url)]


def _is_the_staff_shell(url: str) -> bool:
    """Whether the answer is the empty page that every address of the staff listener gives."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return b"<title>Streamlit</title>" in answer.read()
