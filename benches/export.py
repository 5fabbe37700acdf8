#!/usr/bin/env python3
"""CPU of a traced request with a healthy back end alone, and with four more that refuse, answer 503, hang or are slow.

    cargo build --release && benches/export.py target/release/waylight [ROUNDS]

Needs Linux, two cores and wrk. Every request is traced. Compile nothing meanwhile: rounds of one variant that differ by
more than a few per cent say that the machine was busy, not what a back end costs.
"""
import asyncio
import multiprocessing
import re
import statistics
import sys
import time

from edge import BARE, LISTEN, load, running, spread, threads

HEALTHY, REFUSING, UNAVAILABLE, HANGING, SLOW = range(26601, 26606)
VARIANTS = {
    "healthy": [HEALTHY],
    "healthy and faulty": [HEALTHY, REFUSING, UNAVAILABLE, HANGING, SLOW],
    "five healthy": [HEALTHY] * 5,
}


async def receive(port, status, delay):
    """Answers every message with `status`, after `delay` seconds."""

    async def serve(reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]))
                await asyncio.sleep(delay)
                writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n" % status)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    await asyncio.start_server(serve, "127.0.0.1", port)


async def receivers():
    # Nobody listens where REFUSING would.
    await receive(HEALTHY, b"200 OK", 0)
    await receive(UNAVAILABLE, b"503 Service Unavailable", 0)
    await receive(HANGING, b"200 OK", 1e6)
    await receive(SLOW, b"200 OK", 2)
    await asyncio.Event().wait()


def config(ports):
    text = f"""{BARE}[[listener]]
address = "127.0.0.1:{LISTEN}"
[[site]]
hosts = ["*"]
[[site.route]]
path = "/*"
respond = {{ status = 200, body = "hello" }}
[trace]
ratio = 1.0
spans_per_minute_max = 4_000_000_000
"""
    for index, port in enumerate(ports):
        text += f'[[export]]\nname = "b{index}"\nendpoint = "http://127.0.0.1:{port}/v1/traces"\n'
    return text


def measure(binary, ports):
    """Microseconds a request: all threads, and the worker alone; resident MiB."""
    with running(binary, config(ports)) as pid:
        load(1)
        before = threads(pid)
        requests = load(4)
        time.sleep(1)
        after = threads(pid)
        used = sorted((after[thread] - before.get(thread, 0) for thread in after), reverse=True)
        resident = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read())[1])
        return sum(used) / requests / 1e3, used[0] / requests / 1e3, resident / 1024


def main():
    binary, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    serving = multiprocessing.Process(target=lambda: asyncio.run(receivers()), daemon=True)
    serving.start()
    results = {variant: [] for variant in VARIANTS}
    for _ in range(rounds):
        for variant, ports in VARIANTS.items():
            results[variant].append(measure(binary, ports))
    for variant, rounds_of in results.items():
        total, worker, resident = (statistics.median(values) for values in zip(*rounds_of))
        about = spread([one[0] for one in rounds_of], total)
        print(f"{variant:20} {total:6.2f} us a request (±{about:.0f} %), worker {worker:6.2f} us, {resident:.0f} MiB")


main()
