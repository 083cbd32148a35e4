"""The peer of M9 and M10: django-helpdesk in a process and an environment of its own.

Run by that environment's Python. Reads a line of JSON for each round from its input
(``{"texts": […]}`` to save, or ``{"mails": […]}``, files to take in), saves them as django-helpdesk
does, and answers the seconds it took, a line each. Knows nothing of Primaries.
"""

import json
import logging
import sys
import time
from pathlib import Path


def configure(folder: Path) -> None:
    """A helpdesk on a new SQLite file, with mail that goes nowhere."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        SECRET_KEY="benchmark",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "peer.sqlite")}
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.sites",
            "django.contrib.admin",
            "django.contrib.messages",
            "django.contrib.humanize",
            "rest_framework",
            "helpdesk",
        ],
        ROOT_URLCONF=__name__,
        SITE_ID=1,
        USE_TZ=True,
        TIME_ZONE="Asia/Almaty",
        LANGUAGE_CODE="ru",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        MEDIA_ROOT=str(folder / "media"),
        HELPDESK_TEAMS_MODE_ENABLED=False,
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
    )
    django.setup()
    from django.urls import include, path

    globals()["urlpatterns"] = [path("", include("helpdesk.urls", namespace="helpdesk"))]
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)


def main() -> None:
    """Rounds until the input ends."""
    configure(Path(sys.argv[1]))
    from django.contrib.auth import get_user_model
    from helpdesk.email import extract_email_metadata
    from helpdesk.forms import TicketForm
    from helpdesk.models import Queue

    queue = Queue.objects.create(title="Hotline", slug="hotline", allow_email_submission=True)
    operator = get_user_model().objects.create_user("operator", is_staff=True)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        mails = [Path(name).read_text() for name in asked.get("mails", ())]
        began = time.perf_counter()
        for mail in mails:
            extract_email_metadata(mail, queue, logging.getLogger())
        for text in asked.get("texts", ()):
            form = TicketForm(
                data={
                    "queue": queue.pk,
                    "title": text[:80],
                    "body": text,
                    "priority": 3,
                    "submitter_email": "",
                    "assigned_to": "",
                },
                queue_choices=[(queue.pk, queue.title)],
            )
            if not form.is_valid():
                raise SystemExit(f"the peer refuses its own form: {form.errors.as_json()}")
            form.save(operator)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
