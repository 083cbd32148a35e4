"""The public page of a candidate: programme, links and photo on the left, what voters see right."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from core import clock, places
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import LOCALES, _, current_locale, format_datetime, term
from core.primary import service
from core.primary.candidate_queries import CandidatePageView, candidate_page, photo_bytes
from core.primary.page_rules import LINKS_MOST, PROGRAMME_MOST, paragraphs, shown_link
from core.primary.photos import LARGEST_FILE, SIZE, Photo, read_photo
from core.primary.queries import active_primary
from core.primary.rules import CandidateStatus
from core.settings import settings
from core.staff.rules import Role
from pages.session import require_role
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
NOTICE: Final = "candidate_page_notice"
BROUGHT: Final = "candidate_page_photo"
SAVED: Final = "candidate_page_saved"
PHOTO_WIDTH: Final = SIZE[0] * 3 // 5


def language_name(locale: str) -> str:
    """A language in words."""
    return {"ru": _("Russian"), "kk": _("Kazakh"), "en": _("English")}[locale]


def field_key(name: str, candidate_id: str) -> str:
    """The key of a field: another candidate has other fields, and so has a page that was saved."""
    return f"{name}_{candidate_id}_{st.session_state.get(SAVED, 0)}"


def attempt(act: Callable[[Any], object], done: str) -> None:
    """Do an act in a unit of work of its own, then show the page as it is kept."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[SAVED] = st.session_state.get(SAVED, 0) + 1
    st.session_state[NOTICE] = done
    st.rerun()


def edit_text(view: CandidatePageView) -> service.PageDraft:
    """The fields of the text; gives what stands in them now, saved or not."""
    candidate_id = view.candidate.id
    programmes = {
        locale: st.text_area(
            _("Programme, {language}", language=language_name(locale)),
            view.programmes[locale],
            height=220 if locale != "en" else 120,
            max_chars=PROGRAMME_MOST,
            key=field_key(locale, candidate_id),
            help=_("Plain text. Each line is a paragraph."),
        )
        for locale in LOCALES
    }
    links = st.text_area(
        _("Links, one in a line, at most {most}", most=LINKS_MOST),
        "\n".join(view.links),
        height=110,
        key=field_key("links", candidate_id),
        placeholder="https://",
    )
    draft = service.PageDraft(
        programmes={locale: text or "" for locale, text in programmes.items()},
        links=(links or "").splitlines(),
    )
    if st.button(_("Save the text"), type="primary", icon=":material/save:"):
        attempt(
            lambda session: service.write_page(
                session, candidate_id, draft, actor=actor, now=clock.now()
            ),
            _("The text is saved."),
        )
    return draft


def brought_photo(candidate_id: str) -> Photo | None:
    """The photo in the upload field, made anew once and kept while the file lies there."""
    file = st.file_uploader(
        _("Photo (JPEG, PNG or WebP)"),
        type=["jpg", "jpeg", "png", "webp"],
        max_upload_size=LARGEST_FILE // 2**20,
        key=field_key("file", candidate_id),
        help=_("It is cut to one size for everybody; nothing but the picture is kept of the file."),
    )
    if file is None:
        st.session_state.pop(BROUGHT, None)
        return None
    made = st.session_state.get(BROUGHT)
    if made is None or made[0] != file.file_id:
        try:
            made = (file.file_id, read_photo(file.getvalue()))
        except Refused as refused:
            show_refusal(refused)
            return None
        st.session_state[BROUGHT] = made
    photo: Photo = made[1]
    return photo


def edit_photo(view: CandidatePageView) -> Photo | None:
    """The field of the photo; gives the one that was brought and is not saved yet."""
    candidate_id = view.candidate.id
    photo = brought_photo(candidate_id)
    save, remove = st.columns(2)
    if save.button(
        _("Save the photo"), icon=":material/add_a_photo:", disabled=photo is None, width="stretch"
    ):
        assert photo is not None
        attempt(
            lambda session: service.set_photo(
                session, candidate_id, photo, actor=actor, now=clock.now()
            ),
            _("The photo is saved."),
        )
    if remove.button(
        _("Remove the photo"),
        icon=":material/no_photography:",
        disabled=view.photo is None,
        width="stretch",
    ):
        attempt(
            lambda session: service.remove_photo(
                session, candidate_id, actor=actor, now=clock.now()
            ),
            _("The photo is removed."),
        )
    return photo


def kept_photo(view: CandidatePageView) -> bytes | None:
    """The photo that the public sees."""
    if view.photo is None:
        return None
    with reading() as session:
        return photo_bytes(session, view.photo)


def preview(view: CandidatePageView, draft: service.PageDraft, photo: bytes | None) -> None:
    """The page as voters see it, with what stands in the fields."""
    st.subheader(_("As voters see it"))
    language = st.segmented_control(
        _("Language of the programme"),
        LOCALES,
        default=current_locale(),
        required=True,
        format_func=language_name,
        key="preview_language",
    )
    try:
        shown = draft.checked()
    except Refused as refused:
        show_refusal(refused)
        return
    candidate = view.candidate
    with st.container(border=True):
        if photo is None:
            with st.container(border=True, width=PHOTO_WIDTH, height=PHOTO_WIDTH * 5 // 4):
                st.caption(_("No photo"))
        else:
            st.image(photo, width=PHOTO_WIDTH, alt=candidate.name)
        st.header(plain(candidate.name), anchor=False)
        st.text(
            " · ".join(
                filter(
                    None,
                    (candidate.nominated_by, _("born in {year}", year=candidate.birth_date.year)),
                )
            )
        )
        st.subheader(_("Programme"), anchor=False)
        text = shown.programmes[language or current_locale()]
        for paragraph in paragraphs(text):
            st.text(paragraph)
        if not text:
            st.caption(_("No programme was given."))
        st.subheader(_("Links"), anchor=False)
        for link in shown.links:
            st.text("".join(shown_link(link)))
        if not shown.links:
            st.caption(_("No links were given."))


def show_page(view: CandidatePageView, *, is_fixed: bool) -> None:
    """Head, fields for those who may change them, preview."""
    candidate = view.candidate
    st.title(plain(candidate.name))
    place = view.contest.place_code
    held = places.name(place) if place else _("The whole country")
    st.caption(plain(f"{view.contest.title} · {held} · {term(candidate.status)}"))
    address = f"{current_locale()}/candidates/{view.contest.id}/{candidate.id}"
    st.link_button(
        _("The public page"), f"{settings().public_url}/{address}", icon=":material/open_in_new:"
    )
    if view.changed_at:
        st.caption(_("Changed on {at}", at=format_datetime(view.changed_at)))
    notice = st.session_state.pop(NOTICE, None)
    if notice:
        st.success(plain(notice), icon=":material/check_circle:")
    if is_fixed:
        st.info(_("Readiness is signed: pages of candidates don't change any more."))
    is_standing = candidate.status is CandidateStatus.REGISTERED
    if not is_standing:
        st.info(_("The registration is cancelled: the public page says that and nothing else."))
    as_kept = service.PageDraft(programmes=view.programmes, links=view.links)
    may_edit = actor.has(Role.ORGANIZER, place=None) and not actor.read_only
    if not (may_edit and is_standing) or is_fixed:
        preview(view, as_kept, kept_photo(view))
        return
    fields, seen = st.columns([6, 5], gap="large")
    with fields:
        draft = edit_text(view)
        photo = edit_photo(view)
    with seen:
        preview(view, draft, photo.content if photo else kept_photo(view))


st.page_link("candidates.py", label=_("All candidates"), icon=":material/arrow_back:")
asked = st.query_params.get("id", "")
with reading() as session:
    primary = active_primary(session)
    found = candidate_page(session, primary.id, asked) if primary else None
if primary is None or found is None:
    st.title(_("Candidate's page"))
    st.info(_("There is no such candidate."))
else:
    show_page(found, is_fixed=primary.readiness_signed_at is not None)
