"""Every verb that writes to the primary, from the rooms they live in. Each takes the session."""

from core.primary.candidate_pages import PageDraft, remove_photo, set_photo, write_page
from core.primary.candidates import (
    CANDIDATE_COLUMNS,
    CandidateDraft,
    add_candidate,
    cancel_registration,
    import_candidates,
)
from core.primary.contests import (
    CONTEST_COLUMNS,
    ContestDraft,
    add_constituency,
    add_contest,
    import_contests,
    remove_constituency,
    remove_contest,
)
from core.primary.election import (
    create_primary,
    install_election_key,
    require_matching_digest_key,
    set_contacts,
)
from core.primary.readiness import (
    mark_readiness,
    sign_readiness,
    test_key_backup,
    withdraw_readiness,
)
from core.primary.roll import SealedRoll, roll_digest, seal_roll
from core.primary.roll_changes import approve_roll_change, change_roll, propose_roll_change
from core.primary.timeline import (
    bring_publication_forward,
    extend_voting,
    postpone_publication,
    propose_earlier_publication,
    set_timeline,
)

__all__ = [
    "CANDIDATE_COLUMNS",
    "CONTEST_COLUMNS",
    "CandidateDraft",
    "ContestDraft",
    "PageDraft",
    "SealedRoll",
    "add_candidate",
    "add_constituency",
    "add_contest",
    "approve_roll_change",
    "bring_publication_forward",
    "cancel_registration",
    "change_roll",
    "create_primary",
    "extend_voting",
    "import_candidates",
    "import_contests",
    "install_election_key",
    "mark_readiness",
    "postpone_publication",
    "propose_earlier_publication",
    "propose_roll_change",
    "remove_constituency",
    "remove_contest",
    "remove_photo",
    "require_matching_digest_key",
    "roll_digest",
    "seal_roll",
    "set_contacts",
    "set_photo",
    "set_timeline",
    "sign_readiness",
    "test_key_backup",
    "withdraw_readiness",
    "write_page",
]
