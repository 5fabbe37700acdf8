#!/usr/bin/env python3
"""CPU of a page of 32 KiB that is given the toolbar, beside the same page for a visitor who is not signed in.

    cargo build --release && benches/toolbar.py target/release/waylight [ROUNDS]

Needs Linux, two cores and wrk. The page is Waylight's own answer, so that no upstream is in it; of the people who are signed
in, one asks with his cookie, as a browser navigates, and is told the toolbar's state and a token each time. `policy` is the same
with a Content Security Policy that has to be extended. Compile nothing meanwhile: rounds of one variant that differ by more than
a few per cent say that the machine was busy.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from edge import LISTEN, spread, threads

SECONDS, ADMIN = 2, 26501
ORIGIN = f"http://127.0.0.1:{LISTEN}"
HEAD = "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Lanterns</title><link rel='stylesheet' href='/a.css'></head><body>"
LINE = "<p class='item'>A lantern of <a href='/products/copper'>copper</a>, hung by the way.</p>"
PAGE = HEAD + LINE * ((32 * 1024 - len(HEAD)) // len(LINE))
POLICY = 'content-security-policy = "default-src \'none\'; script-src cdn.example; connect-src api.example", '


def route(path, headers):
    return f"""
[[site.route]]
path = "{path}"
respond = {{ status = 200, body = "{PAGE}", headers = {{ {headers}content-type = "text/html; charset=utf-8" }} }}
"""


CONFIG = f"""
workers = 1
state_dir = "state"
[log]
access = false
[store]
kind = "off"
[trace]
[receive]
http = "off"
grpc = "off"
[admin]
address = "127.0.0.1:{ADMIN}"
[[listener]]
address = "127.0.0.1:{LISTEN}"
[[site]]
hosts = ["*"]
{route("/plain", "")}{route("/policy", POLICY)}"""


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def sign_in(binary, folder):
    """The cookie that somebody has who used a link."""
    said = subprocess.run([binary, "link", "--config", "proxy.toml"], cwd=folder, capture_output=True, text=True, check=True)
    link = re.search(r"http\S+", said.stdout)[0]
    request = urllib.request.Request(link, b"", {"origin": ORIGIN})
    try:
        answer = urllib.request.build_opener(Stay).open(request)
    except urllib.error.HTTPError as redirect:
        answer = redirect
    return answer.headers["set-cookie"].split(";")[0]


def asked(path, headers):
    request = urllib.request.Request(f"{ORIGIN}{path}", headers=dict(header.split(": ", 1) for header in headers))
    return urllib.request.urlopen(request).read()


def micros(pid, path, headers):
    """Of processor time a request, over all of the process's threads."""
    before = threads(pid)
    options = [option for header in headers for option in ("-H", header)]
    wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", *options, f"{ORIGIN}{path}"]
    report = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    after = threads(pid)
    return sum(used - before.get(key, 0) for key, used in after.items()) / int(re.search(r"(\d+) requests in", report)[1]) / 1000


def main():
    binary, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "proxy.toml"), "w") as file:
            file.write(CONFIG)
        command = ["taskset", "-c", "0", binary, "--config", "proxy.toml"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            navigates = ["sec-fetch-dest: document", "sec-fetch-mode: navigate", "accept: text/html"]
            signed = [*navigates, f"cookie: {sign_in(binary, folder)}"]
            variants = [(f"{path}, {who}", path, headers) for path in ("/plain", "/policy") for who, headers in (("visitor", navigates), ("signed in", signed))]
            for name, path, headers in variants:
                assert (b"data-waylight" in asked(path, headers)) == name.endswith("signed in"), name
            measured = {name: [] for name, _, _ in variants}
            for _ in range(rounds):
                for name, path, headers in variants:
                    measured[name].append(micros(process.pid, path, headers))
            for name, values in measured.items():
                middle = statistics.median(values)
                print(f"{name}: {middle:.1f} us a request, +-{spread(values, middle):.0f} %")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
