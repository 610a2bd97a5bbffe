# SPDX-License-Identifier: BSL-1.0
"""Traces, drawings and steps."""
import json
import unittest
import xml.etree.ElementTree as ElementTree

from support import Project
from nakh_site import stepping, timeline, trace, words


def event(time, what, task, **more):
    return json.dumps({"time": time * trace.TICKS, "loop": more.pop("loop", 1), "pass": 1, "event": what, "task": task, "name": f"Task-{task}", **more})


# Two tasks; the first awaits the second, which sleeps and is cancelled by it.
CANCELLED = [
    event(0, "created", 1, by="outside"), event(0, "run", 1), event(0, "created", 2, by=1), event(0, "wait", 1, **{"for": "sleep", "until": trace.TICKS}),
    event(0, "run", 2), event(0, "wait", 2, **{"for": "sleep", "until": 9 * trace.TICKS}), event(1, "wake", 1, by="loop"), event(1, "run", 1),
    event(1, "wake", 2, by=1, cancelled=True), event(1, "wait", 1, **{"for": "task", "object": 1, "tasks": [2]}), event(1, "run", 2),
    event(1, "cancelled", 2), event(1, "wake", 1, by=2), event(1, "run", 1), event(2, "done", 1),
]


def read(rows):
    return trace.read("examples/x", "\n".join(rows) + "\n")


class Traces(Project):
    def test_tasks_with_their_turns_and_waits(self):
        found = read(CANCELLED)
        one, two = found.tasks[1], found.tasks[2]
        self.assertEqual((one.end, one.outcome, two.end, two.outcome), (2 * trace.TICKS, "done", trace.TICKS, "cancelled"))
        self.assertEqual(one.turns, [(0, 1), (trace.TICKS, 3), (trace.TICKS, 5)])
        self.assertEqual([(s.kind, s.begin, s.end, s.cancelled) for s in two.waits], [("timer", 0, trace.TICKS, True)])
        self.assertEqual([s.kind for s in one.waits], ["timer", "tasks"])

    def test_other_loops_are_left_out(self):
        self.assertEqual(len(read([*CANCELLED, event(9, "created", 1, by="outside", loop=2)]).events), len(CANCELLED))

    def test_names(self):
        found = read(CANCELLED)
        self.assertEqual(trace.lanes("x", found, ()), {1: "Task-1", 2: "Task-2"})
        self.assertEqual(list(trace.lanes("x", found, ("b@1", "a")).items()), [(2, "b"), (1, "a")])
        for wanted, why in ((("a",), "has 2 tasks, but 1 names were given"), (("a@7", "b"), "no task left that ends at second 7")):
            self.assertIn(why, self.refused(lambda w=wanted: trace.lanes("x", found, w)))

    def test_what_is_no_trace(self):
        self.assertIn("left no trace", self.refused(lambda: trace.read("x", "")))
        self.assertIn("x:1: is no event of a trace", self.refused(lambda: trace.read("x", "hello\n")))

    def test_steps(self):
        found = trace.steps(read(CANCELLED))
        self.assertEqual([s.actor for s in found], [None, 1, 2, None, 1, 2, 1])
        self.assertEqual(found[1].states, {1: "waiting", 2: "ready"})
        self.assertEqual([s.queue for s in found], [[1], [2], [], [1], [2], [1], []])
        self.assertEqual(found[-1].states, {1: "done", 2: "cancelled"})


class Drawings(Project):
    def draw(self, language, rows=CANCELLED, names=("main", "<work>")):
        found = read(rows)
        return timeline.draw(language, "examples/x", found, trace.lanes("x", found, names), "key")

    def test_a_drawing_is_sound_xml_and_says_in_words_what_it_shows(self):
        for language, said in (("en", "Second 1: the timer of main is due: main is ready; main cancels <work>, which is ready now; main waits for the end of "
                                      "<work>; <work> ends: cancelled; that wakes main, which is ready now."),
                               ("fa", "ثانیهٔ ۱: زمان‌سنجِ main سر می‌رسد: main آماده است؛ main وظیفهٔ <work> را لغو می‌کند، که حالا آماده است؛")):
            picture = ElementTree.fromstring(self.draw(language)).find("svg")
            self.assertEqual((picture.get("role"), picture.get("aria-labelledby")), ("img", "key-title key-desc"))
            self.assertIn(said, picture.find("desc").text)

    def test_arrows(self):
        drawn = self.draw("en")
        self.assertEqual([drawn.count(f'class="arrow {kind}" x1="50%"') for kind in ("wakes", "cancels", "passes")], [1, 1, 0])
        self.assertIn('class="end cut" x="50%"', drawn)

    def test_digits_and_words_are_those_of_the_language(self):
        self.assertIn(">۲</text>", self.draw("fa"))
        self.assertIn(">زمان‌سنج<", self.draw("fa"))
        self.assertIn(">timer<", self.draw("en"))
        self.assertEqual(words.seconds("fa", 2_500_000_000), "۲٫۵")

    def test_there_are_not_too_many_ticks(self):
        for seconds in (1, 2, 3, 8, 13, 60, 600, 86400):
            drawn = self.draw("en", [event(0, "created", 1, by="outside"), event(0, "run", 1), event(seconds, "done", 1)], ())
            self.assertLessEqual(drawn.count('class="tick"'), timeline.MOST_TICKS + 1, seconds)
            self.assertGreaterEqual(drawn.count('class="tick"'), 3, seconds)

    def test_a_program_that_takes_no_time(self):
        self.assertIn("takes no time", self.refused(lambda: self.draw("en", [event(0, "created", 1, by="outside")], ())))

    def test_both_languages_have_the_same_words(self):
        self.assertEqual(words.WORDS["en"].keys(), words.WORDS["fa"].keys())

    def test_steps_are_an_ordered_list(self):
        found = read(CANCELLED)
        box = ElementTree.fromstring(stepping.render("en", "x", found, trace.lanes("x", found, ("main", "work")), "key"))
        rows = box.find("ol")
        self.assertEqual(len(rows), len(trace.steps(found)))
        self.assertEqual("".join(rows[1].itertext()), "Second 0: Turn of mainmain makes the task work.main waits for a timer, until second 1."
                                                      "Ready, in order: work.main waitswork ready")


class Directives(Project):
    def test_a_page_is_given_the_drawing_of_what_its_program_did(self):
        rows = "\n".join(CANCELLED)
        self.binary("examples/05-gather/stackful", f"echo hello\ncat >\"$NAKH_TRACE\" <<'END'\n{rows}\nEND")
        self.both("{{ timeline examples/05-gather main work }}\n\n{{ steps examples/05-gather main work }}")
        self.stage()
        self.assertIn('<figure class="nakh-timeline"><svg role="img"', self.staged("fa", "index.md"))
        self.assertIn('data-previous="Previous step"', self.staged("en", "index.md"))

    def test_a_program_without_a_trace(self):
        self.both("{{ timeline examples/05-gather }}")
        self.assertIn("left no trace", self.refused())


if __name__ == "__main__":
    unittest.main()
