"""Checks a server against the list that deploy_load.py kept: nothing acknowledged is lost, nothing is half there.

Usage: check_load.py PORT JOURNAL LOG [ROUND]

LOG is what `logjar log cat --json` printed. With ROUND only that round's deploys are downloaded. Every acknowledged
deploy must be served with the right bytes, be in its metadata, and be on the log; every other one must be there whole or
not at all. Prints the counts.
"""

import http.client
import json
import pathlib
import re
import sys

from deploy_load import Journal, body_of


class Check:
    """Asks one server and collects what is wrong."""

    def __init__(self, port, log):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.logged_files = set(re.findall(r'"name":"([^"]+)"', log))
        self.listed = {}
        self.problems = []

    def get(self, path):
        self.connection.request("GET", "/repo/" + path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status not in (200, 404):
            self.problems.append(f"GET {path}: {answer.status} {answer.reason}")
        return body if answer.status == 200 else None

    def listed_versions(self, artifact):
        if artifact not in self.listed:
            metadata = self.get(f"org/example/load/{artifact}/maven-metadata.xml") or b""
            self.listed[artifact] = set(re.findall("<version>([^<]+)</version>", metadata.decode()))
        return self.listed[artifact]

    def check(self, deploy, acknowledged):
        name, version = deploy["name"], deploy["folder"].rsplit("/", 1)[1]
        is_listed = version in self.listed_versions(deploy["artifact"])
        is_on_log = name.rsplit("/", 1)[1] + ".jar" in self.logged_files
        jar, pom = self.get(name + ".jar"), self.get(name + ".pom")
        is_right = jar == body_of(deploy, ".jar") and pom == body_of(deploy, ".pom")
        is_absent = jar is None and pom is None
        # A snapshot version is listed for its other builds, too.
        is_unlisted = not is_listed or deploy["stamp"] is not None
        if is_right and is_on_log and is_listed:
            pass
        elif name in acknowledged:
            self.problems.append(
                f"acknowledged and lost: {name} (bytes right: {is_right}, on the log: {is_on_log}, in metadata: {is_listed})"
            )
        elif not (is_absent and not is_on_log and is_unlisted):
            self.problems.append(
                f"half there: {name} (jar: {jar is not None}, pom: {pom is not None}, bytes right: {is_right},"
                f" on the log: {is_on_log}, in metadata: {is_listed})"
            )
        late = name + "-sources.jar"
        if late in acknowledged and self.get(late) != body_of(deploy, "-sources.jar"):
            self.problems.append(f"acknowledged and lost: {late}")


def main():
    port, journal_path, log_path, *only_round = sys.argv[1:]
    journal = Journal(journal_path)
    acknowledged = {line["acknowledged"] for line in journal.lines if "acknowledged" in line}
    begun = [line["begun"] for line in journal.lines if "begun" in line]
    if only_round:
        begun = [deploy for deploy in begun if deploy["folder"].rsplit("/", 1)[1].startswith(only_round[0] + ".")]
    check = Check(int(port), pathlib.Path(log_path).read_text())
    for deploy in begun:
        check.check(deploy, acknowledged)
    print(f"{len(begun)} deploys checked, {len(acknowledged)} acknowledgements in all")
    if check.problems:
        sys.exit("\n".join(check.problems[:20]))


main()
