"""How fast a log becomes a state, and how soon a server is ready: without a state snapshot, with one, after a crash."""

import os
import pathlib
import shutil
import signal
import statistics
import time

import registries
from processes import Logjar, run_json
from report import Floor, Section, number, ratio, spread

PORT = 19204
PASSES = {
    "read": "reads the bytes",
    "hash": "reads and hashes them (SHA-256)",
    "check": "checks every line: form, crc, Merkle tree",
    "decode": "makes events of them too",
    "replay": "folds the events into a state too",
}
MB_MIN = 450
READY_MAX = {"with a state snapshot": 0.3, "after kill -9": 0.5}


def measure(binaries, folder, quick, rounds):
    server = Logjar(binaries, folder, PORT)
    events = 100_000 if quick else 1_000_000
    registries.generate(binaries, server.data, events=events)
    measured = run_json([pathlib.Path(binaries) / "examples" / "replay_bench", server.data, rounds])
    return [replay_section(measured), start_section(server, rounds, measured[0])]


def replay_section(measured):
    of_pass = {name: [each for each in measured if each["pass"] == name] for name in PASSES}
    work = {name: [each["work"] for each in rounds] for name, rounds in of_pass.items()}
    lines, size = measured[0]["lines"], measured[0]["bytes"] / 1e6
    rows = []
    for name, what in PASSES.items():
        median = statistics.median(work[name])
        rows.append([
            what,
            spread([each["seconds"] for each in of_pass[name]]),
            spread(work[name]),
            number(size / median),
            number(lines / median),
            f"{ratio(work[name], work['hash']):.1f}",
        ])
    floors = [Floor("replay on one core", size / statistics.median(work["replay"]), MB_MIN, unit=" MB/s")]
    text = (
        f"{lines:,} lines of a made-up registry, {size:,.0f} MB in the page cache, on one thread, one pass after the "
        "other in each round. Each pass does what the one before does and more, from the third on with the program's "
        "own code. Rates are by the time on the core."
    )
    head = ["pass", "seconds", "on the core", "MB/s", "lines/s", "times the hash"]
    return Section("Replay", text, head, rows, floors)


def start_section(server, rounds, log):
    without, with_one, killed = [], [], []
    for _ in range(rounds):
        shutil.rmtree(server.data / "derived", ignore_errors=True)
        without.append(seconds_to_ready(server))
    with server.serving():
        registries.wait_for_derived(server.data)
    for _ in range(rounds):
        with_one.append(seconds_to_ready(server))
        with server.serving() as pid:
            os.kill(pid, signal.SIGKILL)
        killed.append(seconds_to_ready(server))
    rows = [
        ["without a state snapshot", spread(without)],
        ["with one", spread(with_one)],
        ["with one, after kill -9", spread(killed)],
    ]
    floors = [
        Floor(f"start {what}, {log['lines']:,} lines", statistics.median(times), READY_MAX[what], True, " s")
        for what, times in (("with a state snapshot", with_one), ("after kill -9", killed))
    ]
    text = (
        "From the start of the process to the first 200 of `/health/ready`, on the same log of "
        f"{log['bytes'] / 1e6:,.0f} MB in one segment. After kill -9 the server first copies the segment that was being "
        "written, so that what it serves is really on disk; that takes as long as the disk needs for it."
    )
    return Section("Starts", text, ["start", "seconds until ready"], rows, floors)


def seconds_to_ready(server):
    began = time.perf_counter()
    with server.serving():
        return time.perf_counter() - began
