"""A run that is stopped or killed leaves the old output whole; a stopped one leaves nothing of its own."""

import signal
import subprocess
import time

from harness import BINARY, EndToEndTest, main, tree

ROWS = 200000


class InterruptionTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.run_binary("sample-data", "--output", "data", "--rows", ROWS)
        self.write_shipping()
        self.succeed(*self.preprocessing())
        self.before = tree(self.folder / "rows")

    def start(self):
        """Starts a run of some length; returns when it has begun to write beside the output."""
        process = subprocess.Popen(
            [BINARY, "data-preprocessing", "--shipping-logs", "data/ShippingLogs.csv", "--product-description",
             "data/ProductDescriptions.csv", "--output", "rows", "--threads", "1"],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        deadline = time.monotonic() + 60
        while not self.staging() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        self.assertTrue(self.staging(), "the run ended before it could be stopped")
        return process

    def staging(self):
        return list(self.folder.glob(".rows.firesteel-*"))

    def test_signals_leave_nothing_behind(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start()
            process.send_signal(number)
            begin = time.monotonic()
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code, err)
            self.assertLess(time.monotonic() - begin, 10)
            self.assertEqual(out, "")
            self.assertEqual(err.splitlines()[-1], f"firesteel: error: stopped; nothing was written (exit code {code})")
            self.assertEqual(tree(self.folder / "rows"), self.before)
            self.assertEqual(self.staging(), [])

    def check_whole(self):
        """The output is the old one or the new one, and never a mixture: the kill may come just after the exchange."""
        if tree(self.folder / "rows") == self.before:
            return
        manifest = self.manifest("rows")
        self.assertEqual(manifest["rows"]["joined"], ROWS)
        listed = {file["path"] for file in manifest["files"]} | {"manifest.json"}
        self.assertEqual(set(tree(self.folder / "rows")), listed)

    def test_a_killed_run_leaves_a_whole_output_and_the_next_one_cleans_up(self):
        for wait in (0.0, 0.2, 0.5):
            process = self.start()
            time.sleep(wait)
            process.kill()
            process.communicate(timeout=60)
            self.check_whole()
        self.succeed(*self.preprocessing())
        self.assertEqual(self.staging(), [])
        self.assertEqual(self.manifest("rows")["rows"]["joined"], 60)

    def test_a_run_beside_a_living_one_does_not_disturb_it(self):
        process = self.start()
        self.succeed(*self.preprocessing())
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.manifest("rows")["rows"]["joined"], ROWS)
        self.assertEqual(self.staging(), [])


main()
