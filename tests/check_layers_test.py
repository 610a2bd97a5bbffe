#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Plants what check_layers must find, one at a time."""

import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest

here = pathlib.Path(__file__).resolve().parent
loader = importlib.machinery.SourceFileLoader("check_layers", str(here / "check_layers"))
check_layers = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", loader))
loader.exec_module(check_layers)


class CheckLayers(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in files.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            return check_layers.check(root)

    def test_what_fits_is_silent(self):
        self.assertEqual([], self.problems({
            "include/nakh/config.hpp": "#include <cstddef>\n",
            "include/nakh/loop.hpp": "#include <nakh/config.hpp>\n",
            "src/loop.cpp": '#include <nakh/loop.hpp>\n#include "reactor.hpp"\n',
            "src/reactor.hpp": "#include <boost/asio/io_context.hpp>\n",
        }))

    def test_an_upward_include(self):
        found = self.problems({"src/scheduler.hpp": '#include "loop_core.hpp"\n', "src/loop_core.hpp": ""})
        self.assertEqual(1, len(found))
        self.assertIn("higher layer 'loop'", found[0])

    def test_boost_context_elsewhere(self):
        found = self.problems({"src/fiber.hpp": "#include <boost/context/detail/fcontext.hpp>\n"})
        self.assertIn("only src/context", found[0])

    def test_a_public_header_that_shows_the_system(self):
        self.assertIn("neither Boost nor the system", self.problems({"include/nakh/loop.hpp": "#include <sys/mman.h>\n"})[0])
        self.assertIn("neither Boost nor the system", self.problems({"include/nakh/task.hpp": "#include <boost/asio.hpp>\n"})[0])

    def test_a_public_header_that_includes_a_private_one(self):
        found = self.problems({"include/nakh/loop.hpp": '#include "../../src/reactor.hpp"\n#include "reactor.hpp"\n', "src/reactor.hpp": ""})
        self.assertTrue(any("no private one" in line for line in found))

    def test_a_circle(self):
        found = self.problems({"src/task_core.hpp": '#include "awaiting.hpp"\n', "src/awaiting.hpp": '#include "task_core.hpp"\n'})
        self.assertEqual(1, len([line for line in found if line.startswith("circle")]))

    def test_a_file_without_a_layer(self):
        self.assertIn("stands in no layer", self.problems({"src/mystery.cpp": ""})[0])


if __name__ == "__main__":
    unittest.main()
