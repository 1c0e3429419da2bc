"""Downloads beside nginx, which serves the same files from the server's own folder."""

import base64
import contextlib
import dataclasses
import hashlib
import os
import random
import re
import statistics
import subprocess
import urllib.request

from processes import USER, Failure, Logjar, cpu_seconds, run, started
from report import Floor, Section, number, ratio, spread

LOGJAR_PORT, NGINX_PORT = 19200, 19201
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 64
WARM_UP_SECONDS = 1
# For an answer of 5 MB, 64 at once, on a machine that may do something else for a moment.
TIMEOUT_SECONDS = 10
GROUP_PATH = "org/example"
# What is asked for: the artifact, its suffix, bytes; of nginx the least share of its requests a second, and the most of
# its CPU time a request.
FILES = [
    ("2 KB pom", "small", ".pom", 2 * 1024, 1.25, 1.0),
    ("100 KB jar", "small", ".jar", 100 * 1024, 1.1, 1.0),
    ("5 MB jar", "large", ".jar", 5 * 1024 * 1024, 1.1, 1.2),
]
P99_MAX = 1.5  # of nginx's

# wrk's units.
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}

# Number of requests a connection is unlimited, or nginx would pay for new ones; small files keep their descriptors open.
NGINX_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    types_hash_max_size 2048;
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    open_file_cache max=1000 inactive=60s;
    open_file_cache_valid 60s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
    }}
}}
"""


@dataclasses.dataclass
class Peer:
    """A server under load, and what was measured of it for one file."""

    name: str
    pid: int
    url: str
    answer_bytes: int = 0
    rates: list = dataclasses.field(default_factory=list)
    p99s: list = dataclasses.field(default_factory=list)
    cpu: list = dataclasses.field(default_factory=list)


def measure(binaries, folder, seconds, rounds):
    server = Logjar(binaries, folder, LOGJAR_PORT)
    rows, floors = [], []
    with contextlib.ExitStack() as stack:
        logjar_pid = stack.enter_context(server.serving(core=SERVER_CORE))
        deploy_files(server, server.new_token())
        nginx_pid = stack.enter_context(nginx(folder, server.data / "repository" / "repo"))
        for title, artifact, suffix, size, rate_min, cpu_max in FILES:
            path = f"/{GROUP_PATH}/{artifact}/1.0/{artifact}-1.0{suffix}"
            ours = Peer("logjar", logjar_pid, f"{server.url}/repo{path}")
            theirs = Peer("nginx", nginx_pid, f"http://127.0.0.1:{NGINX_PORT}{path}")
            check_same(ours, theirs, size)
            compare(ours, theirs, seconds, rounds)
            rows += [row(title, ours, theirs), row(title, theirs, theirs)]
            floors += [
                Floor(f"download, {title}, of nginx", ratio(ours.rates, theirs.rates), rate_min),
                Floor(f"download, {title}, CPU a request, of nginx", ratio(ours.cpu, theirs.cpu), cpu_max, True),
                Floor(f"download, {title}, p99, of nginx", ratio(ours.p99s, theirs.p99s), P99_MAX, True),
            ]
    text = (
        f"{CONNECTIONS} kept connections of `wrk -t1 -c{CONNECTIONS}` on core {LOAD_CORE}, each server with one worker on "
        f"core {SERVER_CORE} and idle while the other one is measured; {rounds} rounds of {seconds} s after "
        f"{WARM_UP_SECONDS} s of warm-up, in turns. {nginx_version()}: sendfile, "
        "tcp_nopush, open_file_cache, no access log, no limit of requests a connection."
    )
    head = ["file", "server", "requests/s", "of nginx", "p99 ms", "CPU µs a request", "of nginx"]
    return Section("Downloads", text, head, rows, floors)


def row(title, peer, nginx_peer):
    return [
        title,
        peer.name,
        spread(peer.rates),
        f"{ratio(peer.rates, nginx_peer.rates):.2f}",
        number(statistics.median(peer.p99s)),
        spread(peer.cpu),
        f"{ratio(peer.cpu, nginx_peer.cpu):.2f}",
    ]


def nginx_version():
    printed = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return printed.strip().removeprefix("nginx version: ")


@contextlib.contextmanager
def nginx(folder, root):
    """Yields the pid of nginx's master."""
    home = folder / "nginx"
    home.mkdir()
    configuration = home / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(NGINX_CONFIGURATION.format(folder=home, port=NGINX_PORT, root=root, user=user))
    command = ["taskset", "-c", SERVER_CORE, "nginx", "-e", home / "nginx.log", "-c", configuration]
    with started(command, f"http://127.0.0.1:{NGINX_PORT}/", home / "output.log") as pid:
        yield pid


def deploy_files(server, token):
    """Deploys what is then downloaded, as curl would."""
    sizes = {artifact + suffix: size for _, artifact, suffix, size, *_ in FILES}
    for artifact in ("small", "large"):
        stem = f"{server.url}/repo/{GROUP_PATH}/{artifact}/1.0/{artifact}-1.0"
        put(stem + ".jar", random.Random(artifact).randbytes(sizes[artifact + ".jar"]), token)
        put(stem + ".pom", pom(artifact, sizes.get(artifact + ".pom", 1024)), token)


def pom(artifact, size):
    """A POM of exactly that many bytes."""
    begin = (
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId>"
        f"<artifactId>{artifact}</artifactId><version>1.0</version><description>"
    )
    end = "</description></project>\n"
    return (begin + "x" * (size - len(begin) - len(end)) + end).encode()


def put(url, body, token):
    credentials = base64.b64encode(f"{USER}:{token}".encode()).decode()
    headers = {"Authorization": "Basic " + credentials, "User-Agent": "curl/7.88.1"}
    with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method="PUT")) as answer:
        if answer.status != 201:
            raise Failure(f"PUT `{url}`: {answer.status}")


def check_same(ours, theirs, size):
    """A server that answers something else would be fast for nothing."""
    sums = set()
    for peer in (ours, theirs):
        body, peer.answer_bytes = fetch(peer.url)
        sums.add(hashlib.sha256(body).digest())
        if len(body) != size:
            raise Failure(f"`{peer.url}` has {len(body)} bytes, not {size}")
    if len(sums) != 1:
        raise Failure(f"`{ours.url}` and `{theirs.url}` differ")


def fetch(url):
    """The body, and the bytes of the answer as it goes over the wire: status line, headers, an empty line, body."""
    with urllib.request.urlopen(url) as answer:
        body = answer.read()
        head = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in answer.headers.items()), "", ""]
        return body, len("\r\n".join(head)) + len(body)


def compare(ours, theirs, seconds, rounds):
    """In turns, and each first in every other round."""
    for peer in (ours, theirs):
        load(peer.url, WARM_UP_SECONDS)
    for number_of_round in range(rounds):
        order = (ours, theirs) if number_of_round % 2 == 0 else (theirs, ours)
        for peer in order:
            before = cpu_seconds(peer.pid)
            read, duration, p99 = load(peer.url, seconds)
            answers = read / peer.answer_bytes
            peer.rates.append(answers / duration)
            peer.p99s.append(p99)
            peer.cpu.append((cpu_seconds(peer.pid) - before) * 1e6 / answers)


def load(url, seconds):
    """One run of wrk: bytes read, seconds, p99 in milliseconds.

    Bytes, because wrk counts only whole answers, and of large ones many are under way when the time is over.
    """
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s", "--latency", url]
    printed = run(["taskset", "-c", LOAD_CORE, *wrk])
    if re.search(r"Non-2xx|Socket errors", printed):
        raise Failure(f"wrk met errors at `{url}`:\n{printed}")
    p99, time_unit = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", printed).groups()
    duration, duration_unit, read, size_unit = re.search(
        r"requests in ([\d.]+)(us|ms|s|m), ([\d.]+)(B|KB|MB|GB) read", printed
    ).groups()
    return (
        float(read) * SIZES[size_unit],
        float(duration) * MILLISECONDS[duration_unit] / 1e3,
        float(p99) * MILLISECONDS[time_unit],
    )
