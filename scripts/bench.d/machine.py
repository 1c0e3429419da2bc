"""What the figures were measured on."""

import datetime
import os
import pathlib
import platform
import statistics
import time

from processes import Failure, run

LINE = b"x" * 199 + b"\n"


def describe(folder, load_before):
    """Rows of a table; `load_before` is the load average before anything was started."""
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")), "unknown")
    file_system = run(["df", "--output=fstype", folder]).split()[-1]
    commit = commit_of()
    return [
        ["date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")],
        *([["commit", commit]] if commit else []),
        ["processor", f"{model}, {os.cpu_count()} cores"],
        ["kernel", f"{platform.system()} {platform.release()}"],
        ["file system", file_system],
        ["load average", f"{load_before[0]:.2f} before, {os.getloadavg()[0]:.2f} at the end (which includes the load itself)"],
    ]


def commit_of():
    """The version that was measured, marked if files were changed since; nothing without a repository."""
    try:
        return run(["git", "describe", "--always", "--dirty"]).strip()
    except (Failure, OSError):
        return ""


def sync_milliseconds(folder, count):
    """How long the disk takes to keep 200 more bytes of a file: the times of single write + fdatasync, sorted."""
    path, times = folder / "sync", []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(count):
            before = time.perf_counter()
            os.write(descriptor, LINE)
            os.fdatasync(descriptor)
            times.append((time.perf_counter() - before) * 1e3)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(times)


def percentile(sorted_values, percent):
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


def sync_text(times):
    return (
        f"write + fdatasync of 200 bytes on this disk: median {statistics.median(times):.2f} ms, "
        f"fastest {times[0]:.2f} ms, p99 {percentile(times, 99):.2f} ms"
    )
