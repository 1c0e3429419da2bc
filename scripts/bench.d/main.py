"""Runs the measurements and writes the report. `scripts/bench` calls this and says more.

Usage: main.py --binaries FOLDER [--beside FOLDER] [--quick] [--only append|downloads|deploys|sign_in|replay|collapse|memory|search|findable]
"""

import argparse
import os
import pathlib
import shutil
import sys

import append
import collapse
import deploys
import downloads
import findable
import machine
import memory
import replay
import report
import search
import sign_in
from processes import Failure

PARTS = ("append", "downloads", "deploys", "sign_in", "replay", "collapse", "memory", "search", "findable")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--beside")
    parser.add_argument("--only", choices=PARTS)
    return parser.parse_args()


def sections(options, work):
    """Measures one part after the other, each in a new folder."""
    seconds, rounds = (1, 2) if options.quick else (3, 3)
    for part in [options.only] if options.only else PARTS:
        print(f"scripts/bench: {part}", file=sys.stderr, flush=True)
        folder = work / part
        folder.mkdir()
        match part:
            case "append":
                yield from append.measure(options.binaries, folder, options.quick, seconds, rounds)
            case "downloads":
                yield downloads.measure(options.binaries, folder, seconds, rounds)
            case "deploys":
                yield from deploys.measure(options.binaries, folder, options.quick, rounds, options.beside)
            case "sign_in":
                yield sign_in.measure(options.binaries, folder, seconds, rounds)
            case "replay":
                yield from replay.measure(options.binaries, folder, options.quick, rounds)
            case "collapse":
                yield collapse.measure(options.binaries, folder, options.quick)
            case "memory":
                yield memory.measure(options.binaries, folder, options.quick)
            case "search":
                yield from search.measure(options.binaries, folder, options.quick)
            case "findable":
                yield findable.measure(options.binaries, folder, options.quick)


def main():
    options = arguments()
    root = pathlib.Path(__file__).resolve().parents[2]
    work = root / "target" / "bench" / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    load_before = os.getloadavg()
    try:
        measured = list(sections(options, work))
    except Failure as failure:
        sys.exit(f"scripts/bench: {failure}")
    text = report.markdown(machine.describe(work, load_before), measured)
    print(text)
    if not options.quick and not options.only:
        report.write_between_markers(root / "docs" / "performance.md", text)
    # What failed is kept for a look; what went well would only fill the disk.
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
