"""Requests that no well-behaved client sends; each must get its answer all the same, and must be able to read it.

Usage: hostile_client.py PORT USER TOKEN CASE

CASE is one of
  paths         PUTs and GETs of paths that climb, hide a NUL or a slash, or are no repository path
  blind N WANT PATH CREDENTIAL   sends N bytes without asking first and only then reads the answer, which must be WANT
  over N WANT PATH CREDENTIAL    the same, but the server need not take all of them; the answer must be readable even so
  half          a body that ends before its Content-Length, with and without chunks
  slow          a body that stops coming, and one that comes byte by byte; the server must end the connection, with 408
                if it says anything
"""

import base64
import contextlib
import select
import socket
import sys
import time

port, user, token, case = int(sys.argv[1]), *sys.argv[2:5]
RIGHT = f"{user}:{token}"
VERSION = "org/example/hostile/1.0/hostile-1.0.jar"


def connect():
    return contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=90))


def head(method, path, *headers, credential=RIGHT):
    basic = base64.b64encode(credential.encode()).decode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Basic {basic}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_answer(connection):
    """The status line and whatever follows it until the end of the head."""
    received = b""
    while b"\r\n\r\n" not in received and (data := connection.recv(65536)):
        received += data
    if not received:
        raise ConnectionResetError("the connection was closed without an answer")
    return int(received.split(b" ", 2)[1]), received.decode(errors="replace")


def expect(method, path, wanted, *headers, body=b""):
    with connect() as connection:
        connection.sendall(head(method, path, f"Content-Length: {len(body)}", *headers) + body)
        status, answer = read_answer(connection)
    if status not in wanted:
        sys.exit(f"{method} {path}: {status} instead of one of {wanted}\n{answer}")


def paths():
    climbing = ["..", "%2e%2e", ".%2e", "%2E.", "%2E%2e", "..%2f..", "..%2F..", "%2e%2e%2f%2e%2e", "..%5c..", "..%00", "a%00b", "."]
    for segment in climbing:
        for path in (f"/repo/org/example/{segment}/{segment}/evil.txt", f"/repo/{segment}/evil/1/evil-1.jar", f"/repository/repo/{segment}/x/1/x-1.jar"):
            expect("PUT", path, {400}, body=b"evil")
            expect("GET", path, {400})
    # Decoded once, these are names with a percent sign or a backslash in them, which no name may have.
    for segment in ("%252e%252e", "%255c", "a%5cb", "a%20b", "%c3%a9", "%ff"):
        path = f"/repo/org/example/{segment}/1/{segment}-1.jar"
        expect("PUT", path, {400, 403}, body=b"evil")
        expect("GET", path, {400, 404})
    for path in ("/repo/", "/repo/x.jar", "/repo/org/example/hostile/1.0/", "/repo/org/example/hostile/1.0/hostile",
                 "/repo/org/example/hostile/1.0/hostile-1.0.html", "/repo/org/example/hostile/1.0/other-1.0.jar",
                 "/repo/org/example/hostile/1.0/hostile-2.0.jar", "/repo/" + "a" * 4000, "/repo/org/example/hostile/1.0/" + "a" * 241 + ".jar"):
        expect("PUT", path, {400, 403, 405, 414}, body=b"evil")
    for method in ("DELETE", "POST", "MKCOL", "PROPFIND", "PATCH"):
        expect(method, "/repo/" + VERSION, {405})


def blind(size, wanted, path, credential, accepted_cuts=()):
    chunk = b"x" * 65536
    with connect() as connection:
        connection.sendall(head("PUT", "/repo/" + path, f"Content-Length: {size}", credential=credential))
        left = size
        with contextlib.suppress(*accepted_cuts):
            while left > 0:
                connection.sendall(chunk[:left])
                left -= len(chunk)
        status, answer = read_answer(connection)
    if status != wanted:
        sys.exit(f"{size} bytes to {path}: {status} instead of {wanted}\n{answer}")
    print(answer)


def half():
    for headers, body in (
        (["Content-Length: 100000"], b"x" * 50000),
        (["Content-Length: 100000"], b""),
        (["Transfer-Encoding: chunked"], b"c350\r\n" + b"x" * 50000 + b"\r\n"),
        (["Transfer-Encoding: chunked"], b"c350\r\n" + b"x" * 100),
        (["Transfer-Encoding: chunked"], b"no number\r\n"),
    ):
        with connect() as connection:
            connection.sendall(head("PUT", "/repo/" + VERSION, *headers) + body)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                status, answer = read_answer(connection)
                if status < 400:
                    sys.exit(f"half a body was taken: {answer}")


def slow():
    for rest, name in (b"", "a body that stops coming"), (b"x", "a body that comes byte by byte"):
        began = time.monotonic()
        with connect() as connection, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(head("PUT", "/repo/" + VERSION, "Content-Length: 100000") + b"x" * 1000)
            while not select.select([connection], [], [], 0.2)[0]:
                connection.sendall(rest)
                if time.monotonic() - began > 60:
                    sys.exit(f"{name} may go on for ever")
            status, answer = read_answer(connection)
            if status != 408:
                sys.exit(f"{name}: {answer}")
        print(f"{name}: given up after {time.monotonic() - began:.0f} s")


match case:
    case "paths":
        paths()
    case "blind":
        blind(int(sys.argv[5]), int(sys.argv[6]), sys.argv[7], sys.argv[8])
    case "over":
        blind(int(sys.argv[5]), int(sys.argv[6]), sys.argv[7], sys.argv[8], (BrokenPipeError, ConnectionResetError))
    case "half":
        half()
    case "slow":
        slow()
