# SPDX-License-Identifier: BSL-1.0
"""Servers side by side, a process each: what bench/echo/run and bench/http/run have in common."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Parser(argparse.ArgumentParser):
    """The options of both. `kind` is the folder's name, `first` the server that is always there, for others to be held against."""

    def __init__(self, kind, first, doc):
        super().__init__(prog=f"bench/{kind}/run", description=doc)
        self.first = first
        self.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "bench" / "bench")
        self.add_argument("--connections", type=int, default=100)
        self.add_argument("--seconds", type=int, default=2)
        self.add_argument("--rounds", type=int, default=5)
        self.add_argument("--only", default="", help=f"names, with commas between; {first} is always there")
        self.add_argument("--output", type=pathlib.Path, default=ROOT / "build" / "bench" / f"{kind}.json")

    def parse(self):
        options = self.parse_args()
        options.first = self.first
        options.output.parent.mkdir(parents=True, exist_ok=True)
        return options


def add_others(found, wanted):
    """Adds those of (name, whether it is here, command, package) that are here; says of the rest what to install."""
    for name, is_here, command, package in wanted:
        if is_here:
            found[name] = command
        else:
            print(f"without {name}: install {package}", file=sys.stderr)


def has_program(name):
    return shutil.which(name) is not None


def on_processor(number, command):
    return ["taskset", "-c", str(number), *command] if os.cpu_count() > 1 else command


@contextlib.contextmanager
def serving(command):
    """(process number, port) of the server, which has said by its first line that it listens, until the block ends."""
    with subprocess.Popen(on_processor(0, command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = server.stdout.readline().strip()
            if not port:
                sys.exit(f"{' '.join(command)}: does not listen")
            yield server.pid, port
        finally:
            server.kill()


def processor_seconds(pid):
    """Of all threads of a process: its clock, by the number that clock_getcpuclockid gives it. /proc counts in hundredths only."""
    return time.clock_gettime((~pid << 3) | 2)


def waits(pid):
    """How often its threads have given the processor up because there was nothing to do."""
    return sum(int(line.split()[1]) for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")
               for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt_switches"))


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run_rounds(servers, measure, options):
    """What `measure` says of each server's command, once a round, so that what disturbs the machine disturbs all."""
    if options.only:
        servers = {n: c for n, c in servers.items() if n in options.only.split(",") or n == options.first}
    rounds = {name: [] for name in servers}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name in random.sample(list(servers), len(servers)):
            rounds[name].append(measure(servers[name]))
    options.output.write_text(json.dumps({"options": {k: str(v) for k, v in vars(options).items()}, "rounds": rounds}, indent=1))
    return rounds


def print_table(rounds, first, columns):
    """Medians. `columns`: (title, key). Behind the processor's time stands its ratio to the first one's in the same round."""
    head = f"{'':16}"
    for title, key in columns:
        head += f"{title:>14}" + (f"{'x ' + first:>18}{'least..most':>13}" if key == "cpu_ns" else "")
    print(head)
    for name, results in rounds.items():
        line = f"{name:16}"
        for _, key in columns:
            line += f"{statistics.median(r[key] for r in results):14,.0f}"
            if key == "cpu_ns":
                ratios = [a["cpu_ns"] / b["cpu_ns"] for a, b in zip(results, rounds[first])]
                line += f"{statistics.median(ratios):18.3f}{f'{min(ratios):.2f}..{max(ratios):.2f}':>13}"
        print(line)
