"""Forwards TCP connections to a port on this machine and stops for good after a number of bytes to it.

Usage: stalling_proxy.py TARGET_PORT BYTES STALLED_FILE

Prints the port it listens on. When BYTES bytes in all have gone to the target it creates STALLED_FILE and forwards
nothing more in that direction: whoever is killed then is killed in the middle. All connections end with the process.
"""

import pathlib
import socket
import sys
import threading

target_port, bytes_left, stalled_file = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
counter = threading.Lock()


def take(wanted):
    """Takes up to `wanted` bytes of those that may still pass."""
    global bytes_left
    with counter:
        taken = min(wanted, bytes_left)
        bytes_left -= taken
        if bytes_left == 0:
            stalled_file.touch()
        return taken


def forward(source, sink, is_limited):
    try:
        while data := source.recv(16384):
            if is_limited:
                passed = take(len(data))
                sink.sendall(data[:passed])
                if passed < len(data):
                    threading.Event().wait()
            else:
                sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", target_port))
        threading.Thread(target=forward, args=(client, server, True), daemon=True).start()
        threading.Thread(target=forward, args=(server, client, False), daemon=True).start()
