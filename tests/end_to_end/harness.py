"""What the end-to-end tests share: running the binary, small data, and looking at what a run left behind."""

import hashlib
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

from last_line import message_of

BINARY = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else pathlib.Path("firesteel")
ROOT = pathlib.Path(__file__).resolve().parents[2]

LOG_HEADER = (
    "ActualShippingDays,ExpectedShippingDays,Carrier,YShippingDistance,XShippingDistance,InBulkOrder,"
    "ShippingOrigin,OrderDate,OrderID,ShippingPriority,OnTimeDelivery,ProductId"
)
PRODUCT_HEADER = "ComputerBrand,ComputerModel,ScreenSize,PackageWeight,ProductId"


def log_rows(count, changes=None):
    """Lines of a shipping log, 1 to a day and months of 28 days; `changes` maps a row (from 0) to {column: text}."""
    names = LOG_HEADER.split(",")
    lines = []
    for n in range(count):
        row = {
            "ActualShippingDays": 5 + n % 7,
            "ExpectedShippingDays": 6 + n % 5,
            "Carrier": ["BigBird", "MicroCarrier"][n % 2],
            "YShippingDistance": 10 + n,
            "XShippingDistance": 3 * n % 50,
            "InBulkOrder": ["Bulk Order", "Single Order"][n // 2 % 2],
            "ShippingOrigin": ["Chicago", "Seattle", "Atlanta"][n % 3],
            "OrderDate": f"{n // 28 % 12 + 1}/{n % 28 + 1}/{20 + n // 336}",
            "OrderID": f"order-{n}",
            "ShippingPriority": ["Express", "Ground", "Air"][n // 3 % 3],
            "OnTimeDelivery": "On Time",
            "ProductId": f"p{n % 2}",
        }
        row.update((changes or {}).get(n, {}))
        lines.append(",".join(str(row[name]) for name in names))
    return lines


def tree(folder):
    """All files below a folder, hidden ones included: relative path -> SHA-256. Without status.json, which tells of the
    last attempt, whatever became of it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "status.json"
    }


def statuses(folder):
    """The status files below a folder: path -> content."""
    return {path: path.read_text() for path in sorted(folder.rglob("status.json"))}


class EndToEndTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_binary(self, *arguments, **options):
        return subprocess.run(
            [str(BINARY), *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, timeout=300, **options
        )

    def run_on_terminal(self, *arguments):
        """Runs what must succeed with stderr a terminal; returns what that showed."""
        leader, follower = pty.openpty()
        pid = os.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.dup2(follower, 2)
            os.execv(BINARY, [str(BINARY), *map(str, arguments)])
        os.close(follower)
        shown = b""
        while True:
            try:
                block = os.read(leader, 4096)
            except OSError:
                break
            if not block:
                break
            shown += block
        os.close(leader)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return shown

    def succeed(self, *arguments):
        done = self.run_binary(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "")
        return done

    def refusal(self, *arguments, code=1):
        """Runs what must be refused; returns the message. Nothing but the message may appear anywhere, and that in no
        more than one status.json."""
        before, statuses_before = tree(self.folder), statuses(self.folder)
        done = self.run_binary(arguments[0], "--quiet", *arguments[1:])
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        lines = [line for line in done.stderr.splitlines() if line.startswith("firesteel: error: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1], lines[0])
        self.assertEqual(tree(self.folder), before, "something was left behind or changed")
        self.assertEqual([p.name for p in self.folder.rglob(".*.firesteel-*")], [])
        message = message_of(lines[0], code)
        written = {path: text for path, text in statuses(self.folder).items() if statuses_before.get(path) != text}
        self.assertLessEqual(len(written), 1)
        for text in written.values():
            status = json.loads(text)
            self.assertEqual((status["state"], status["error"].replace("\n", " ")), ("failed", message))
        return message

    def check_no_output(self, folder):
        """Nothing is where a failed command would have written, but perhaps its status."""
        self.assertEqual(tree(self.folder / folder), {})
        for text in statuses(self.folder / folder).values():
            self.assertEqual(json.loads(text)["state"], "failed")

    def write(self, name, *lines):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def write_shipping(self, count=60, changes=None):
        self.write("logs.csv", LOG_HEADER, *log_rows(count, changes))
        self.write("products.csv", PRODUCT_HEADER, "Bell,Base,10.1,4.2,p0", "Bell,Gamer,17.3,8.0,p1")

    def preprocessing(self, output="rows"):
        return ("data-preprocessing", "--shipping-logs", "logs.csv", "--product-description", "products.csv", "--output", output)

    def four_steps(self, *common, workflow=(), sources, output, params="{'maxIter': 5}"):
        """Runs the four steps into output/{rows,training,validation,model}."""
        self.succeed("data-preprocessing", *workflow, *sources, "--output", f"{output}/rows", *common)
        self.succeed(
            "feature-engineering", *workflow, "--dataframe", f"{output}/rows/training", "--output", f"{output}/training", *common
        )
        self.succeed(
            "feature-engineering", *workflow, "--dataframe", f"{output}/rows/validation", "--output", f"{output}/validation",
            "--pipeline-model", f"{output}/training/pipeline_model", *common,
        )
        self.succeed(
            "model-training", *workflow, "--training-dataset", f"{output}/training/dataframe", "--validation-dataset",
            f"{output}/validation/dataframe", "--output", f"{output}/model", *(["--model-params", params] if params else []), *common,
        )
        return self.folder / output

    def manifest(self, output):
        return json.loads((self.folder / output / "manifest.json").read_text())

    def predictions(self, folder):
        """The header of predictions.csv and its lines over all part files."""
        header, lines = None, []
        for part in sorted((self.folder / folder / "predictions.csv").glob("part-*.csv")):
            first, *rest = part.read_text().splitlines()
            header = first
            lines += rest
        return header, lines


def main():
    if not BINARY.is_file():
        sys.exit(f"usage: {sys.argv[0]} BINARY")
    os.environ.pop("TMPDIR", None)
    unittest.main()
