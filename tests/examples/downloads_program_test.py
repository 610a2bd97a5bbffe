#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The program of examples/downloads as its users see it: usage: downloads_program_test.py PROGRAM."""
import contextlib
import fcntl
import functools
import hashlib
import http.server
import os
import pathlib
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import unicodedata
import unittest

PROGRAM = sys.argv.pop(1)
LIMIT = 30  # seconds for each run, which takes one or two
INTERRUPTED = 130
USAGE = 2


def get(folder, *arguments):
    command = [PROGRAM, "get", "--directory", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)


@contextlib.contextmanager
def serving(folder, *arguments):
    """The address that a server of the program says it serves at."""
    command = [PROGRAM, "serve", str(folder), "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(LIMIT)
    assert server.returncode == INTERRUPTED, server.returncode


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Program(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.served = pathlib.Path(scratch.name, "served")
        self.here = pathlib.Path(scratch.name, "here")
        self.served.mkdir()
        self.here.mkdir()
        random.seed(1)
        for name, size in (("one.bin", 300_000), ("two.bin", 500_000), ("three-with-a-long-name.bin", 400_000)):
            (self.served / name).write_bytes(random.randbytes(size))

    def names(self):
        return sorted(p.name for p in self.served.iterdir())

    def urls(self, at):
        return [at + name for name in self.names()]

    def assert_all_here(self):
        self.assertEqual(sorted(p.name for p in self.here.iterdir()), self.names())
        for name in self.names():
            self.assertEqual((self.here / name).read_bytes(), (self.served / name).read_bytes(), name)

    def test_a_list_with_digests(self):
        with serving(self.served) as at:
            lines = [f"{at}{n} {hashlib.sha256((self.served / n).read_bytes()).hexdigest()}\n" for n in self.names()]
            listed = self.here.parent / "list"
            listed.write_text("# files\n" + "".join(lines))
            done = get(self.here, "--input", str(listed))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotIn("\033", done.stdout)
            self.assertIn("one.bin: 293.0 KiB, SHA-256 is right\n", done.stdout)
            self.assertEqual(done.stdout.splitlines()[-1], "3 of 3 files came")
            self.assert_all_here()
            (self.here / "one.bin").write_text("somebody has changed it")
            self.assertIn("1 of 3 files came, 2 were here", get(self.here, "--input", str(listed)).stdout)
            self.assert_all_here()

    def test_an_interrupt_keeps_what_came(self):
        with serving(self.served, "--rate", "200000") as at:
            command = [PROGRAM, "get", "--directory", str(self.here), *self.urls(at)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
                while sum(p.stat().st_size for p in self.here.glob("*.part")) < 200_000:
                    self.assertIsNone(first.poll())
                first.send_signal(signal.SIGINT)
                out, _ = first.communicate(timeout=LIMIT)
            self.assertEqual(first.returncode, INTERRUPTED)
            self.assertRegex(out, r"interrupted: 0 of 3 files came; parts of [123] are kept")
            kept = sum(p.stat().st_size for p in self.here.glob("*.part"))
            self.assertGreaterEqual(kept, 200_000)
        with serving(self.served) as at:
            done = get(self.here, *self.urls(at))
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assert_all_here()

    def shown_on_terminal(self, columns, rows):
        """The lines that were drawn, each time; of a terminal of that size."""
        with serving(self.served, "--rate", "400000") as at:
            leader, follower = pty.openpty()
            fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            command = [PROGRAM, "get", "--directory", str(self.here), *self.urls(at)]
            environment = dict(os.environ, LC_ALL="C.UTF-8")
            with subprocess.Popen(command, stdout=follower, stdin=follower, env=environment) as program:
                os.close(follower)
                shown = b""
                while select.select([leader], [], [], LIMIT)[0]:
                    try:
                        shown += os.read(leader, 65536)
                    except OSError:  # the program's end
                        break
            os.close(leader)
        self.assertEqual(program.returncode, 0)
        self.assert_all_here()
        text = shown.decode()
        for up in re.findall("\033\\[([0-9]+)A", text):
            self.assertLess(int(up), rows)
        lines = [re.sub("\033\\[[0-9]*[A-Za-z]", "", line) for line in re.split("[\r\n]+", text)]
        for line in lines[:-1]:
            width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
            if "%" in line or " of 3 " in line:
                self.assertLess(width, columns, line)
        return lines

    def test_a_terminal(self):
        lines = self.shown_on_terminal(80, 24)
        bars = [line for line in lines if "%" in line]
        self.assertTrue(any("█" in line and "░" in line for line in bars), bars)
        self.assertTrue(any(line.startswith("two.bin") for line in bars), bars)
        self.assertTrue(any(line.startswith("2 of 3 files") for line in lines), lines)

    def test_a_narrow_terminal(self):
        lines = self.shown_on_terminal(40, 4)
        self.assertTrue(any(line.startswith("three") and "%" in line for line in lines), lines)
        self.assertTrue(any(line.startswith("2 of 3") for line in lines), lines)

    def test_another_server(self):
        handler = functools.partial(QuietHandler, directory=str(self.served))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                at = f"http://127.0.0.1:{server.server_address[1]}/"
                done = get(self.here, *self.urls(at), at + "none")
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual(done.returncode, 1)
        self.assertIn("none: failed: the server says 404", done.stdout)
        self.assertIn("one.bin: 293.0 KiB\n", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "3 of 4 files came, 1 failed")
        self.assert_all_here()

    def test_wrong_commands(self):
        for arguments, said in (
            ((), "say a URL"),
            (("nonsense",), '"nonsense" is no URL'),
            (("ftp://h/a",), "is neither http nor https"),
            (("http://h/a", "http://i/a"), "would both be"),
            (("--jobs", "0", "http://h/a"), "--jobs"),
            (("--input", "/nowhere"), "--input"),
            (("--ca", "/nowhere", "http://h/a"), "--ca"),
        ):
            with self.subTest(arguments=arguments):
                done = get(self.here, *arguments)
                self.assertEqual(done.returncode, USAGE)
                self.assertIn(said, done.stderr)
        for command in ([], ["fly"], ["serve"], ["serve", "/nowhere"], ["serve", "/", "--key", PROGRAM]):
            with self.subTest(command=command):
                done = subprocess.run([PROGRAM, *command], capture_output=True, text=True, timeout=LIMIT)
                self.assertEqual(done.returncode, USAGE, done.stderr)
        self.assertEqual(subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, timeout=LIMIT).returncode, 0)

    def test_the_demonstration(self):
        done = subprocess.run([PROGRAM, "demo"], capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("interrupted half-way\n", done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "every byte is as it was served")


if __name__ == "__main__":
    unittest.main()
