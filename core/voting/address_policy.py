"""What one vote an address means in this primary: its mode, signed by two people."""

from sqlmodel import Session, col, select

from core.voting.models import AddressPolicyAct
from core.voting.rules import AddressMode


def mode_in_force(session: Session, primary_id: str) -> AddressMode:
    """The mode of the newest signed act; strict as long as nobody signed another."""
    mode = session.exec(
        select(AddressPolicyAct.mode)
        .where(col(AddressPolicyAct.primary_id) == primary_id)
        .order_by(col(AddressPolicyAct.id).desc())
        .limit(1)
    ).one_or_none()
    return AddressMode(mode) if mode else AddressMode.STRICT
