# SPDX-License-Identifier: BSL-1.0
"""Running examples and holding them to their stored output."""
import unittest

from support import Project
from nakh_site.programs import Programs


class Outputs(Project):
    def output(self, name="examples/05-gather"):
        return Programs(self.root, self.root / "build/dev").output(name)

    def test_what_the_program_prints(self):
        self.assertEqual(self.output(), "hello\n")

    def test_it_runs_on_the_virtual_clock(self):
        self.binary("examples/05-gather/stackful", 'echo "$NAKH_CLOCK"')
        self.write("examples/05-gather/output.txt", "virtual\n")
        self.assertEqual(self.output(), "virtual\n")

    def test_a_program_runs_once(self):
        self.binary("examples/05-gather/stackful", f"echo x >> {self.root}/runs; echo hello")
        programs = Programs(self.root, self.root / "build/dev")
        programs.output("examples/05-gather")
        programs.output("examples/05-gather/stackful")
        self.assertEqual((self.root / "runs").read_text(), "x\n")

    def test_an_exercise_holds_a_solution(self):
        self.write("examples/exercises/gather/solution.cpp", "int main() {}\n")
        self.write("examples/exercises/gather/output.txt", "solved\n")
        self.binary("examples/exercises/gather/solution", "echo solved")
        self.assertEqual(self.output("examples/exercises/gather"), "solved\n")

    def test_drift_fails_and_shows_the_line(self):
        self.binary("examples/05-gather/stackful", "echo hello; echo again")
        said = self.refused(self.output)
        self.assertTrue(said.startswith("examples/05-gather/output.txt:2: "), said)
        self.assertIn("+again", said)

    def test_a_missing_last_newline_is_drift(self):
        self.binary("examples/05-gather/stackful", "printf hello")
        self.assertIn("a newline too many or too few", self.refused(self.output))

    def test_an_example_that_is_not_built(self):
        (self.root / "build/dev/examples/05-gather/stackful").unlink()
        self.assertIn("is not built", self.refused(self.output))

    def test_a_failing_program_shows_its_last_word(self):
        self.binary("examples/05-gather/stackful", "echo oh >&2; exit 3")
        self.assertEqual(self.refused(self.output), "examples/05-gather: ended with exit code 3: oh")

    def test_no_stored_output(self):
        (self.root / "examples/05-gather/output.txt").unlink()
        self.assertIn("examples/05-gather/output.txt: does not exist", self.refused(self.output))

    def test_no_such_example(self):
        self.assertIn("no such example", self.refused(lambda: self.output("examples/99-none")))


if __name__ == "__main__":
    unittest.main()
