"""Deploys as fast as eight clients can, and keeps its own list of what the server acknowledged.

Usage: deploy_load.py PORT USER TOKEN ROUND JOURNAL

Writes to JOURNAL, a JSON object a line: `{"begun": deploy}` before the first byte of a deploy, `{"acknowledged": name}`
after the answer that says it is published. Deploys that an earlier round began and nobody acknowledged are sent again
first: the same bytes must be taken, however the server died. Ends when the server goes away; any other answer than
201 is an error.
"""

import base64
import functools
import hashlib
import http.client
import itertools
import json
import pathlib
import random
import sys
import threading

# One client each. Those that call themselves Maven finish a deploy by metadata, the others by its last file.
STYLES = ["curl", "maven", "curl", "maven", "late-files", "maven", "snapshot", "snapshot"]
AGENTS = {style: "curl/7.88.1" if style in ("curl", "late-files") else "Apache-Maven/3.9.16" for style in STYLES}


class Journal:
    """The client's own record; a line is written whole, by one thread at a time."""

    def __init__(self, path):
        self.lines = []
        if pathlib.Path(path).exists():
            self.lines = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()

    def write(self, entry):
        with self.lock:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()

    def unacknowledged(self):
        acknowledged = {line["acknowledged"] for line in self.lines if "acknowledged" in line}
        return [line["begun"] for line in self.lines if "begun" in line and line["begun"]["name"] not in acknowledged]


def new_deploy(load_round, client, number):
    """A deploy that nobody made before: two clients share an artifact, so that metadata is contended."""
    style, artifact = STYLES[client], f"load-{client // 2}"
    version = f"{load_round}.{client}.{number}"
    stem = f"{artifact}-{version}"
    folder = f"org/example/load/{artifact}/{version}"
    stamp = None
    if style == "snapshot":
        stamp = f"20260101.{load_round // 60 % 24:02}{load_round % 60:02}{client:02}-{number + 1}"
        stem = f"{artifact}-{load_round}.{client}-{stamp}"
        folder = f"org/example/load/{artifact}/{load_round}.{client}-SNAPSHOT"
    return {"name": f"{folder}/{stem}", "style": style, "artifact": artifact, "folder": folder, "stamp": stamp}


def body_of(deploy, suffix):
    """The bytes follow from the name, so that the check knows them too. A POM has its folder's coordinates."""
    if suffix == ".pom":
        version = deploy["folder"].rsplit("/", 1)[1]
        return (
            "<project><modelVersion>4.0.0</modelVersion><groupId>org.example.load</groupId>"
            f"<artifactId>{deploy['artifact']}</artifactId><version>{version}</version></project>"
        ).encode()
    name = deploy["name"] + suffix
    return random.Random(name).randbytes(random.Random(name).randrange(100, 60_000))


def metadata_of(deploy, level):
    version = deploy["folder"].rsplit("/", 1)[1]
    if level == "artifact":
        inner = f"<versioning><versions><version>{version}</version></versions></versioning>"
    else:
        time, build = deploy["stamp"].rsplit("-", 1)
        value = f"{version.removesuffix('-SNAPSHOT')}-{deploy['stamp']}"
        files = "".join(
            f"<snapshotVersion><extension>{extension}</extension><value>{value}</value></snapshotVersion>"
            for extension in ("jar", "pom")
        )
        inner = (
            f"<version>{version}</version><versioning>"
            f"<snapshot><timestamp>{time}</timestamp><buildNumber>{build}</buildNumber></snapshot>"
            f"<snapshotVersions>{files}</snapshotVersions></versioning>"
        )
    return f"<metadata><groupId>org.example.load</groupId><artifactId>{deploy['artifact']}</artifactId>{inner}</metadata>".encode()


def requests_of(deploy):
    """What is sent, as (path, body, name that the answer acknowledges)."""
    name = deploy["name"]
    if deploy["style"] in ("curl", "late-files"):
        yield name + ".jar", body_of(deploy, ".jar"), None
        yield name + ".pom", body_of(deploy, ".pom"), name
        if deploy["style"] == "late-files":
            yield name + "-sources.jar", body_of(deploy, "-sources.jar"), name + "-sources.jar"
        return
    for suffix in (".jar", ".pom"):
        body = body_of(deploy, suffix)
        yield name + suffix, body, None
        yield name + suffix + ".sha1", hashlib.sha1(body).hexdigest().encode(), None
    if deploy["style"] == "snapshot":
        yield deploy["folder"] + "/maven-metadata.xml", metadata_of(deploy, "version"), None
    yield f"org/example/load/{deploy['artifact']}/maven-metadata.xml", metadata_of(deploy, "artifact"), name


class Client(threading.Thread):
    """One deployer on one connection; `error` tells afterwards what a living server answered wrongly."""

    def __init__(self, port, credentials, journal):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.credentials = "Basic " + base64.b64encode(credentials.encode()).decode()
        self.journal = journal
        self.repeats = []
        self.new_deploys = []
        self.error = None

    def run(self):
        try:
            for deploy in self.repeats:
                self.send(deploy)
            for deploy in self.new_deploys:
                self.journal.write({"begun": deploy})
                self.send(deploy)
        except ValueError as error:
            self.error = str(error)
        except (OSError, http.client.HTTPException):
            pass  # The server was killed.

    def send(self, deploy):
        headers = {"Authorization": self.credentials, "User-Agent": AGENTS[deploy["style"]]}
        for path, body, acknowledges in requests_of(deploy):
            self.connection.request("PUT", "/repo/" + path, body=body, headers=headers)
            answer = self.connection.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.status != 201:
                raise ValueError(f"PUT {path}: {answer.status} {answer.reason} {text}")
            if acknowledges:
                self.journal.write({"acknowledged": acknowledges})


def main():
    port, user, token, load_round, journal_path = sys.argv[1:]
    journal = Journal(journal_path)
    unacknowledged = journal.unacknowledged()
    clients = [Client(int(port), f"{user}:{token}", journal) for _ in STYLES]
    for number, client in enumerate(clients):
        client.repeats = unacknowledged[number :: len(clients)]
        client.new_deploys = map(functools.partial(new_deploy, int(load_round), number), itertools.count())
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if errors := [client.error for client in clients if client.error]:
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
