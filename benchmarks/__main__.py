"""``make bench``: every measurement, or those named, as one table of ratios."""

import argparse
import importlib
import sys

from benchmarks.measurement import table

MEASUREMENTS = (
    "casting",
    "voters",
    "rush",
    "kills",
    "fsyncs",
    "oracle",
    "board",
    "live_page",
    "register_import",
    "phone_contact",
    "mail_to_case",
    "staff_screens",
    "count",
)


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}")
    names = parser.parse_args().names or MEASUREMENTS
    rows = []
    for name in names:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").run()
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
