"""Downloads while people sign in with their passwords, and the memory that hashing takes and gives back."""

import base64
import contextlib
import dataclasses
import http.client
import json
import os
import statistics
import threading
import time
import urllib.request

import machine
from downloads import CONNECTIONS, FILES, GROUP_PATH, LOAD_CORE, SERVER_CORE, deploy_files, fetch, load
from processes import USER, Failure, Logjar, anonymous_mib
from report import Floor, Section, number, ratio, spread

PORT = 19203
PEOPLE = 50
# Small files: their answers are quickest, so that they would feel a neighbour first.
SIZE_MAX = 100 * 1024
SHARE_MIN = 0.8
IDLE_SECONDS = 5
MEMORY_GROWTH_MAX_MIB = 8


@dataclasses.dataclass
class Crowd:
    """People who sign in again and again, each over one connection and from an address of their own."""

    milliseconds: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    refused: int = 0

    @contextlib.contextmanager
    def signing_in(self):
        done = threading.Event()
        threads = [threading.Thread(target=self.sign_in, args=(person, done)) for person in range(PEOPLE)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join()
            self.seconds += time.perf_counter() - begin

    def sign_in(self, person, done):
        # Of this thread only; the server's core is the server's.
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        headers = {"X-Forwarded-For": f"192.0.2.{person}", "Content-Type": "application/json"}
        body = json.dumps({"name": name_of(person), "password": password_of(person)})
        while not done.is_set():
            before = time.perf_counter()
            connection.request("POST", "/api/v1/auth/check", body, headers)
            answer = connection.getresponse()
            authenticated = json.loads(answer.read()).get("authenticated")
            if answer.status == 429:
                self.refused += 1
                done.wait(1)
            elif authenticated:
                self.milliseconds.append((time.perf_counter() - before) * 1e3)
            else:
                raise Failure(f"`{name_of(person)}` could not sign in: {answer.status}")


def name_of(person):
    return f"person{person}"


def password_of(person):
    return f"the password of person {person}"


def measure(binaries, folder, seconds, rounds):
    server = Logjar(binaries, folder, PORT)
    rows, floors = [], []
    crowd = Crowd()
    with server.serving(core=SERVER_CORE, environment=["LOGJAR_TRUSTED_PROXIES=127.0.0.1"]) as pid:
        token = server.new_token("read,deploy,manage")
        deploy_files(server, token)
        register(server, token)
        time.sleep(IDLE_SECONDS)
        paths = [(title, path_of(artifact, suffix)) for title, artifact, suffix, size, *_ in FILES if size <= SIZE_MAX]
        for _, path in paths:
            load(server.url + path, 1)
        before = anonymous_mib(pid)
        for title, path in paths:
            quiet, busy = compare(server.url + path, crowd, seconds, rounds)
            share = ratio([rate for rate, _ in busy], [rate for rate, _ in quiet])
            rows.append(row(title, quiet, busy, share))
            floors.append(Floor(f"download, {title}, while {PEOPLE} sign in, of before", share, SHARE_MIN))
        meanwhile = anonymous_mib(pid)
        time.sleep(IDLE_SECONDS)
        after = anonymous_mib(pid)
    floors.append(Floor("anonymous memory after signing in", after - before, MEMORY_GROWTH_MAX_MIB, True, " MiB more"))
    head = ["file", "before, requests/s", "meanwhile, requests/s", "of before", "before, p99 ms", "meanwhile, p99 ms"]
    return Section("Downloads while people sign in", text_of(crowd, before, meanwhile, after), head, rows, floors)


def register(server, token):
    credentials = base64.b64encode(f"{USER}:{token}".encode()).decode()
    for person in range(PEOPLE):
        user = {"name": name_of(person), "email": "person@example.org", "password": password_of(person)}
        request = urllib.request.Request(
            f"{server.url}/api/v1/users",
            json.dumps(user).encode(),
            {"Authorization": "Basic " + credentials, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request):
            pass


def path_of(artifact, suffix):
    return f"/repo/{GROUP_PATH}/{artifact}/1.0/{artifact}-1.0{suffix}"


def compare(url, crowd, seconds, rounds):
    """Requests a second and p99, in turns without and with the crowd."""
    _, answer_bytes = fetch(url)
    quiet, busy = [], []
    for _ in range(rounds):
        for results, crowded in ((quiet, contextlib.nullcontext()), (busy, crowd.signing_in())):
            with crowded:
                read, duration, p99 = load(url, seconds)
            results.append((read / answer_bytes / duration, p99))
    return quiet, busy


def row(title, quiet, busy, share):
    rates = [spread([rate for rate, _ in each]) for each in (quiet, busy)]
    p99s = [number(statistics.median(p99 for _, p99 in each)) for each in (quiet, busy)]
    return [title, *rates, f"{share:.2f}", *p99s]


def text_of(crowd, before, meanwhile, after):
    times = sorted(crowd.milliseconds)
    return (
        f"{CONNECTIONS} kept connections of wrk on core {LOAD_CORE}, the server on core {SERVER_CORE}, in turns without and "
        f"with {PEOPLE} people who sign in again and again, each with a password of their own. They came in at "
        f"{number(len(times) / crowd.seconds)} a second, in {number(statistics.median(times))} ms (median), "
        f"{number(machine.percentile(times, 99))} ms (p99); {crowd.refused} were told to come back in 2 s. `RssAnon` of "
        f"the server: {before:.1f} MiB before, {meanwhile:.1f} MiB at the end, {after:.1f} MiB {IDLE_SECONDS} s later."
    )
