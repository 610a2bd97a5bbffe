#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Lets gdb look at the parked tasks of a program, live and in core files: gdb_test.py GDB SCRIPT PROGRAM.

Ends with 77, which ctest shows as skipped, when there is nothing to test with.
"""

import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
GDB, SCRIPT, PROGRAM = sys.argv[1], *(str(pathlib.Path(p).resolve()) for p in sys.argv[2:4])

STACK = [r"jump_context", r"park", r"nakh::event::wait", r"read_rows.*rows_left=0", r"read_rows.*rows_left=1", r"read_rows.*rows_left=2"]
GENERATOR = [*STACK[:5], r"The generator is called from:", r"jump_context", r"pull\("]


def gdb(*commands, core=None):
    """What gdb prints."""
    call = [GDB, "-nx", "-batch", "-ex", "set width 0", "-ex", "set print frame-arguments all", "-ex", f"source {SCRIPT}"]
    for c in commands:
        call += ["-ex", c]
    done = subprocess.run(call + [PROGRAM] + ([str(core)] if core else []), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          errors="replace", timeout=50, check=False)
    return done.stdout + done.stderr


def live(*commands):
    return gdb("break all_wait", "run", *commands)


class InOrder(unittest.TestCase):
    def in_order(self, parts, text):
        at = 0
        for part in parts:
            found = re.compile(part).search(text, at)
            self.assertTrue(found, f"no '{part}' from here on:\n{text[at:]}")
            at = found.end()

    def check_list(self, text):
        self.assertRegex(text, r"(?m)^1 +Task-1 +0x\w+ +\d+ +running +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^2 +reader +0x\w+ +\d+ +waiting +event +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^3 +a waiter whose name is long +0x\w+ +\d+ +waiting +task 'reader' +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^4 +Task-2 +0x\w+ +\d+ +waiting +sleep +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^5 +idle +0x\w+ +\d+ +ready +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^6 +puller +0x\w+ +\d+ +waiting +event +\S*parked\.cpp:\d+$")
        self.assertRegex(text, r"(?m)^7 +fresh +0x\w+ +\d+ +not begun +\S*parked\.cpp:\d+$")

    def test_lists_the_tasks(self):
        self.check_list(live("nakh tasks"))

    def test_walks_a_stack_by_name_number_and_id(self):
        text = live("nakh bt reader", "echo --\\n", "nakh bt 2", "echo --\\n", "nakh tasks")
        by_name, by_number, listed = text.split("--\n")
        self.in_order(STACK, by_name)
        self.assertNotRegex(by_name, r"(?m)^#0")
        self.in_order(STACK, by_number)
        identity = re.search(r"reader +(0x\w+)", listed).group(1)
        self.in_order(STACK, live(f"nakh bt {identity}"))

    def test_selects_a_stack_and_goes_back(self):
        text = live("nakh fiber reader", "up 7", "print rows_left", "bt 3", "nakh fiber none", "echo back\\n", "bt 1")
        self.assertRegex(text, r"\$1 = [012]\n")
        self.in_order([r"jump_context", "back", r"#0 +.*all_wait"], text)

    def test_runs_on_after_a_look(self):
        text = live("nakh fiber reader", "continue")
        self.assertIn("exited normally", text)

    def test_applies_a_command_to_all(self):
        text = live("nakh fiber apply all bt")
        self.in_order([r"Task 1 'Task-1' \(running", r"Task 2 'reader' \(waiting", *STACK, r"Task 3 'a waiter", r"wait_for_completion",
                       r"Task 4 'Task-2'", r"nakh::sleep", r"Task 5 'idle' \(ready", r"nakh::yield", r"Task 6 'puller'", *GENERATOR, r"Task 7 'fresh' \(not begun"], text)
        self.assertNotIn("nakh::sleep", text[text.index("Task 7"):])

    def test_walks_out_of_a_generator(self):
        self.in_order(GENERATOR, live("nakh bt puller"))

    def test_says_what_is_wrong(self):
        self.assertIn("There is no task 'nobody'", live("nakh bt nobody"))
        self.assertIn("There is no task 99", live("nakh bt 99"))
        self.assertIn("Task 'fresh' has not begun", live("nakh bt fresh"))
        self.assertIn("Task 'Task-1' runs", live("nakh bt 1"))
        self.assertIn("The program has not been started", gdb("nakh tasks"))

    def test_reads_a_core_file_of_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            core = pathlib.Path(folder, "own")
            self.assertIn("Saved corefile", live(f"nakh generate-core-file {core}"))
            self.check_list(gdb("nakh tasks", core=core))
            self.in_order(STACK, gdb("nakh bt reader", core=core))

    def test_reads_a_core_file_of_the_kernel(self):
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").strip()
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        if pattern.startswith(("|", "/")) or hard == 0:
            self.skipTest(f"the kernel writes no core file here ({pattern})")
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, "die"], cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
            found = list(pathlib.Path(folder).iterdir())
            if not found:
                self.skipTest("the kernel has written no core file")
            self.check_list(gdb("nakh tasks", core=found[0]))
            self.in_order(STACK, gdb("nakh bt reader", core=found[0]))


def obstacle():
    if "python works" not in gdb("python print('python works')"):
        return "this gdb has no Python"
    text = live("bt 1")
    return "" if "all_wait" in text and "Breakpoint 1, " in text else f"gdb may not run programs here:\n{text}"


if __name__ == "__main__":
    why = obstacle()
    if why:
        print("skipped:", why)
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2)
