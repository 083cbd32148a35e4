"""Every verb that writes to keys, count and results, from the rooms they live in."""

from core.results.canvass import read_totals, sign_canvass
from core.results.ceremony import confirm_share, install_key, register_ceremony
from core.results.counting import import_count, note_differing_count
from core.results.export import record_export, write_sealed_export

__all__ = [
    "confirm_share",
    "import_count",
    "install_key",
    "note_differing_count",
    "read_totals",
    "record_export",
    "register_ceremony",
    "sign_canvass",
    "write_sealed_export",
]
