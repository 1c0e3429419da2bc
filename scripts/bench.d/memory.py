"""Anonymous memory of an idle server with registries of different sizes."""

import registries
from processes import Logjar
from report import Floor, Section

PORT = 19205
# Artifacts, versions, and the most MiB that they may take.
SIZES = [(0, 0, 20), (30_000, 300_000, 64), (100_000, 1_000_000, 150)]


def measure(binaries, folder, quick):
    rows, floors = [], []
    for artifacts, versions, limit in SIZES[:2] if quick else SIZES:
        what = f"{versions:,} versions of {artifacts:,} artifacts" if versions else "empty"
        measured = measure_one(binaries, folder / str(versions), artifacts, versions)
        for start, mib in zip(("first start", "next start"), measured, strict=True):
            floors.append(Floor(f"anonymous memory at rest, {what}, {start}", mib, limit, True, " MiB"))
        rows.append([what, *(f"{mib:.1f}" for mib in measured)])
    text = (
        f"`RssAnon` of the server once it has not changed for {registries.REST_SECONDS} s, with a search index whose "
        "writer is closed. The first start reads the whole log, makes a state snapshot and builds the index; what that "
        "leaves behind in the allocator stays until the next start."
    )
    return Section("Memory of an idle server", text, ["registry", "first start, MiB", "next start, MiB"], rows, floors)


def measure_one(binaries, folder, artifacts, versions):
    folder.mkdir()
    server = Logjar(binaries, folder, PORT)
    if versions:
        registries.generate(binaries, server.data, artifacts=artifacts, versions=versions)
    measured = []
    for _ in range(2):
        with server.serving() as pid:
            if versions:
                registries.wait_for_derived(server.data)
            measured.append(registries.memory_at_rest(pid))
    return measured
