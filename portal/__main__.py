"""``python -m portal``: the public listener on ``PRIMARIES_PUBLIC_PORT``."""

import sys

import uvicorn

from core.errors import Refused
from core.i18n import refusal_text
from core.settings import SettingsError, settings


def main() -> int:
    """Serve until stopped; 2 when the settings or the keys don't allow a start."""
    try:
        settings()
        from core.database import dispose, upgrade
        from core.voting.election import CurrentElection
        from portal.app import ENOUGH_FILES, lower_priority, open_more_files, uvicorn_settings

        upgrade()
        CurrentElection().get()  # with another digest key one IIN could vote twice: no start
        dispose()
        files = open_more_files()
        if files < ENOUGH_FILES:
            print(  # noqa: T201
                f"This process may open {files} files, and each connection is one: a rush of voters"
                f" needs {ENOUGH_FILES}. Raise the limit (ulimit -n, LimitNOFILE).",
                file=sys.stderr,
            )
        lower_priority()
        uvicorn.run(**uvicorn_settings())
    except SettingsError as fault:
        print(fault, file=sys.stderr)  # noqa: T201
        return 2
    except Refused as refused:
        print(refusal_text(refused), file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
