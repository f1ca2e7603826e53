"""What the tests that attack share: every command that writes, over two variants of its input, on a local folder or an S3 prefix; what
each must write; running it; and judging what is there afterwards.

A test keeps an output of one variant, lets the command write the other variant over it, and disturbs that. Whatever happens, the
output must be whole and one of the two.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

from harness import BINARY, LOG_HEADER, PRODUCT_HEADER, log_rows  # Takes the binary from sys.argv.
from last_line import message_of
from outputs import NotWhole, content_of, follow_list, missing_marks, plain_copies_missing, plain_view_problems, strays

VARIANTS = ("a", "b")
OLD_FILE = b"an old file\n"  # In the place of what `init` writes.
ROWS = {"a": 60, "b": 84}
# Long enough for any run here with all its retries, short enough to notice one that hangs.
MAX_SECONDS = 90

# What requests are signed with. Drawn anew for each test, with the characters that real ones have, so that a leak is no accident.
SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA" + secrets.token_hex(8).upper(),
    "AWS_SECRET_ACCESS_KEY": f"s/{secrets.token_hex(9)}+{secrets.token_hex(9)}/k",
    "AWS_SESSION_TOKEN": f"t//{secrets.token_hex(20)}+{secrets.token_hex(20)}==",
}


def leaked(content):
    """The names of the secrets that some bytes hold, as they are or percent-encoded."""
    return [
        name for name, value in SECRETS.items()
        if value.encode() in content or urllib.parse.quote(value, safe="").encode() in content
    ]  # fmt: skip


@contextlib.contextmanager
def temporary_folder(prefix):
    folder = tempfile.mkdtemp(prefix=prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class LocalPlace:
    """Outputs in a local folder."""

    is_s3 = False

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def url(self, name):
        return str(self.root / name)

    def files(self, name):
        """The files below an output, or the one file that it is: content, by path below it ("" for a file)."""
        path = self.root / name
        if path.is_file():
            return {"": path.read_bytes()}
        return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def put(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, name):
        path = self.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def leftovers(self, name):
        """What a run left beside the output."""
        parent = (self.root / name).parent
        return [str(path) for path in parent.glob(f".{pathlib.Path(name).name}*")] if parent.exists() else []


class S3Place:
    """Outputs below a prefix of a bucket."""

    is_s3 = True

    def __init__(self, client, prefix):
        self.client, self.prefix = client, prefix

    def url(self, name):
        return f"s3://{self.client.bucket}/{self.prefix}{name}"

    def files(self, name):
        whole = f"{self.prefix}{name}"
        return {"": self.client.get(whole)} if whole in self.client.list(whole) else self.client.get_all(f"{whole}/")

    def put(self, name, content):
        self.client.put(f"{self.prefix}{name}", content)

    def remove(self, name):
        keys = self.client.list(f"{self.prefix}{name}")
        self.client.remove([key for key in keys if key == f"{self.prefix}{name}" or key.startswith(f"{self.prefix}{name}/")])

    def leftovers(self, name):
        return [f"an open upload of {key}" for key in self.client.uploads(f"{self.prefix}{name}")]


@dataclasses.dataclass
class Command:
    name: str
    arguments: object  # Function of (url of an input's name, variant, url of the output) -> arguments.
    is_file: bool = False  # One file rather than a folder with a list.
    files: tuple = ()  # Several files without a list, each whole on its own.


def _sources(url, variant):
    return ("--shipping-logs", url(f"in/{variant}/logs.csv"), "--product-description", url(f"in/{variant}/products.csv"))


def _frame(url, variant, part):
    return url(f"base/{variant}/feature_engineering/{part}/dataframe")


TREES = ("--model-params", "{'maxIter': 3}")
COMMANDS = [
    Command("data-preprocessing", lambda url, v, out: ("data-preprocessing", *_sources(url, v), "--output", out)),
    Command("fit", lambda url, v, out: (
        "feature-engineering", "--dataframe", url(f"base/{v}/data_preprocessing/training"), "--output", out)),
    Command("apply", lambda url, v, out: (
        "feature-engineering", "--dataframe", url(f"base/{v}/data_preprocessing/validation"), "--pipeline-model",
        url(f"base/{v}/feature_engineering/training/pipeline_model"), "--output", out)),
    Command("model-training", lambda url, v, out: (
        "model-training", "--training-dataset", _frame(url, v, "training"), "--validation-dataset", _frame(url, v, "validation"),
        *TREES, "--output", out)),
    Command("run", lambda url, v, out: ("run", *_sources(url, v), *TREES, "--output", out)),
    Command("predict", lambda url, v, out: (
        "predict", "--model", url(f"base/{v}/model_training"), "--input", _frame(url, v, "validation"), "--output", out)),
    Command("predict-logs", lambda url, v, out: (
        "predict", "--model", url(f"base/{v}"), "--pipeline-model", url(f"base/{v}/feature_engineering/training/pipeline_model"),
        *_sources(url, v), "--format", "parquet", "--output", out)),
    Command("evaluate", lambda url, v, out: (
        "evaluate", "--model", url(f"base/{v}/model_training/model"), "--input", _frame(url, v, "training"), "--output", out)),
    Command("export", lambda url, v, out: ("export", url(f"base/{v}/model_training"), "--format", "json", "--output", out),
            is_file=True),
    Command("init", lambda url, v, out: ("init", out, "--force"), is_file=True),
    Command("sample-data", lambda url, v, out: (
        "sample-data", "--rows", "40", "--seed", {"a": "1", "b": "2"}[v], "--force", "--output", out),
            files=("ShippingLogs.csv", "ProductDescriptions.csv")),
]  # fmt: skip


@dataclasses.dataclass
class Done:
    code: int  # Negative: ended by a signal.
    stdout: str
    stderr: str
    seconds: float

    def error(self):
        """The message of a run that failed as it should: its one error line, the last one. Throws AssertionError else."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("firesteel: error: ")]
        last = self.stderr.splitlines()[-1:]
        check(len(lines) == 1 and lines == last, f"not one clear error line at the end of stderr: {self.stderr[-2000:]!r}")
        return message_of(lines[0], self.code)


def check(holds, message):
    if not holds:
        raise AssertionError(message)


def environment(endpoint=None, timeout=1, **more):
    """What the program runs in: nothing of the caller's AWS settings; with an endpoint, the drawn credentials."""
    result = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    if endpoint:
        result |= SECRETS | {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint, "FIRESTEEL_S3_TIMEOUT": str(timeout)}
    return result | {name: str(value) for name, value in more.items()}


class Attack:
    """Runs commands in one place, of which it keeps an output each; one thread's."""

    def __init__(self, place, expected, endpoint=None, prefix=(), **more):
        self.place, self.expected, self.endpoint, self.more = place, expected, endpoint, more
        self.prefix = prefix  # Put before the binary, e.g. faketime and its arguments.
        self.options = {}  # More for subprocess.Popen.
        self.current = {}  # Command's name -> variant that its output is of.
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="firesteel-attack-"))

    def close(self):
        shutil.rmtree(self.temporary, ignore_errors=True)

    def output(self, command):
        return f"out/{command.name}"

    def arguments(self, command, variant):
        return command.arguments(self.place.url, variant, self.place.url(self.output(command)))

    def start(self, arguments, endpoint=None):
        (self.temporary / "tmp").mkdir(exist_ok=True)
        (self.temporary / "cwd").mkdir(exist_ok=True)
        return subprocess.Popen(
            [*self.prefix, str(BINARY), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            cwd=self.temporary / "cwd",
            env=environment(endpoint or self.endpoint, TMPDIR=self.temporary / "tmp", HOME=self.temporary / "cwd", **self.more),
            **self.options,
        )  # fmt: skip

    def wait(self, process, begin, max_seconds=MAX_SECONDS):
        try:
            out, err = process.communicate(timeout=max_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {max_seconds} s; stderr: {err.decode()[-2000:]!r}") from None
        found = leaked(out) + leaked(err)
        check(not found, f"{found} in the output of the program")
        return Done(process.returncode, out.decode(), err.decode(), time.monotonic() - begin)

    def run(self, arguments, endpoint=None, max_seconds=MAX_SECONDS):
        begin = time.monotonic()
        return self.wait(self.start(arguments, endpoint), begin, max_seconds)

    def write(self, command, variant):
        """Runs a command undisturbed and judges what it wrote."""
        done = self.run(self.arguments(command, variant))
        check(done.code == 0, f"an undisturbed run exits with {done.code}: {done.stderr[-2000:]}")
        self.check_clean(command)
        got = self.variants(command)
        check(variant in got, f"an undisturbed run wrote something else than it should: {self.differences(command, variant)}")
        self.current[command.name] = variant

    def prepare(self, command):
        """Sees to an output of one variant; returns the other one, to be written over it."""
        if command.name == "init":
            self.place.put(self.output(command), OLD_FILE)
            return "a"
        if command.name not in self.current:
            self.write(command, "a")
        return VARIANTS[1 - VARIANTS.index(self.current[command.name])]

    def forget(self, command):
        """After a failure: makes room for further runs."""
        self.current.pop(command.name, None)
        self.place.remove(self.output(command))
        for path in self.temporary.glob("tmp/*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def variants(self, command):
        """The variants that the output is of, whole: one, or for files several. Throws NotWhole if it is a mixture."""
        files = self.place.files(self.output(command))
        for name, content in files.items():
            check(not leaked(content), f"{leaked(content)} in the written file '{name}'")
        if command.is_file or command.files:
            found = set()
            for name in command.files or ("",):
                content = files.get(name)
                if content is None:
                    raise NotWhole(f"'{name or command.name}' is not there")
                fitting = {
                    variant for variant in VARIANTS if self.expected[command.name][variant].get(name) == content_of(content)
                }
                if command.name == "init":  # The new file is the same for all variants.
                    fitting = {"old"} if content == OLD_FILE else fitting & {"a"}
                if not fitting:
                    raise NotWhole(f"'{name or command.name}' is neither the old nor the new file ({len(content)} bytes)")
                found |= fitting
            return found
        got = content_of(follow_list(files, needs_checksums=self.place.is_s3))
        found = {variant for variant in VARIANTS if self.expected[command.name][variant] == got}
        if not found:
            details = {variant: self.differences(command, variant) for variant in VARIANTS}
            raise NotWhole(f"whole as its list says, but neither the old nor the new output: {details}")
        if self.place.is_s3:
            problems = plain_view_problems(files)
            if problems:
                raise NotWhole("; ".join(problems))
        return found

    def differences(self, command, variant):
        """Names of the files that are not as a variant's should be."""
        files = self.place.files(self.output(command))
        wanted = self.expected[command.name][variant]
        if command.is_file or command.files:
            return sorted(name for name in wanted if name not in files or content_of(files[name]) != wanted[name])
        got = content_of(follow_list(files))
        return sorted(name for name in set(got) | set(wanted) if got.get(name) != wanted.get(name))

    def check_clean(self, command):
        """Nothing is left of any run but the output itself."""
        if not command.is_file and not command.files:
            files = self.place.files(self.output(command))
            check(not strays(files), f"stray files in the output: {strays(files)}")
            missing = missing_marks(files) + plain_copies_missing(files)
            check(not missing, f"not there, or not as listed, under their plain names: {missing}")
        elif command.files:
            stray = sorted(set(self.place.files(self.output(command))) - set(command.files))
            check(not stray, f"stray files in the output: {stray}")
        left = self.place.leftovers(self.output(command)) + [str(path) for path in self.temporary.glob("tmp/*")]
        check(not left, f"left behind: {left}")
        stray = [str(path) for path in (self.temporary / "cwd").rglob("*")]
        check(not stray, f"files in the working directory: {stray}")

    def recover(self, command, variant):
        """Runs the command again, undisturbed: it must succeed and leave nothing of the run before."""
        self.write(command, variant)


def upload_inputs(place, root):
    """Copies what make_inputs made to a place, file by file, as they lie."""
    for name in ("in", "base"):
        for path in (pathlib.Path(root) / name).rglob("*"):
            if path.is_file():
                place.put(str(path.relative_to(root)), path.read_bytes())


def make_inputs(root):
    """Inputs and a whole `run` of each variant, in a local folder: in/VARIANT, base/VARIANT."""
    for variant in VARIANTS:
        folder = pathlib.Path(root) / "in" / variant
        folder.mkdir(parents=True)
        changes = {n: {"ActualShippingDays": 9 - n % 4} for n in range(0, ROWS[variant], 3)} if variant == "b" else None
        (folder / "logs.csv").write_text("".join(line + "\n" for line in [LOG_HEADER, *log_rows(ROWS[variant], changes)]))
        (folder / "products.csv").write_text(f"{PRODUCT_HEADER}\nBell,Base,10.1,4.2,p0\nBell,Gamer,17.3,8.0,p1\n")
        url = lambda name: str(pathlib.Path(root) / name)  # noqa: E731
        subprocess.run(
            [str(BINARY), "run", "--quiet", *_sources(url, variant), *TREES, "--output", url(f"base/{variant}")],
            check=True, env=environment(), stderr=subprocess.DEVNULL,
        )  # fmt: skip


def make_expected(root):
    """What each command writes for each variant, undisturbed and local: {command: {variant: content}}."""
    place = LocalPlace(root)
    result = {}
    for command in COMMANDS:
        result[command.name] = {}
        for variant in VARIANTS:
            out = f"expected/{command.name}/{variant}"
            (place.root / out).parent.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                [str(BINARY), *command.arguments(place.url, variant, place.url(out))], capture_output=True, text=True, env=environment()
            )
            check(done.returncode == 0, f"{command.name}: {done.stderr}")
            files = place.files(out)
            if command.is_file or command.files:
                result[command.name][variant] = {name: content_of(content) for name, content in files.items()}
            else:
                result[command.name][variant] = content_of(follow_list(files))
        check(command.name == "init" or result[command.name]["a"] != result[command.name]["b"], f"{command.name}: variants are equal")
    return result


@contextlib.contextmanager
def worker_attack(where, name, number, server, folder, expected, **more):
    """The Attack of one of a campaign's workers, in a place of its own. With "both", even ones work on S3 and odd ones on the disk."""
    on_s3 = where == "s3" or (where == "both" and number % 2 == 0)
    if on_s3:
        from s3_client import S3Client  # Lies beside the scripts that attack on S3.

        place = S3Place(S3Client(server.url, server.bucket), f"{name}-{number}/")
    else:
        place = LocalPlace(folder / f"{name}-{number}")
    upload_inputs(place, folder)
    target = Attack(place, expected, server.url if on_s3 else None, **more)
    try:
        yield target
    finally:
        target.close()


def parse_arguments(doc, runs, **flags):
    """The flags that all these tests have, after the binary, which harness.py took."""
    if not BINARY.is_file():
        sys.exit(doc)
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=runs)
    parser.add_argument("--only", type=int, help="this run alone")
    parser.add_argument("--jobs", type=int, default=2)
    for name, options in flags.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **options)
    return parser.parse_args()


class Campaign:
    """Many runs, shared out to threads with a place each; counts what passed and prints what failed and how to repeat it."""

    def __init__(self, name, arguments):
        self.name, self.arguments = name, arguments
        self.passed = self.failed = 0
        self.notes = {}  # Text -> how often.
        self._lock = threading.Lock()

    def note(self, text):
        with self._lock:
            self.notes[text] = self.notes.get(text, 0) + 1

    def drawn(self, run):
        """The random numbers of a run."""
        return random.Random(f"{self.arguments.seed}|{run}")

    def one(self, run, title, action, details=lambda: ""):
        """Carries out one run; returns whether it passed."""
        try:
            action()
        except Exception as error:  # One failed run must not end the others, whatever it is.
            with self._lock:
                self.failed += 1
                known = isinstance(error, (AssertionError, NotWhole))
                print(f"FAILED run {run}: {title}: {error if known else traceback.format_exc()}")
                extra = "".join(
                    f" --{key.replace('_', '-')} {value}" for key, value in vars(self.arguments).items()
                    if key not in ("seed", "only", "runs", "jobs") and value not in (None, False)
                )  # fmt: skip
                only = f" --only {run}" if isinstance(run, int) else f" --runs {self.arguments.runs}"
                print(f"  again: {sys.argv[0]} {BINARY} --seed {self.arguments.seed}{only}{extra}")
                if details():
                    print("  " + details().replace("\n", "\n  "))
                sys.stdout.flush()
            return False
        with self._lock:
            self.passed += 1
        return True

    def share_out(self, make_worker):
        """`make_worker(number)` is a context manager that gives a function of a run's number."""
        runs = [self.arguments.only] if self.arguments.only is not None else list(range(self.arguments.runs))
        jobs = min(self.arguments.jobs, len(runs))

        def work(number):
            with make_worker(number) as worker:
                for run in runs[number::jobs]:
                    worker(run)

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for future in [pool.submit(work, number) for number in range(jobs)]:
                future.result()

    def finish(self):
        """Prints the last line; returns the exit code."""
        for text, count in sorted(self.notes.items()):
            print(f"{count:6} {text}")
        print(f"{self.name}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def stop(process, number):
    """Sends a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


SIGNALS = {signal.SIGKILL: (-signal.SIGKILL,), signal.SIGTERM: (143, -signal.SIGTERM), signal.SIGINT: (130, -signal.SIGINT)}
