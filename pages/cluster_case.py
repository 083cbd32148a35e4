"""One cluster: its facts in words, and the press that makes a case of it."""

from typing import Final

import streamlit as st

from core import clock, places
from core.cases import service as cases
from core.cases.receipts import spelled_number
from core.cases.rules import Category, Channel
from core.cases.service import ContactEntry
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import _, format_datetime, format_number, refusal_text, term
from core.staff.rules import Actor, Role
from core.voting.clusters import Cluster, ClusterKind
from pages.session import staff_callback
from pages.wording import capital, plain

NOTICE: Final = "clusters_notice"
SHOWN_PLACES: Final = 3

# What the committee would complain of, as far as the kind tells; a commission corrects it.
CATEGORIES: Final = {
    ClusterKind.SHARED_NUMBER: Category.FALSIFIED_MOBILES,
    ClusterKind.CHANGED_NUMBERS: Category.FALSIFIED_MOBILES,
    ClusterKind.REFUSED_ADDRESS: Category.FALSIFIED_VOTES,
    ClusterKind.UNUSED_CODES_NUMBER: Category.SMS_CODE_FRAUD,
    ClusterKind.UNUSED_CODES_ADDRESS: Category.SMS_CODE_FRAUD,
    ClusterKind.UNUSED_CODES_PLACE: Category.SMS_CODE_FRAUD,
}


def open_case(actor: Actor, cluster: Cluster) -> None:
    """Open the case of a cluster with its facts; pressed again it is the same case."""
    entry = ContactEntry(
        story="\n".join(facts_of(cluster)),
        channel=Channel.OWN_FINDING,
        category=CATEGORIES[cluster.kind],
        place=cluster.places[0] if len(cluster.places) == 1 else None,
    )
    try:
        with unit_of_work() as session:
            opened = cases.open_from_source(
                session, cluster.source, entry, actor=actor, now=clock.now()
            )
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    number = spelled_number(opened.number)
    st.session_state[NOTICE] = (
        _("Case {number} is opened and waits for triage.", number=number)
        if opened.receipt is not None
        else _("There is a case of this cluster already: {number}.", number=number)
    )


def subject_of(cluster: Cluster) -> str:
    """What a cluster stands around, in words."""
    if cluster.kind is ClusterKind.UNUSED_CODES_PLACE:
        return places.name(cluster.subject) if cluster.subject else "–"
    if cluster.kind is ClusterKind.CHANGED_NUMBERS:
        place = places.name(cluster.places[0])
        return f"{cluster.subject}, {place}" if cluster.subject else place
    return cluster.subject


def places_of(cluster: Cluster) -> str:
    """The places of a cluster, the most frequent first; of many the first few."""
    names = [places.name(code) for code in cluster.places[:SHOWN_PLACES]]
    more = len(cluster.places) - len(names)
    return ", ".join(names) + (_(" and {count} more", count=format_number(more)) if more else "")


def facts_of(cluster: Cluster) -> list[str]:
    """Everything known of a cluster, a line each; every person in it is masked."""
    facts = [
        f"{capital(term(cluster.kind))}: {subject_of(cluster)}",
        _(
            "{count} in all, {people} people, {voted} of them hold a vote.",
            count=format_number(cluster.count),
            people=format_number(cluster.people),
            voted=format_number(cluster.voted),
        ),
    ]
    if cluster.turned_away:
        reasons = ", ".join(
            f"{term(reason)} ({format_number(count)})" for reason, count in cluster.reasons
        )
        facts.append(
            _(
                "Rejections of these people: {count}. {reasons}.",
                count=format_number(cluster.turned_away),
                reasons=reasons,
            )
        )
    if cluster.first is not None and cluster.last is not None:
        facts.append(
            _(
                "From {first} to {last}.",
                first=format_datetime(cluster.first),
                last=format_datetime(cluster.last),
            )
        )
    if cluster.places:
        facts.append(_("Place: {place}", place=places_of(cluster)))
    if cluster.subjects:
        facts.append(_("Among them: {people}", people=", ".join(cluster.subjects)))
    return facts


def show_chosen(cluster: Cluster, number: str | None, *, may_act: bool) -> None:
    """The facts of one cluster and the press that makes a case of it."""
    with st.container(border=True):
        head, *facts = facts_of(cluster)
        st.markdown(f"**{plain(head)}**")
        st.text("\n".join(facts))
        if number is not None:
            st.info(
                plain(_("There is a case of this cluster already: {number}.", number=number)),
                icon=":material/folder_open:",
            )
        elif may_act:
            st.button(
                _("Open a case of this cluster"),
                type="primary",
                icon=":material/create_new_folder:",
                help=_("These facts become its story; commissions see it, you do not."),
                on_click=staff_callback(open_case, Role.ORGANIZER),
                args=(cluster,),
            )
