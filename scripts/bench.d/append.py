"""Durable appends beside a bare loop of write + fdatasync, and SQLite."""

import contextlib
import pathlib
import statistics
import shutil
import sqlite3
import threading
import time

from machine import percentile
from processes import run_json
from report import Floor, Section, number, ratio, spread

WRITERS = (1, 8, 64, 512)
BARE_FLOOR = 0.9
# How many waiting writers SQLite is measured with, and how many times its rate is wanted.
SQLITE_FLOORS = {1: 1.0, 64: 10.0}
# What an append that begins a segment may take, in the slowest syncs of a hundred.
ROLL_LIMIT = 10


def measure(binaries, folder, quick, seconds, rounds):
    program = pathlib.Path(binaries) / "examples" / "append_bench"
    return [rates_section(program, folder, seconds, rounds), rolls_section(program, folder, 100 if quick else 1000)]


def rolls_section(program, folder, times):
    """How long an append takes that begins a segment."""
    work = folder / "rolls"
    work.mkdir()
    (result,) = run_json([program, work, "rolls", times])
    rolls, syncs = sorted(result["rolls"]), sorted(result["syncs"])
    rows = [
        [name, *(f"{value:.2f}" for value in (statistics.median(each), percentile(each, 99), each[-1]))]
        for name, each in (("append that begins a segment", rolls), ("write + fdatasync", syncs))
    ]
    in_syncs = percentile(rolls, 99) / percentile(syncs, 99)
    floors = [Floor("append that begins a segment, p99, in p99 of a sync", in_syncs, ROLL_LIMIT, True)]
    text = (
        f"One line of a deploy at a time, {times:,} times, each in a segment of its own: the old one is sealed, the new "
        "one made, and MANIFEST replaced, all durable, before the line is. In turns with write + fdatasync of as many bytes."
    )
    return Section("Rolling", text, ["", "median ms", "p99 ms", "longest ms"], rows, floors)


def rates_section(program, folder, seconds, rounds):
    rows, floors = [], []
    for writers in WRITERS:
        rates = {"logjar": [], "bare": [], "connections": [], "shared": []}
        for _ in range(rounds):
            work = folder / "append"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            for line in run_json([program, work, writers, seconds, 1]):
                rates[line["committer"]].append(line["per_second"])
            if writers in SQLITE_FLOORS:
                rates["connections"].append(sqlite_rate(work / "connections", writers, seconds, line["bytes"], False))
                rates["shared"].append(sqlite_rate(work / "shared", writers, seconds, line["bytes"], True))
            shutil.rmtree(work)
        of_bare, of_sqlite = ratio(rates["logjar"], rates["bare"]), None
        floors.append(Floor(f"append, {writers} waiting, of the bare loop", of_bare, BARE_FLOOR))
        if writers in SQLITE_FLOORS:
            of_sqlite = ratio(rates["logjar"], list(map(max, rates["connections"], rates["shared"])))
            floors.append(Floor(f"append, {writers} waiting, of SQLite", of_sqlite, SQLITE_FLOORS[writers]))
        cells = [spread(each) if each else "–" for each in rates.values()]
        rows.append([str(writers), *cells, f"{of_bare:.2f}", number(of_sqlite) if of_sqlite else "–"])
    text = (
        f"Acknowledged lines a second of {line['bytes']} bytes (a deploy of three files). The bare loop writes what waits "
        f"and calls fdatasync, nothing else. SQLite {sqlite3.sqlite_version} is driven by Python's module, which leaves "
        "the interpreter's lock while SQLite works: WAL, `synchronous=FULL`, one insert a commit, once with a "
        "connection for each thread (they poll for its lock), once with one connection that they share behind a "
        "mutex. The better of the two counts in each round."
    )
    head = ["waiting writers", "logjar", "bare loop", "SQLite, own connections", "SQLite, shared", "of bare", "of SQLite"]
    return Section("Durable appends", text, head, rows, floors)


def sqlite_rate(folder, writers, seconds, size, shared):
    """Inserts a second, each its own durable commit."""
    folder.mkdir()
    first = connect(folder)
    first.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, line TEXT NOT NULL)")
    lock = threading.Lock() if shared else contextlib.nullcontext()
    line, stop, start, counts, errors = "x" * size, threading.Event(), threading.Barrier(writers + 1), [], []

    def write():
        connection, count = first if shared else connect(folder), 0
        start.wait()
        try:
            while not stop.is_set():
                with lock:
                    connection.execute("INSERT INTO event (line) VALUES (?)", (line,))
                count += 1
        except sqlite3.Error as error:
            errors.append(error)
        counts.append(count)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    # The last inserts may have waited for a while, so the time is that of all.
    rate = sum(counts) / (time.perf_counter() - began)
    if errors:
        raise errors[0]
    return rate


def connect(folder):
    connection = sqlite3.connect(folder / "events.db", isolation_level=None, check_same_thread=False, timeout=60)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection
