"""How fast a log becomes a state, from plain and from compressed segments; how small these are; and how soon a server is
ready: without a state snapshot, with one, after a crash."""

import json
import os
import pathlib
import shutil
import signal
import statistics
import time

import registries
from processes import Logjar, run, run_json
from report import Floor, Section, number, ratio, spread

PORT = 19204
PASSES = {
    "read": "reads the bytes",
    "hash": "reads and hashes them (SHA-256)",
    "check": "checks every line: form, crc, Merkle tree",
    "decode": "makes events of them too",
    "replay": "folds the events into a state too",
    "compressed": "the same from compressed segments",
}
MB_MIN = 450
COMPRESSED_MIN = 0.7
LINE_MILLISECONDS_MAX = 0.5
# Bytes of a deploy in compressed segments, and of each of its files.
DEPLOY_BYTES, FILE_BYTES = 160, 36
READY_MAX = {"with a state snapshot": 0.3, "after kill -9": 0.5}


def measure(binaries, folder, quick, rounds):
    server = Logjar(binaries, folder, PORT)
    events = 100_000 if quick else 1_000_000
    registries.generate(binaries, server.data, events=events)
    copy = folder / "compressed"
    shutil.copytree(server.data, copy)
    sizes = json.loads(run([server.program, "log", "compress", "--json", "--data", copy]))
    *measured, lines = run_json([pathlib.Path(binaries) / "examples" / "replay_bench", server.data, copy, rounds])
    deploys, files = deploys_and_files(server.data / "events")
    shutil.rmtree(copy)
    return [
        replay_section(measured),
        size_section(sizes, sorted(lines["micros"]), deploys, files),
        start_section(server, rounds, measured[0]),
    ]


def deploys_and_files(events):
    """How many deploys the plain segments have, and files of these."""
    deploys = files = 0
    for segment in sorted(events.glob("0*.jsonl")):
        with open(segment, "rb") as lines:
            for line in lines:
                if b'"kind":"version.deployed"' in line:
                    deploys, files = deploys + 1, files + line.count(b'"sha256":')
    return deploys, files


def size_section(sizes, micros, deploys, files):
    a_deploy, goal = sizes["stored"] / deploys, DEPLOY_BYTES + FILE_BYTES * files / deploys
    median, high = (micros[len(micros) * part // 100] / 1e3 for part in (50, 99))
    rows = [
        ["bytes of the sealed segments", number(sizes["bytes"] / 1e6) + " MB"],
        ["of these files when they are compressed", number(sizes["stored"] / 1e6) + " MB"],
        [f"a deploy, with {files / deploys:.1f} files", f"{a_deploy:.0f} bytes"],
        ["one line by its position, p50 and p99", f"{median:.2f} and {high:.2f} ms"],
    ]
    floors = [
        Floor("bytes of a deploy in compressed segments", a_deploy, round(goal), True),
        Floor("one line of a compressed segment, p50", median, LINE_MILLISECONDS_MAX, True, " ms"),
    ]
    text = (
        "The same log after `logjar log compress`. Sizes hold all other lines, too. Lines are read all over the log, "
        f"{len(micros):,} times, from the page cache."
    )
    return Section("Compressed segments", text, ["what", ""], rows, floors)


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
    rate = ratio([1 / each for each in work["compressed"]], [1 / each for each in work["replay"]])
    floors = [
        Floor("replay on one core", size / statistics.median(work["replay"]), MB_MIN, unit=" MB/s"),
        Floor("rate of a replay from compressed segments, of plain ones", rate, COMPRESSED_MIN),
    ]
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
        f"{log['bytes'] / 1e6:,.0f} MB. After kill -9 the server first copies the segment that was being written, so that "
        "what it serves is really on disk; that takes as long as the disk needs for it."
    )
    return Section("Starts", text, ["start", "seconds until ready"], rows, floors)


def seconds_to_ready(server):
    began = time.perf_counter()
    with server.serving():
        return time.perf_counter() - began
