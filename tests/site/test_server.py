# SPDX-License-Identifier: BSL-1.0
"""The local server: pages, 404, reload, and rebuilding on change."""
import http.client
import threading
import unittest

from support import Project
from nakh_site import server
from nakh_site.problem import fail


class Served(Project):
    def setUp(self):
        super().setUp()
        for name in ("index.html", "en/index.html", "404.html", "en/404.html"):
            self.write(f"out/{name}", f"<html><body>{name}</body></html>")
        self.write("out/a.css", "a{}")
        self.build = server.Build()
        self.web = server.make_server(self.root / "out", "127.0.0.1", 0, self.build)
        thread = threading.Thread(target=self.web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        self.addCleanup(self.web.server_close)
        self.addCleanup(self.web.shutdown)

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.web.server_address[1], timeout=10)
        self.addCleanup(connection.close)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_pages_reload_by_themselves_and_other_files_are_as_they_are(self):
        status, body = self.get("/")
        self.assertEqual(status, 200)
        self.assertIn("index.html<script>", body)
        self.assertEqual(self.get("/a.css"), (200, "a{}"))

    def test_both_languages(self):
        self.assertIn("en/index.html", self.get("/en/")[1])
        self.assertEqual(self.get("/en")[0], 301)

    def test_not_found_in_each_language(self):
        status, body = self.get("/none.html")
        self.assertEqual(status, 404)
        self.assertIn("<body>404.html", body)
        self.assertIn("<body>en/404.html", self.get("/en/none/x.html")[1])

    def test_nothing_outside_the_site_is_served(self):
        self.write("secret", "x")
        self.assertEqual(self.get("/../secret")[0], 404)
        self.assertEqual(self.get("/%2e%2e/secret")[0], 404)

    def test_a_waiting_page_is_told_of_a_new_build(self):
        status, now = self.get("/.nakh/build?seen=")
        self.assertEqual((status, now), (200, self.build.stamp))
        threading.Timer(0.05, self.build.done).start()
        self.assertNotEqual(self.get(f"/.nakh/build?seen={now}")[1], now)

    def test_a_change_rebuilds_and_a_failed_rebuild_does_not_stop_it(self):
        server.LOOK_EVERY, before = 0.01, server.LOOK_EVERY
        self.addCleanup(setattr, server, "LOOK_EVERY", before)
        source, stop, said, spoken = self.write("site/fa/index.md", "a"), threading.Event(), [], threading.Event()
        outcomes = [fail("site/fa/index.md", 1, "is wrong"), None]

        def rebuild():
            outcome = outcomes.pop(0)
            if outcome:
                raise outcome

        def say(text):
            said.append(text)
            spoken.set()

        stamp = self.build.stamp
        thread = threading.Thread(target=server.rebuild_on_change, args=([self.root / "site"], rebuild, self.build, say, stop))
        thread.start()
        try:
            threading.Event().wait(0.05)
            for text in ("bb", "ccc"):
                spoken.clear()
                source.write_text(text)
                self.assertTrue(spoken.wait(10))
        finally:
            stop.set()
            thread.join()
        self.assertEqual(said, ["not rebuilt:\nsite/fa/index.md:1: is wrong", "rebuilt after a change of index.md"])
        self.assertNotEqual(self.build.stamp, stamp)


if __name__ == "__main__":
    unittest.main()
