#!/usr/bin/env python3
"""CPU of a hit with few and with many stored objects of 1 KiB, through the whole edge.

    cargo build --release && benches/hits.py target/release/waylight [ROUNDS] [OBJECTS]

Needs Linux, two cores, wrk, and 1.5 GB of memory for 1,000,000 objects. The origin is Waylight, too, and is asked while the
caches are filled only. The two edges stand side by side and are asked in turn, in a walk that jumps, so that what is asked
for is in no processor's cache where there is much of it. Compile nothing meanwhile: rounds of one edge that differ by more than
a few per cent say that the machine was busy.
"""
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request

from edge import BARE, running, spread, threads

SECONDS, BODY = 2, 1024
ORIGIN, EDGES, ADMINS = 26510, (26511, 26512), (26513, 26514)
ASKED = """
local count, at, step = {count}, {start}, {step}
request = function()
  at = (at + step) % count
  return "GET /products/" .. string.format("%08d", at) .. " HTTP/1.1\\r\\nHost: shop.example\\r\\n\\r\\n"
end
"""


def origin():
    fields = 'cache-control = "public, max-age=86400", etag = "\\"5f3c-1a2b3c4d\\"", content-type = "text/html; charset=utf-8"'
    return f"""{BARE}[admin]
address = "off"
[[listener]]
address = "127.0.0.1:{ORIGIN}"
[[site]]
hosts = ["*"]
[[site.route]]
path = "/*"
respond = {{ status = 200, body = "{'x' * BODY}", headers = {{ {fields} }} }}
"""


def edge(number):
    return f"""{BARE}[admin]
address = "127.0.0.1:{ADMINS[number]}"
[cache]
memory_max = "4GiB"
[[listener]]
address = "127.0.0.1:{EDGES[number]}"
[[site]]
hosts = ["*"]
inject = "off"
[[site.route]]
path = "/*"
upstream = "origin"
cache = {{}}
[upstream.origin]
endpoints = ["http://127.0.0.1:{ORIGIN}"]
"""


def metric(number, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{ADMINS[number]}/metrics").read().decode()
    return float(re.search(rf"^waylight_{name} (\S+)$", text, re.M)[1])


def ask(number, count, start, step):
    """How many requests were made within some seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(ASKED.format(count=count, start=start, step=step))
        script.flush()
        wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", script.name, f"http://127.0.0.1:{EDGES[number]}"]
        report = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        return int(re.search(r"(\d+) requests in", report)[1])


def fill(number, count):
    asked = 0
    while metric(number, "cache_urls") < count:
        asked += ask(number, count, asked, 1)


def micros(pid, number, count, start):
    """Of processor time a request, over all of the process's threads."""
    misses, before = metric(number, "cache_misses_total"), threads(pid)
    asked = ask(number, count, start, 7_919)
    after = threads(pid)
    assert metric(number, "cache_misses_total") == misses, "all of them are hits"
    return sum(used - before.get(key, 0) for key, used in after.items()) / asked / 1000


def main():
    binary, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    counts = (100, int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(binary, origin(), core=1))
        pids = [stack.enter_context(running(binary, edge(number))) for number in (0, 1)]
        for number, count in enumerate(counts):
            fill(number, count)
            beside = metric(number, "cache_memory_bytes") / count - BODY
            print(f"{count} objects, {beside:.0f} octets counted beside each body", flush=True)
        measured = [[], []]
        for turn in range(rounds):
            for number, count in enumerate(counts):
                measured[number].append(micros(pids[number], number, count, turn * 104_729))
        middles = [statistics.median(values) for values in measured]
        for count, values, middle in zip(counts, measured, middles):
            print(f"a hit on one of {count}: {middle:.2f} us, +-{spread(values, middle):.0f} %")
        print(f"{(middles[1] / middles[0] - 1) * 100:+.1f} %")


if __name__ == "__main__":
    main()
