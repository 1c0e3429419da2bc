"""Whole deploys: how many a second, whether the thousandth costs what the first did, and the memory that they take."""

import contextlib
import os
import pathlib
import statistics
import time

import machine
from processes import USER, Logjar, anonymous_mib, cpu_seconds, run, run_json
from report import Floor, Section, number, ratio, spread

PORT = 19202
CLIENTS = (1, 16)
IDLE_SECONDS = 5
# By then threads that were started for the load have ended.
QUIET_SECONDS = 20
# Times differ by that much without a reason.
FLAT_LIMIT = 1.2
# A whole deploy by one client, in median syncs of the same disk.
SYNCS_LIMIT = 8
# Times the rate of the build that it is compared with, by sixteen clients.
BESIDE_MIN = 3
BESIDE_PORT = 19208
MEMORY_LIMIT_MIB = 40


class Load:
    """The server, and the program that deploys to it."""

    def __init__(self, binaries, server, pid, token):
        self.program = pathlib.Path(binaries) / "examples" / "deploy_load"
        self.server, self.pid = server, pid
        self.environment = {**os.environ, "LOGJAR_TOKEN": token}
        self.count = 0

    def run(self, artifact, clients, first, count, metadata="own"):
        """Deploys; returns the rate, the milliseconds of each deploy, and the server's CPU milliseconds for each."""
        before = cpu_seconds(self.pid)
        command = [self.program, self.server.port, USER, artifact, clients, first, count, metadata]
        (result,) = run_json(command, env=self.environment)
        cpu = (cpu_seconds(self.pid) - before) * 1e3 / result["deploys"]
        self.count += result["deploys"]
        return result["deploys"] / result["seconds"], result["milliseconds"], cpu


def measure(binaries, folder, quick, rounds, beside):
    versions, block = (200, 10) if quick else (1000, 10)
    last = 50 if quick else 100
    server = Logjar(binaries, folder, PORT)
    with server.serving() as pid:
        time.sleep(IDLE_SECONDS)
        memory = [("empty", anonymous_mib(pid))]
        load = Load(binaries, server, pid, server.new_token())
        syncs = machine.sync_milliseconds(folder, 300)
        load.run("grown", 1, 1, versions - last)
        flat = [compare_flat(load, "new", versions - last, last, block, "own")]
        time.sleep(IDLE_SECONDS)
        memory.append((f"after {load.count:,} deploys", anonymous_mib(pid)))
        flat.append(compare_flat(load, "new-whole", versions, last, block, "whole"))
        rates = measure_rates(load, rounds)
        time.sleep(IDLE_SECONDS)
        memory.append((f"after {load.count:,} deploys", anonymous_mib(pid)))
        time.sleep(QUIET_SECONDS)
        memory.append((f"{QUIET_SECONDS} s later", anonymous_mib(pid)))
    sections = [rate_section(rates, syncs), flat_section(flat, versions, last), memory_section(memory)]
    return sections + ([beside_section(binaries, beside, folder, rounds)] if beside else [])


def compare_flat(load, new_artifact, versions_before, count, block, metadata):
    """The first versions of a new artifact in turns with further ones of the grown artifact, a block at a time."""
    times, cpu = ([], []), ([], [])
    for done in range(0, count, block):
        for side, (artifact, first) in enumerate([(new_artifact, 1), ("grown", versions_before + 1)]):
            _, milliseconds, cpu_each = load.run(artifact, 1, first + done, block, metadata)
            times[side].extend(milliseconds)
            cpu[side].append(cpu_each)
    return metadata, [statistics.median(each) for each in times], [statistics.mean(each) for each in cpu]


def measure_rates(load, rounds, first_round=0):
    rates = {clients: [] for clients in CLIENTS}
    for number_of_round in range(first_round, first_round + rounds):
        for clients in CLIENTS:
            rates[clients].append(load.run(f"rate-{number_of_round}-{clients}", clients, 1, 100 if clients == 1 else 25))
    return rates


def rate_section(rates, syncs):
    rows = []
    for clients, results in rates.items():
        times = sorted(time for _, milliseconds, _ in results for time in milliseconds)
        rows.append([
            str(clients),
            spread([rate for rate, _, _ in results]),
            number(statistics.median(times)),
            number(machine.percentile(times, 99)),
            spread([cpu for _, _, cpu in results]),
            number(statistics.median(times) / statistics.median(syncs)),
        ])
        if clients == 1:
            in_syncs = statistics.median(times) / statistics.median(syncs)
            floors = [Floor("whole deploy by one client, in median syncs", in_syncs, SYNCS_LIMIT, True)]
    text = (
        "A jar of 20 KB, a POM, the SHA-1 and MD5 sums of both, and the artifact's metadata, which finishes the deploy: "
        "seven requests, durable when the last is answered. Each client keeps one connection and deploys an artifact of "
        f"its own. For scale, {machine.sync_text(syncs)}."
    )
    head = ["clients", "deploys/s", "median ms", "p99 ms", "server's CPU ms a deploy", "median, in median syncs"]
    return Section("Whole deploys", text, head, rows, floors)


def beside_section(binaries, beside, folder, rounds):
    """Both builds on the same disk, in turns, by the same program."""
    sides = {}
    with contextlib.ExitStack() as stack:
        for name, programs, port in (("this", binaries, PORT), ("the other", beside, BESIDE_PORT)):
            home = folder / name
            home.mkdir()
            server = Logjar(programs, home, port)
            pid = stack.enter_context(server.serving())
            sides[name] = Load(binaries, server, pid, server.new_token())
        time.sleep(IDLE_SECONDS)
        measured = {name: [] for name in sides}
        for number_of_round in range(rounds):
            for name, load in sides.items():
                measured[name].append(measure_rates(load, 1, number_of_round))
    rates = {
        name: {clients: [each[clients][0][0] for each in of_side] for clients in CLIENTS}
        for name, of_side in measured.items()
    }
    ratios = {clients: ratio(rates["this"][clients], rates["the other"][clients]) for clients in CLIENTS}
    rows = [
        [str(clients), *(spread(rates[name][clients]) for name in sides), f"{ratios[clients]:.2f}"] for clients in CLIENTS
    ]
    most = max(CLIENTS)
    floors = [Floor(f"whole deploys by {most} clients, of the other build", ratios[most], BESIDE_MIN)]
    version = run([pathlib.Path(beside) / "logjar", "--version"]).strip()
    text = f"The same load, in turns, with an earlier build ({version}, named by `--beside`) that has a folder of its own."
    head = ["clients", "deploys/s", "the other's deploys/s", "ratio"]
    return Section("Whole deploys beside an earlier build", text, head, rows, floors)


def flat_section(flat, versions, last):
    names = {"own": "names the new version", "whole": "asked for, extended and sent with its sums, as by Maven"}
    rows, floors = [], []
    for metadata, (new, grown), (new_cpu, grown_cpu) in flat:
        cells = [new, grown, grown / new, new_cpu, grown_cpu]
        rows.append([names[metadata], *map(number, cells), f"{grown_cpu / new_cpu:.2f}" if new_cpu else "–"])
    _, (new, grown), _ = flat[0]
    floors.append(Floor(f"deploy, last {last} of {versions:,} versions, of the first", grown / new, FLAT_LIMIT, True))
    text = (
        f"The first {last} versions of a new artifact, in turns of ten with the last {last} of {versions:,} versions of "
        f"another one (with Maven's metadata: the {last} after those), by one client; medians of the time, means of the "
        "server's CPU time. The second row holds what the format itself costs: the document names every version, and "
        "goes both ways."
    )
    head = ["metadata", "first, ms", "last, ms", "ratio", "first, CPU ms", "last, CPU ms", "ratio"]
    return Section("Cost of the thousandth version", text, head, rows, floors)


def memory_section(memory):
    rows = [[when, f"{mib:.1f}"] for when, mib in memory]
    when, mib = memory[1]
    floors = [Floor(f"anonymous memory {when}", mib, MEMORY_LIMIT_MIB, True, " MiB")]
    text = f"`RssAnon` of the server, idle for {IDLE_SECONDS} s. The second row is by one client, the third by sixteen too."
    return Section("Memory", text, ["registry", "anonymous MiB"], rows, floors)
