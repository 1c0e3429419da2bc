"""Checks in a trace of strace that a deploy made everything durable in its order before it was answered.

    check_syncs.py TRACE

A sync counts from its end, a write from its beginning.
"""

import re
import sys

STARTED = re.compile(r"^(\d+) +(\w+)\((.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")

# What has to happen, one after the other; within one step in any order.
STEPS = [
    ("sync of the POM, where its body was written, and of the folders of the upload", [
        r"sync .*/uploads/incoming/d_\w+$",
        r"sync .*/uploads/d_\w+$",
        r"sync .*/uploads$",
    ]),
    ("write of the event", [r"write .*/events/000001\.jsonl "]),
    ("sync of the log", [r"sync .*/events/000001\.jsonl$"]),
    ("rename of the version's folder into its place", [r"rename .*/repository/repo/org/example/synced/1\.0"]),
    ("the answer", [r"answer"]),
]

# What follows the answer, in this order.
AFTERWARDS = [
    ("sync of the version's folder and of that it is in", [
        r"sync .*/repository/repo/org/example/synced/1\.0$",
        r"sync .*/repository/repo/org/example/synced$",
    ]),
    ("removal of the names in the upload", [r"unlink.*synced-1\.0\.jar"]),
]


def events(lines):
    """What happened, in order: `sync PATH`, `write PATH`, `answer`, and other calls as they are: `rename ARGUMENTS`."""
    unfinished = {}
    for line in lines:
        line = line.rstrip("\n")
        started = STARTED.match(line)
        if started:
            process, call, arguments = started.groups()
            path = re.match(r"\d+<([^>]*)>", arguments)
            path = path.group(1) if path else ""
            if call in ("write", "writev", "pwrite64", "sendto"):
                if "HTTP/1.1 201" in arguments:
                    yield "answer"
                else:
                    yield f"write {path} {arguments}"
                continue
            event = f"sync {path}" if call.endswith("sync") else f"{call} {arguments}"
            if "<unfinished" in arguments:
                unfinished[process] = event
            elif arguments.rstrip().endswith("= 0"):
                yield event
        resumed = RESUMED.match(line)
        if resumed and resumed.group(1) in unfinished and line.rstrip().endswith("= 0"):
            yield unfinished.pop(resumed.group(1))


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as trace:
        happened = list(events(trace))
    answers = [index for index, event in enumerate(happened) if event == "answer"]
    if len(answers) != 2:
        sys.exit(f"{len(answers)} answers with 201 in the trace, where the jar and the POM get one each")
    jar = r"sync .*/uploads/incoming/d_\w+$"
    if not any(re.search(jar, event) for event in happened[: answers[0]]):
        sys.exit("the jar was answered before it was synced where it was written")
    # The jar leaves the deploy open; what the POM's answer promises happens after the jar's.
    place = check(happened, STEPS, answers[0] + 1, answers[1] + 1)
    check(happened, AFTERWARDS, place, len(happened))


def check(happened, steps, place, end):
    """Looks for the steps one after the other; returns the place behind the last."""
    for step, wanted in steps:
        latest = place
        for pattern in wanted:
            found = next((index for index in range(place, end) if re.search(pattern, happened[index])), None)
            if found is None:
                sys.exit(f"after what comes before it, there is no {step}: nothing is like {pattern}")
            latest = max(latest, found + 1)
        place = latest
        print(f"         {step}")
    return place


main()
