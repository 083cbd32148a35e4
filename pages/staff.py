"""Accounts of the committee: made, given roles, reset, disabled, and what waits for a second."""

from collections.abc import Callable

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, refusal_text, term
from core.staff import approvals, queries, service
from core.staff.queries import AccountView
from core.staff.rules import ActKind, Actor, Grant, Office, Role, needs_two_people
from pages.lists import PAGE_SIZE, draw_pages, offer_csv, page_offset
from pages.people import grant_text, grants_text
from pages.session import require_role, staff_callback, staff_dialog
from pages.sign_in import LANGUAGES
from pages.staff_proposals import NEW_PASSWORD, NOTICE, list_makings, list_proposals
from pages.wording import place_choices, plain, show_refusal

actor = require_role(Role.ADMINISTRATOR, Role.ORGANIZER)
GRANTS = "staff_draft_grants"
KINDS = (ActKind.CREATE_ACCOUNT, ActKind.RESET_ACCOUNT, ActKind.CHANGE_GRANTS)


def show_notices() -> None:
    """What the last act gave: a password to hand over, a refusal, a word that it is done."""
    new: service.NewPassword | None = st.session_state.get(NEW_PASSWORD)
    if new:
        with st.container(border=True):
            st.success(
                _("One-time password for {login}. It is shown only now.", login=plain(new.login))
            )
            st.code(new.password, language=None)
            if new.effective_at > clock.now():
                st.info(_("The account counts from {at} on.", at=format_datetime(new.effective_at)))
            if st.button(_("I have handed it over"), type="primary"):
                st.session_state.pop(NEW_PASSWORD)
                st.rerun()
    notice = st.session_state.pop(NOTICE, None)
    if notice:
        st.info(plain(notice))


def state_text(view: AccountView) -> str:
    """The state of an account in one or two words."""
    if view.is_disabled:
        return _("disabled")
    if view.effective_at > clock.now():
        return _("counts from {at}", at=format_datetime(view.effective_at))
    if view.password_is_temporary:
        return _("not signed in yet")
    return _("active")


def list_accounts(actor: Actor) -> None:
    """Search, the list, and what can be done with the chosen account."""
    search_box, role_box, new_button = st.columns([3, 2, 1.4], vertical_alignment="bottom")
    search = search_box.text_input(
        _("Name or login"), key="q", bind="query-params", icon=":material/search:"
    )
    role = role_box.selectbox(
        _("Role"), list(Role), index=None, format_func=term, placeholder=_("all"), key="role"
    )
    if new_button.button(
        _("New account"), type="primary", icon=":material/person_add:", width="stretch"
    ):
        st.session_state[GRANTS] = []
        new_account()
    with reading() as session:
        found, total = queries.accounts(
            session, search=search, role=role, offset=page_offset(), limit=PAGE_SIZE
        )
    if not found:
        st.info(_("No account is like that."))
        return
    header = (_("Name"), _("Login"), _("Roles"), _("State"), _("Second factor"), _("Last active"))
    rows = [
        (
            view.name,
            view.login,
            grants_text(view.grants),
            state_text(view),
            _("yes") if view.has_second_factor else _("no"),
            format_datetime(view.last_active_at) if view.last_active_at else "–",
        )
        for view in found
    ]
    st.caption(_("Choose a row to change the account."))
    chosen = st.dataframe(
        [dict(zip(header, row, strict=True)) for row in rows],
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="accounts",
    )
    draw_pages(total)
    offer_csv("accounts", header, rows)
    selected = chosen.selection.rows if chosen else []
    if selected and selected[0] < len(found):
        account_card(actor, found[selected[0]])


def account_card(actor: Actor, view: AccountView) -> None:
    """One account and the acts on it."""
    with st.container(border=True):
        st.subheader(plain(view.name))
        st.caption(plain(f"{view.login} · {state_text(view)}"))
        for grant in sorted(view.grants, key=grant_text):
            st.markdown(f"- {plain(grant_text(grant))}")
        if view.id == actor.account_id:
            st.caption(_("Your own account: another administrator changes it."))
            return
        roles, reset, close = st.columns(3)
        if roles.button(_("Change roles"), icon=":material/badge:", width="stretch"):
            st.session_state[GRANTS] = sorted(view.grants, key=grant_text)
            change_roles(view)
        if reset.button(_("Reset"), icon=":material/lock_reset:", width="stretch"):
            reset_account(view)
        if view.is_disabled:
            close.button(
                _("Open again"),
                icon=":material/lock_open:",
                width="stretch",
                on_click=staff_callback(enable, Role.ADMINISTRATOR),
                args=(view.id,),
            )
        elif close.button(_("Disable"), icon=":material/block:", width="stretch"):
            disable_account(view)


def edit_grants() -> frozenset[Grant]:
    """The roles of a draft: each can be taken away, another added."""
    draft: list[Grant] = st.session_state.setdefault(GRANTS, [])
    for number, grant in enumerate(draft):
        text, button = st.columns([5, 1], vertical_alignment="center")
        text.markdown(plain(grant_text(grant)))
        if button.button(
            _("Remove"), key=f"remove-{number}", icon=":material/close:", type="tertiary"
        ):
            draft.pop(number)
            st.rerun(scope="fragment")
    centre_and_places = place_choices(with_centre=True)
    with st.container(border=True):
        left, right = st.columns(2)
        role = left.selectbox(
            _("Role"),
            list(Role),
            index=None,
            format_func=term,
            placeholder=_("Choose a role"),
            key="draft_role",
        )
        place = right.selectbox(
            _("Place"),
            list(centre_and_places),
            format_func=lambda code: centre_and_places[code],
            key="draft_place",
        )
        office = branch = None
        if role is Role.COMMISSIONER:
            office = left.selectbox(_("Office"), list(Office), format_func=term, key="draft_office")
        if role in {Role.COMMISSIONER, Role.OPERATOR, Role.REGISTRAR}:
            branch = right.text_input(
                _("Own branch (for conflicts of interest)"), key="draft_branch"
            )
        if st.button(_("Add role"), icon=":material/add:", disabled=role is None) and role:
            grant = Grant(role, place, office, branch or None)
            if grant not in draft:
                draft.append(grant)
            st.rerun(scope="fragment")
    return frozenset(draft)


def two_people_hint(grants: frozenset[Grant]) -> str | None:
    """The field for a reason, where a second person has to read one."""
    if not needs_two_people(grants):
        return None
    st.info(
        _(
            "These roles approve, canvass or read cases: a second administrator or an organizer "
            "confirms them."
        )
    )
    return st.text_area(_("Reason"), key="draft_reason", max_chars=500)


def finish(act: Callable[[], None]) -> None:
    """Do an act of a dialog, say a refusal inside it, close it after success."""
    try:
        act()
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state.pop(GRANTS, None)
    st.rerun()


@staff_dialog(_("New account"), Role.ADMINISTRATOR, width="large")
def new_account(actor: Actor) -> None:
    """A draft of an account: made at once, or proposed to a second person."""
    left, right = st.columns(2)
    name = left.text_input(_("Surname, name, patronymic"), key="draft_name")
    login = right.text_input(
        _("Login"), key="draft_login", help=_("3–40 characters: a–z, 0–9, dot, hyphen.")
    )
    mobile = left.text_input(_("Mobile number (for notices)"), key="draft_mobile")
    locale = right.selectbox(
        _("Language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="draft_locale"
    )
    grants = edit_grants()
    reason = two_people_hint(grants)
    draft = service.AccountDraft(
        login=login, name=name, grants=grants, mobile=mobile.strip() or None, locale=locale
    )
    label = _("Create account") if reason is None else _("Propose account")
    if st.button(label, type="primary"):
        finish(lambda: make_account(actor, draft, reason))


def make_account(actor: Actor, draft: service.AccountDraft, reason: str | None) -> None:
    """Create or propose."""
    new = None
    with unit_of_work() as session:
        if reason is None:
            new = service.create_account(session, draft, actor=actor, now=clock.now())
        else:
            service.propose_account(session, draft, actor=actor, reason=reason, now=clock.now())
    keep_result(new)


def keep_result(new: service.NewPassword | None) -> None:
    """What the page says after the act."""
    if new:
        st.session_state[NEW_PASSWORD] = new
    else:
        st.session_state[NOTICE] = _("Proposed. It waits for a second person.")


@staff_dialog(_("Change roles"), Role.ADMINISTRATOR, width="large")
def change_roles(actor: Actor, view: AccountView) -> None:
    """Other roles for an account."""
    st.subheader(plain(view.name))
    st.caption(_("The account's sessions end."))
    grants = edit_grants()
    reason = two_people_hint(grants - view.grants)
    if st.button(_("Save"), type="primary"):
        finish(lambda: put_roles(actor, view.id, grants, reason))


def put_roles(actor: Actor, account_id: int, grants: frozenset[Grant], reason: str | None) -> None:
    """Change or propose."""
    now = clock.now()
    with unit_of_work() as session:
        if reason is None:
            service.change_grants(session, account_id, grants, actor=actor, now=now)
        else:
            service.propose_grants(session, account_id, grants, actor=actor, reason=reason, now=now)
    st.session_state[NOTICE] = (
        _("The roles are changed.")
        if reason is None
        else _("Proposed. It waits for a second person.")
    )


@staff_dialog(_("Reset an account"), Role.ADMINISTRATOR)
def reset_account(actor: Actor, view: AccountView) -> None:
    """A new one-time password; the second factor is set up anew."""
    st.subheader(plain(view.name))
    st.write(
        _(
            "The holder gets a new one-time password and sets up the second factor again. "
            "All sessions of the account end."
        )
    )
    heavy = needs_two_people(view.grants)
    if heavy:
        st.info(_("A second administrator or an organizer has to confirm it."))
    reason = st.text_area(_("Reason"), max_chars=500, key="reset_reason")
    if st.button(_("Propose reset") if heavy else _("Reset"), type="primary"):
        finish(lambda: reset_or_propose(actor, view.id, reason, heavy=heavy))


def reset_or_propose(actor: Actor, account_id: int, reason: str, *, heavy: bool) -> None:
    """Reset or propose."""
    now, new = clock.now(), None
    with unit_of_work() as session:
        if heavy:
            service.propose_reset(session, account_id, actor=actor, reason=reason, now=now)
        else:
            new = service.reset_account(session, account_id, actor=actor, reason=reason, now=now)
    keep_result(new)


@staff_dialog(_("Disable an account"), Role.ADMINISTRATOR)
def disable_account(actor: Actor, view: AccountView) -> None:
    """Close an account at once."""
    st.subheader(plain(view.name))
    st.write(_("The account can no longer sign in, and its sessions end at once."))
    reason = st.text_area(_("Reason"), max_chars=500, key="disable_reason")
    if st.button(_("Disable"), type="primary"):
        finish(lambda: close_account(actor, view.id, reason))


def close_account(actor: Actor, account_id: int, reason: str) -> None:
    """Disable."""
    with unit_of_work() as session:
        service.disable_account(session, account_id, actor=actor, reason=reason, now=clock.now())
    st.session_state[NOTICE] = _("The account is disabled.")


def enable(actor: Actor, account_id: int) -> None:
    """Open a disabled account."""
    try:
        with unit_of_work() as session:
            service.enable_account(session, account_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The account is open again.")


st.title(_("Staff"))
show_notices()
with reading() as session:
    waiting = [found for kind in KINDS for found in approvals.pending(session, kind)]
waiting_label = _("Waiting for a second person ({count})", count=len(waiting))
if actor.has(Role.ADMINISTRATOR):
    accounts, proposals, history = st.tabs([_("Accounts"), waiting_label, _("Who made whom")])
    with accounts:
        list_accounts(actor)
else:
    proposals, history = st.tabs([waiting_label, _("Who made whom")])
with proposals:
    list_proposals(actor, waiting)
with history:
    list_makings()
