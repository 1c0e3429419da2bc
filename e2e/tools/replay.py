"""Replays a recorded deploy against a server and checks each answer that the client needed.

Usage: replay.py RECORDING REPOSITORY_URL USER TOKEN JAR [PREFIX]

RECORDING has one request a line; the README beside the recordings explains the fields. The main jar of each version is
JAR, so that what was deployed can be run, and JAR.second where the recording has it a second time with other bytes; all
other bytes are made from their labels. Pauses are not kept. With PREFIX, the group is put below that group.
"""

import base64
import hashlib
import http.client
import json
import pathlib
import re
import sys
import urllib.parse

recording, repository_url, user, token, jar = sys.argv[1:6]
prefix = sys.argv[6].replace(".", "/") + "/" if len(sys.argv) > 6 else ""
server = urllib.parse.urlsplit(repository_url)
credentials = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()
SUMS = ("md5", "sha1", "sha256", "sha512")


def make_pom(path, packaging):
    *group, artifact, version, _ = path.split("/")
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        f"<groupId>{'.'.join(group)}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"<packaging>{packaging}</packaging></project>"
    ).encode()


def make_metadata(path, metadata):
    """Metadata as clients write it: every version that is listed, or the stamp of a snapshot."""
    if metadata["level"] == "artifact":
        *group, artifact, _ = path.split("/")
        versions = "".join(f"<version>{version}</version>" for version in metadata["versions"])
        inner = f"<versioning><versions>{versions}</versions></versioning>"
    else:
        *group, artifact, version, _ = path.split("/")
        time, build = metadata["stamp"].rsplit("-", 1)
        inner = (
            f"<version>{version}</version><versioning><snapshot><timestamp>{time}</timestamp>"
            f"<buildNumber>{build}</buildNumber></snapshot></versioning>"
        )
    return f"<metadata><groupId>{'.'.join(group)}</groupId><artifactId>{artifact}</artifactId>{inner}</metadata>".encode()


def make_body(request, path, sent):
    name, _, extension = path.rpartition(".")
    if extension in SUMS:
        return hashlib.new(extension, sent.get(name, b"")).hexdigest().encode()
    if "metadata" in request:
        return make_metadata(path, request["metadata"])
    if "pom" in request:
        return make_pom(path, request["pom"]["packaging"])
    artifact, version, file = path.split("/")[-3:]
    is_main_jar = re.fullmatch(re.escape(artifact) + r"-[0-9][^a-z]*(-SNAPSHOT)?\.jar", file)
    if is_main_jar:
        return pathlib.Path(jar + ".second" if "#" in request["body"] else jar).read_bytes()
    return request["body"].encode() * 20


def replay():
    connections, sent = {}, {}
    for line in pathlib.Path(recording).read_text().splitlines():
        request = json.loads(line)
        path = prefix + request["p"].removeprefix("/repo/")
        headers = {"User-Agent": request["ua"]}
        if request.get("auth"):
            headers["Authorization"] = credentials
        body = None
        if request["m"] == "PUT":
            body = make_body(request, path, sent)
            sent[path] = body
        connection = connections.setdefault(request["c"], http.client.HTTPConnection(server.hostname, server.port, timeout=30))
        connection.request(request["m"], server.path + path, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace").strip()
        print(answer.status, request["m"], path, text if request["m"] == "PUT" else "")
        if "want" in request and answer.status != request["want"]:
            sys.exit(f"{request['m']} {path}: {answer.status} {answer.reason} instead of {request['want']}: {text}")


replay()
