"""What is left of a year of continuous integration when its log is collapsed, and how long that takes."""

import json
import shutil
import time

import registries
from processes import Logjar, run
from report import Floor, Section, number

PORT = 19205
ARTIFACTS, DAYS = 50, 365
GONE_MIN = 90


def measure(binaries, folder, quick):
    server = Logjar(binaries, folder, PORT)
    days = 30 if quick else DAYS
    registries.generate(binaries, server.data, artifacts=ARTIFACTS, users=10, ci_days=days)

    def logjar(*words):
        began = time.monotonic()
        said = json.loads(run([server.program, "log", *words, "--json", "--data", server.data]))
        return said, time.monotonic() - began

    before, _ = logjar("digest")
    _, compressing = logjar("compress")
    stored = sum(segment["stored"] for segment in logjar("stat")[0]["segments"])
    done, collapsing = logjar("collapse")
    after, _ = logjar("digest")
    left = sum(segment["stored"] for segment in logjar("stat")[0]["segments"])
    again, _ = logjar("collapse")
    archived = sum(file.stat().st_size for file in (server.data / "events" / "archive").iterdir())
    shutil.rmtree(server.data)
    part = 100 * done["lines"] / done["lines_before"]
    rows = [
        ["lines before", f"{done['lines_before']:,}"],
        ["lines that collapsed", f"{done['lines']:,} ({part:.1f} %)"],
        ["bytes of all segments, compressed", number(stored / 1e6) + " MB"],
        ["the same, collapsed", number(left / 1e6) + " MB"],
        ["in the archive", number(archived / 1e6) + " MB"],
        ["state and root before and after", "equal" if before == after else "NOT EQUAL"],
        ["lines that a second run found", f"{again['lines']:,}"],
        ["time to compress", f"{compressing:.1f} s"],
        ["time to collapse", f"{collapsing:.1f} s"],
    ]
    floors = [
        Floor("lines of continuous integration that collapse", part, GONE_MIN, unit=" %"),
        Floor("equal state and root after collapsing", int(before == after and again["lines"] == 0), 1),
    ]
    text = (
        f"{days} days, in which {ARTIFACTS} artifacts are built 40 times a day and retention keeps 10 builds of each, once a "
        "day. No server runs."
    )
    return Section("Collapsing", text, ["what", ""], rows, floors)
