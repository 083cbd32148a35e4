"""``python -m core.migrations "what changes"`` writes the next revision from the models.

Run it against a database at the newest revision, read what it wrote, and try it on both engines.
"""

import sys

from alembic import command
from alembic.config import Config

from core.database import MIGRATIONS, engine, upgrade

if len(sys.argv) != 2:
    sys.exit(__doc__)
upgrade()
config = Config()
config.set_main_option("script_location", str(MIGRATIONS))
with engine().connect() as connection:
    config.attributes["connection"] = connection
    newest = len(list((MIGRATIONS / "versions").glob("*.py")))
    command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{newest + 1:04}")
