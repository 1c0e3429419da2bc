"""How long after its 201 a deploy is found by search, and whether the list of recent deploys shows it at once."""

import http.client
import json
import statistics
import time

import machine
import registries
from downloads import pom, put
from processes import PATIENCE_SECONDS, Failure, Logjar
from report import Floor, Section, number

PORT = 19206
# After so long without a deploy the writer of the index is closed, and has to be opened again.
QUIET_SECONDS = 6
FINDABLE_MAX_MS = 1000


def measure(binaries, folder, quick):
    server = Logjar(binaries, folder, PORT)
    registries.generate(binaries, server.data, artifacts=30_000, versions=300_000)
    in_a_row, after_quiet = (10, 2) if quick else (100, 10)
    with server.serving():
        registries.wait_for_derived(server.data)
        token = server.new_token()
        deploys = Deploys(server, token)
        rows, shown, longest = [], 0, 0
        for what, count, pause in (
            ("one after the other", in_a_row, 0),
            (f"each after {QUIET_SECONDS} s of quiet", after_quiet, QUIET_SECONDS),
        ):
            found, recent = zip(*(deploys.one(pause) for _ in range(count)), strict=True)
            times = sorted(found)
            median, p99 = statistics.median(times), machine.percentile(times, 99)
            rows.append([what, str(count), number(median), number(p99), str(sum(recent))])
            longest, shown = max(longest, times[-1]), shown + sum(recent)
    floors = [
        Floor("deploy findable after its 201, longest", longest, FINDABLE_MAX_MS, True, " ms"),
        Floor("deploys in the list of recent ones right after their 201", shown, in_a_row + after_quiet),
    ]
    text = (
        "A jar and a POM, sent as by curl to a registry of 300,000 versions of 30,000 artifacts; from the 201 that "
        "says deployed until `/api/v1/search` finds the new artifact by its name, asked without pause over one connection. "
        "`/api/v1/recent` was asked once, right after the 201."
    )
    head = ["deploys", "count", "findable after, median ms", "p99 ms", "in *recent* at once"]
    return Section("From deployed to findable", text, head, rows, floors)


class Deploys:
    """Deploys new artifacts, one at a time, and looks for them."""

    def __init__(self, server, token):
        self.server, self.token, self.count = server, token, 0
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT)

    def one(self, pause):
        """Milliseconds until it was found, and whether the recent deploys had it at once."""
        time.sleep(pause)
        self.count += 1
        artifact = f"quokka{self.count}"
        stem = f"{self.server.url}/repo/org/example/{artifact}/1.0/{artifact}-1.0"
        put(stem + ".jar", bytes(20_000), self.token)
        put(stem + ".pom", pom(artifact, 1024), self.token)
        deployed = time.perf_counter()
        recent = any(each["artifact"] == artifact for each in self.get("/api/v1/recent?limit=1")["deploys"])
        while self.get(f"/api/v1/search?q={artifact}")["total"] == 0:
            if time.perf_counter() - deployed > PATIENCE_SECONDS:
                raise Failure(f"`{artifact}` was deployed and cannot be found")
        return (time.perf_counter() - deployed) * 1e3, recent

    def get(self, path):
        self.connection.request("GET", path)
        with self.connection.getresponse() as answer:
            if answer.status != 200:
                raise Failure(f"GET `{path}`: {answer.status}")
            return json.loads(answer.read())
