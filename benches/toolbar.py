#!/usr/bin/env python3
"""CPU of a page of 32 KiB that is given the toolbar, beside the same page for a visitor who is not signed in.

    cargo build --release && benches/toolbar.py target/release/waylight [ROUNDS]

Needs Linux, two cores, wrk and nginx. Of the people who are signed in, one asks with his cookie, as a browser navigates, and is
told the toolbar's state and a token each time. `/plain` is Waylight's own answer, so that no upstream is in it; `/policy` is the same
with a Content Security Policy that has to be extended; `/through` comes from an origin. Beside it nginx passes the same page of the
same origin on, and puts as many octets into it by `sub_filter`. Compile nothing meanwhile: rounds of one variant that differ by more
than a few per cent say that the machine was busy.
"""
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from edge import BARE, LISTEN, spread, started, threads

SECONDS, ADMIN, UPSTREAM, NGINX = 2, 26501, 26502, 26503
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


CONFIG = f"""{BARE}[trace]
[admin]
address = "127.0.0.1:{ADMIN}"
[[listener]]
address = "127.0.0.1:{LISTEN}"
[[site]]
hosts = ["*"]
{route("/plain", "")}{route("/policy", POLICY)}
[[site.route]]
path = "/through"
upstream = "origin"
[upstream.origin]
endpoints = ["http://127.0.0.1:{UPSTREAM}"]
"""

SERVER = """
daemon off; master_process off; pid @FOLDER@/pid; error_log @FOLDER@/log crit; worker_rlimit_nofile 4096;
events { worker_connections 1024; multi_accept on; }
http {
  access_log off; keepalive_timeout 3600s; keepalive_requests 1000000000; tcp_nodelay on; default_type text/html; charset utf-8;
  client_body_temp_path @FOLDER@/t1; proxy_temp_path @FOLDER@/t2; fastcgi_temp_path @FOLDER@/t3; uwsgi_temp_path @FOLDER@/t4; scgi_temp_path @FOLDER@/t5;
  @HTTP@
}
"""
ORIGIN_HTTP = f"open_file_cache max=10 inactive=1h; server {{ listen 127.0.0.1:{UPSTREAM}; root @FOLDER@; }}"
PROXY_HTTP = f"""
  upstream origin {{ server 127.0.0.1:{UPSTREAM}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 3600s; }}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_buffer_size 8k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; proxy_max_temp_file_size 0;
  server {{
    listen 127.0.0.1:{NGINX};
    location / {{ proxy_pass http://origin; }}
    location /tagged {{ proxy_pass http://origin/through; proxy_set_header Accept-Encoding ""; sub_filter_once on; sub_filter '<head>' '<head>@TAG@'; }}
  }}
"""


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


def asked(url, headers):
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
    return urllib.request.urlopen(request).read()


def micros(pid, url, headers):
    """Of processor time a request, over all of the process's threads."""
    before = threads(pid)
    options = [option for header in headers for option in ("-H", header)]
    wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{SECONDS}s", *options, url]
    report = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    after = threads(pid)
    return sum(used - before.get(key, 0) for key, used in after.items()) / int(re.search(r"(\d+) requests in", report)[1]) / 1000


@contextlib.contextmanager
def nginx(core, http):
    """One with these lines, in a folder of its own that holds the page."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "through"), "w") as file:
            file.write(PAGE)
        with open(os.path.join(folder, "nginx.conf"), "w") as file:
            file.write(SERVER.replace("@HTTP@", http).replace("@FOLDER@", folder))
        with started(["nginx", "-c", os.path.join(folder, "nginx.conf")], folder, core) as pid:
            yield pid


def main():
    binary, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        with open(os.path.join(folder, "proxy.toml"), "w") as file:
            file.write(CONFIG)
        stack.enter_context(nginx("1", ORIGIN_HTTP))
        waylight = stack.enter_context(started([binary, "--config", "proxy.toml"], folder, 0))
        navigates = ["sec-fetch-dest: document", "sec-fetch-mode: navigate", "accept: text/html"]
        signed = [*navigates, f"cookie: {sign_in(binary, folder)}"]
        variants = []
        for path in ("/plain", "/policy", "/through"):
            for who, headers in (("visitor", navigates), ("signed in", signed)):
                page = asked(f"{ORIGIN}{path}", headers)
                assert (b"data-waylight" in page) == (who == "signed in"), path
                variants.append((f"{path}, {who}", waylight, f"{ORIGIN}{path}", headers))
        tag = "<script>" + "." * (len(page) - len(PAGE.encode()) - 17) + "</script>"
        beside = stack.enter_context(nginx("0", PROXY_HTTP.replace("@TAG@", tag)))
        for name, path in (("nginx", "/through"), ("nginx, sub_filter", "/tagged")):
            url = f"http://127.0.0.1:{NGINX}{path}"
            assert (tag.encode() in asked(url, navigates)) == (path == "/tagged"), name
            variants.append((name, beside, url, navigates))
        measured = {name: [] for name, *_ in variants}
        for _ in range(rounds):
            for name, pid, url, headers in variants:
                measured[name].append(micros(pid, url, headers))
        for name, values in measured.items():
            middle = statistics.median(values)
            print(f"{name}: {middle:.1f} us a request, +-{spread(values, middle):.0f} %")


if __name__ == "__main__":
    main()
