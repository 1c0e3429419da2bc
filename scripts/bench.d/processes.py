"""The programs that are measured: how they are started and stopped, and what the kernel says of them."""

import contextlib
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# A server that reads a long log for the first time on a slow machine.
PATIENCE_SECONDS = 300
USER = "amy"


class Failure(Exception):
    """Something that a person has to look at."""


def run(command, **options):
    """Runs a command to its end and returns what it printed; its errors become ours."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **options
    )
    if done.returncode != 0:
        raise Failure(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run_json(command, **options):
    """Runs a command that prints one JSON object a line."""
    return [json.loads(line) for line in run(command, **options).splitlines()]


@contextlib.contextmanager
def started(command, url, log):
    """A process that serves: yields its pid once `url` answers, and ends it afterwards."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for_answer(process, url, log)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(process, url, log):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            # Our server answers so while it starts.
            if error.code != 503:
                return
        except OSError:
            pass
        time.sleep(0.005)
    raise Failure(f"`{url}` does not answer; the server's last words:\n{pathlib.Path(log).read_text()[-2000:]}")


class Logjar:
    """Our server with a data folder of its own."""

    def __init__(self, binaries, folder, port):
        self.program = pathlib.Path(binaries) / "logjar"
        self.data = folder / "data"
        self.log = folder / "logjar.log"
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def serving(self, core=None, environment=()):
        """Yields its pid; on one core only if one is named; with `NAME=VALUE`s in its environment."""
        pinned = [] if core is None else ["taskset", "-c", core]
        listen = f"127.0.0.1:{self.port}"
        command = [*pinned, "env", *environment, self.program, "serve", "--data", self.data, "--listen", listen]
        return started(command, self.url + "/health/ready", self.log)

    def new_token(self, can="read,deploy"):
        """Registers the user and returns a token of theirs."""
        email = f"{USER}@example.org"
        run([self.program, "user", "add", USER, "--email", email, "--admin", "--data", self.data])
        return run([self.program, "token", "create", "--user", USER, "--can", can, "--data", self.data]).strip()


def family(pid):
    """A process and its children, as nginx's work is done by one."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def cpu_seconds(pid):
    """What a process and its children have used, in user and kernel mode."""
    ticks = 0
    for each in family(pid):
        after_name = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / TICKS_PER_SECOND


def anonymous_mib(pid):
    """Memory that no file stands behind."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(kib) / 1024
