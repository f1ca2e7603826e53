"""What the tests' Spark Connect servers do: they start, come back after a crash, and leave nothing, however their user ends."""

import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

from server import ConnectServer, accepts, command_line, processes_with

WITH_CONNECT = pathlib.Path(__file__).parent / "with_connect.py"


class ServerTest(unittest.TestCase):
    def wait_until_gone(self, mark):
        end = time.monotonic() + 30
        while processes_with(mark) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual([command_line(pid) for pid in processes_with(mark)], [])

    def test_comes_back_after_a_crash_and_goes(self):
        with ConnectServer() as server:
            first, port, folder = server.pid, server.port, server.folder
            self.assertTrue(accepts(port))
            self.assertNotIn(server.token, " ".join(command_line(first)))
            server.kill()
            self.assertFalse(accepts(port))
            starter = threading.Thread(target=server.start)
            starter.start()
            starter.join()
            time.sleep(2)
            self.assertTrue(server.runs(), "it ended with the thread that started it")
            self.assertNotEqual(server.pid, first)
            self.assertEqual(server.port, port)
            self.assertTrue(accepts(port))
        self.assertFalse(accepts(port))
        self.assertFalse(folder.exists())
        self.wait_until_gone(str(folder))

    def test_a_cluster_goes_with_the_program_that_uses_it(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            program = subprocess.Popen(
                [sys.executable, WITH_CONNECT, "--cluster", "sh", "-c", "echo $SPARK_REMOTE; exec sleep 600"],
                stdout=subprocess.PIPE, text=True)
            port = program.stdout.readline().split(":")[2].split("/")[0]
            mark = f"spark.connect.grpc.binding.port={port}"
            server = processes_with(mark)
            self.assertEqual(len(server), 1)
            master = next(word for word in command_line(server[0]) if word.startswith("spark://"))
            self.assertGreaterEqual(len(processes_with(master)), 3)
            program.send_signal(number)
            program.wait(30)
            program.stdout.close()
            self.wait_until_gone(mark)
            self.wait_until_gone(master)


unittest.main()
