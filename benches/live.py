#!/usr/bin/env python3
"""CPU of a request on its worker, with nobody looking and with a thousand live streams open at the same listener.

    cargo build --release && benches/live.py target/release/waylight [ROUNDS] [STREAMS]

Needs Linux, two cores and wrk. The streams follow all requests, and their readers take what comes. Compile nothing
meanwhile: rounds of one variant that differ by more than a few per cent say that the machine was busy.
"""
import os
import selectors
import socket
import statistics
import sys
import threading

from edge import BARE, LISTEN, load, running, spread, threads

TOKEN = "a-token-of-this-bench-that-is-long-enough"
CONFIG = f"""{BARE}[admin]
address = "off"
[[listener]]
address = "127.0.0.1:{LISTEN}"
[[site]]
hosts = ["*"]
[[site.route]]
path = "/*"
respond = {{ status = 200, body = "hello" }}
[[access.token]]
name = "bench"
role = "viewer"
token = "{TOKEN}"
"""
ASK = (
    "GET /_waylight/api/v1/stream?topics=requests HTTP/1.1\r\n"
    f"host: 127.0.0.1:{LISTEN}\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
).encode()


class Readers:
    """Streams, and a thread that throws away what they bring."""

    def __init__(self, count):
        self.octets, self.ended = 0, False
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", LISTEN))
            stream.sendall(ASK)
            assert b" 200 " in stream.recv(4096).split(b"\r\n")[0]
            stream.setblocking(False)
            self.selector.register(stream, selectors.EVENT_READ)
            self.sockets.append(stream)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        os.sched_setaffinity(0, {1})
        buffer = bytearray(1 << 20)
        while not self.ended:
            for key, _ in self.selector.select(0.1):
                self.octets += key.fileobj.recv_into(buffer)

    def end(self):
        self.ended = True
        self.thread.join()
        for stream in self.sockets:
            stream.close()


def worker(pid):
    """Nanoseconds of the worker's thread on a processor, and of all."""
    used = threads(pid)
    return sum(nanos for (name, _), nanos in used.items() if name.startswith("worker")), sum(used.values())


def measure(binary, streams):
    with running(binary, CONFIG) as pid:
        readers = Readers(streams)
        load(1)
        octets, before = readers.octets, worker(pid)
        requests = load(5)
        after = worker(pid)
        octets = readers.octets - octets
        readers.end()
        per_request = [(late - early) / requests / 1e3 for early, late in zip(before, after)]
        return (*per_request, requests / 5, octets / 5 / 2**20)


def main():
    binary, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    variants = [0, int(sys.argv[3]) if len(sys.argv) > 3 else 1000]
    results = {streams: [] for streams in variants}
    for _ in range(rounds):
        for streams in variants:
            results[streams].append(measure(binary, streams))
    for streams, found in results.items():
        on_worker, total, rate, mib = (statistics.median(values) for values in zip(*found))
        about = spread([one[0] for one in found], on_worker)
        print(
            f"{streams:5} streams: worker {on_worker:6.2f} us a request (±{about:.0f} %), all threads {total:6.2f} us,"
            f" {rate:,.0f} requests/s, {mib:.1f} MiB/s read"
        )


main()
