"""A release binary on a core of its own, asked by wrk on the other one: what benches of whole processes share."""
import contextlib
import os
import re
import subprocess
import tempfile
import time

LISTEN = 26500
# What a bench of the edge alone needs nothing of.
BARE = """
workers = 1
state_dir = "state"
[log]
access = false
[store]
kind = "off"
[receive]
http = "off"
grpc = "off"
"""


@contextlib.contextmanager
def started(command, folder, core):
    """A process in this folder, on this core; gives its id."""
    command = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def running(binary, config, core=0):
    """The binary with this configuration, on this core; gives its process id."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "proxy.toml")
        with open(path, "w") as file:
            file.write(config)
        with started([os.path.abspath(binary), "--config", path], folder, core) as pid:
            yield pid


def load(seconds):
    """Asks for so long, with 32 connections; gives how many requests were answered."""
    wrk = ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", f"http://127.0.0.1:{LISTEN}/"]
    report = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    return int(re.search(r"(\d+) requests in", report)[1])


def threads(pid):
    """Nanoseconds on a processor, by thread and its name."""
    used = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        name = open(f"/proc/{pid}/task/{task}/comm").read().strip()
        used[name, task] = int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0])
    return used


def spread(values, middle):
    """Half of the distance between the least and the most, in hundredths of the middle."""
    return (max(values) - min(values)) / 2 / middle * 100
