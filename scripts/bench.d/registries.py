"""Made-up registries of any size, and servers on them."""

import pathlib
import time

from processes import PATIENCE_SECONDS, Failure, anonymous_mib, run_json

# Memory that does not change by more than this for so long is at rest.
REST_SECONDS, REST_MIB = 10, 1


def generate(binaries, data, **shape):
    """Writes the log of a registry; `shape` is what `--example generate` takes. Returns what it says of it."""
    flags = [part for name, value in shape.items() for part in (f"--{name.replace('_', '-')}", value)]
    (written,) = run_json([pathlib.Path(binaries) / "examples" / "generate", "--data", data, *flags])
    return written


def wait_for_derived(data):
    """Waits until a running server has made its state snapshot and its search index."""
    derived = data / "derived"
    wait(
        lambda: any(derived.glob("state-*/state")) and any(derived.glob("search-*[0-9]/meta.json")),
        f"no state snapshot or no search index came into `{derived}`",
    )


def wait(is_there, otherwise):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_there():
        if time.monotonic() > deadline:
            raise Failure(otherwise)
        time.sleep(0.2)


def memory_at_rest(pid):
    """Anonymous MiB of a process once they have not changed for a while."""
    samples = []

    def is_at_rest():
        samples.append((time.monotonic(), anonymous_mib(pid)))
        now, mib = samples[-1]
        lately = [each for at, each in samples if at >= now - REST_SECONDS]
        return now - samples[0][0] >= REST_SECONDS and max(lately) - min(lately) <= REST_MIB

    wait(is_at_rest, "the server does not come to rest")
    return samples[-1][1]
