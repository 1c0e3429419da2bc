"""Search beside SQLite's FTS5 over the same documents, with queries that mean the same, and over HTTP."""

import http.client
import json
import pathlib
import statistics
import subprocess
import time
import urllib.parse

import machine
import queries
import registries
from full_text import FullText
from processes import PATIENCE_SECONDS, Failure, Logjar
from report import Floor, Section, number

PORT = 19207
SIZES = [30_000, 1_100_000]
QUERIES = 1000
# The peer answers the first of them only: at its pace all would take an hour.
PEER_QUERIES = 250
P99_MAX_MS = 5
TIMES_FASTER_MIN = 4


def measure(binaries, folder, quick):
    for size in SIZES[:1] if quick else SIZES:
        yield measure_size(binaries, folder / str(size), size)


def measure_size(binaries, folder, size):
    folder.mkdir()
    server = Logjar(binaries, folder, PORT)
    registries.generate(binaries, server.data, artifacts=size, versions=size, users=500 + size // 50)
    program = pathlib.Path(binaries) / "examples" / "search_bench"
    peer = FullText(folder / "documents.db")
    sample = queries.Sample(size)
    with subprocess.Popen([program, server.data, "documents"], stdout=subprocess.PIPE) as exported:
        peer.fill(map(sample.note, map(json.loads, exported.stdout)))
    if exported.returncode != 0:
        raise Failure("search_bench could not print the documents")
    asked = queries.all_kinds(sample, QUERIES)
    with Index(program, server.data) as index:
        measured = {kind: compare(index, peer, pairs) for kind, pairs in asked.items()}
    over_http = ask_over_http(server, asked)
    return section(size, index.built, peer, measured, over_http)


class Index:
    """The index by itself, in a process that is asked over a pipe and measures on its side of it."""

    def __init__(self, program, data):
        self.process = subprocess.Popen([program, data], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.built = self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait(PATIENCE_SECONDS) != 0:
            raise Failure("search_bench failed")

    def ask(self, query):
        """How many there are, and the milliseconds that it took."""
        self.process.stdin.write(query + "\n")
        self.process.stdin.flush()
        answer = self.read()
        return answer["total"], answer["micros"] / 1e3

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure("search_bench ended too early")
        return json.loads(line)


def compare(index, peer, pairs):
    """Times of both in turns, and the queries whose totals differ."""
    ours, theirs, differing, hits = [], [], [], []
    for place, (query, match) in enumerate(pairs):
        total, milliseconds = index.ask(query)
        ours.append(milliseconds)
        if place < PEER_QUERIES:
            peer_total, peer_milliseconds = peer.ask(match)
            theirs.append(peer_milliseconds)
            hits.append(total)
            if total != peer_total:
                differing.append((query, total, peer_total))
    return ours, theirs, differing, hits


def ask_over_http(server, asked):
    """Milliseconds of each kind of query, with all that the answer shows of 24 artifacts read from the log."""
    times = {}
    with server.serving():
        registries.wait_for_derived(server.data)
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        for kind, pairs in asked.items():
            times[kind] = sorted(ask_once(connection, query) for query, _ in pairs)
    return times


def ask_once(connection, query):
    before = time.perf_counter()
    connection.request("GET", "/api/v1/search?" + urllib.parse.urlencode({"q": query, "per_page": 24}))
    with connection.getresponse() as answer:
        body = answer.read()
        if answer.status != 200:
            raise Failure(f"`{query}`: {answer.status} {body.decode()}")
    return (time.perf_counter() - before) * 1e3


def section(size, built, peer, measured, over_http):
    rows, differing, slowest, least = [], [], 0, float("inf")
    for kind, (ours, theirs, unequal, hits) in measured.items():
        times, peer_times, http_times = sorted(ours), sorted(theirs), over_http[kind]
        speed = sum(theirs) / sum(ours[: len(theirs)])
        rows.append([
            kind,
            number(statistics.median(hits)),
            *map(number, [statistics.median(times), machine.percentile(times, 99)]),
            *map(number, [statistics.median(peer_times), machine.percentile(peer_times, 99)]),
            number(speed),
            *map(number, [statistics.median(http_times), machine.percentile(http_times, 99)]),
        ])
        differing += unequal
        slowest, least = max(slowest, machine.percentile(times, 99)), min(least, speed)
    floors = [
        Floor(f"search, {size:,} documents, p99 of the slowest kind", slowest, P99_MAX_MS, True, " ms"),
        Floor(f"search, {size:,} documents, times faster than FTS5, least of all kinds", least, TIMES_FASTER_MIN),
    ]
    head = [
        "query", "hits, median", "logjar, median ms", "p99", "FTS5, median ms", "p99", "times faster",
        "over HTTP, median ms", "p99",
    ]
    title = f"Search, {size:,} documents"
    return Section(title, text_of(built, peer, measured, differing), head, rows, floors)


def text_of(built, peer, measured, differing):
    compared = sum(len(theirs) for _, theirs, _, _ in measured.values())
    equal = f"All {compared:,} compared queries have equal totals."
    if differing:
        query, ours, theirs = differing[0]
        equal = f"Totals differ in {len(differing):,} of {compared:,} queries, as `{query}`: {ours:,} and {theirs:,}."
    return (
        f"{QUERIES:,} queries of a kind, drawn from the documents; one at a time, warm, with the total and the best 24 "
        f"in order; FTS5 of {peer.version} answers the first {PEER_QUERIES} of each, in turns with logjar. *Times faster* "
        f"compares the sums of those. {equal} Over HTTP the answer has what lists show of each hit, read from the log. "
        f"Built from state and log in {built['seconds']:.1f} s ({built['documents'] / built['seconds']:,.0f} documents a "
        f"second), {built['bytes'] / 1e6:,.0f} MB; FTS5 from finished documents in {peer.seconds:.1f} s, "
        f"{peer.bytes() / 1e6:,.0f} MB."
    )
