"""What the instance of single-instance.yaml does when it starts: its script, run with stand-ins for AWS and for the system.

usage: user_data_test.py
"""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

import cfn

BOOTSTRAP = """set -eu
echo "bootstrap $*" >>"$CALLS"
[ ! -e "$FAKES/no-package" ] || { echo "bootstrap: download failed: no such object"; exit 1; }
mkdir -p "$ROOT/opt/firesteel/bin"
cp "$FAKES/firesteel" "$ROOT/opt/firesteel/bin/firesteel"
"""
FAKES = {
    "aws": """#!/bin/bash
echo "aws $*" >>"$CALLS"
case "$*" in
  *bootstrap-*) cp "$FAKES/bootstrap.sh" "${@: -1}" ;;
  *--sse*) cp "${@: -2:1}" "$ROOT/uploaded.log" ;;
esac
""",
    "curl": """#!/bin/bash
case "$*" in
  *api/token*) echo TOKEN ;;
  *"-token: TOKEN"*instance-id*) echo i-0123 ;;
  *"-token: TOKEN"*spot/instance-action*) [ -e "$FAKES/spot" ] && [ -e "$ROOT/started" ] ;;
  *https://signal*) while [ "$1" != --data-binary ]; do shift; done; echo "$2" >>"$ROOT/signal" ;;
  *) exit 22 ;;
esac
""",
    "shutdown": '#!/bin/bash\necho "shutdown $*" >>"$CALLS"\n',
    "useradd": "#!/bin/bash\nmkdir -p \"$ROOT/var/lib/firesteel\"\n",
    "chown": "#!/bin/bash\n",
    "sleep": "#!/bin/bash\nexec /bin/sleep 0.05\n",
    "setpriv": """#!/bin/bash
echo "setpriv $*" >>"$CALLS"
while [[ "$1" == --* ]]; do shift; done
exec "$@"
""",
    "firesteel": """#!/bin/bash
printf '%s\\n' "$@" >"$ROOT/arguments"
[ -d "$TMPDIR" ] || exit 9
touch "$ROOT/started"
for n in $(seq 200); do [ ! -e "$FAKES/slow" ] || /bin/sleep 0.05 & wait; done
[ ! -e "$FAKES/code" ] || { echo 'firesteel: s3://shop-data/x: there is "no" such object'; exit "$(cat "$FAKES/code")"; }
""",
}


class Instance:
    """One start of an instance. `fakes`: files that the stand-ins look for."""

    def __init__(self, folder, fakes=None, values=None, script=BOOTSTRAP, digest=None):
        root = pathlib.Path(folder)
        tools = root / "tools"
        tools.mkdir()
        for name, text in {**FAKES, "bootstrap.sh": script, **(fakes or {})}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        for path in ("var/log", "var/lib", "opt"):
            (root / path).mkdir(parents=True)
        digest = digest or hashlib.sha256(script.encode()).hexdigest()
        stack = cfn.Stack("single-instance", {"BootstrapSha256": digest, **(values or {})})
        self.stack = stack
        data = stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
        for path in ("/var/log/", "/var/lib/", "/opt/firesteel"):
            data = data.replace(path, str(root) + path)
        data = data.replace("<Signal>", "https://signal?x=1&y=2")
        (root / "user-data").write_text(data)
        environment = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "CALLS": str(root / "calls"),
            "FAKES": str(tools),
            "ROOT": str(root),
            "HOME": str(root),
            "TMPDIR": str(root),
        }
        self.code = subprocess.run(
            ["bash", root / "user-data"], env=environment, timeout=60, check=False, stdin=subprocess.DEVNULL, cwd=root
        ).returncode
        self.calls = (root / "calls").read_text().splitlines()
        self.log = (root / "var/log/firesteel.log").read_text()
        uploaded = root / "uploaded.log"
        self.uploaded = uploaded.read_text() if uploaded.exists() else None
        self.signals = [json.loads(line) for line in (root / "signal").read_text().splitlines()]
        arguments = root / "arguments"
        self.arguments = arguments.read_text().splitlines() if arguments.exists() else None


class UserData(unittest.TestCase):
    def start(self, **options):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        instance = Instance(folder.name, **options)
        # Whatever happened: a limit first, gone at last, told once, the log where people find it.
        limit = int(instance.stack.values["TimeLimit"]) // 60
        self.assertEqual(instance.calls[0], f"shutdown -h +{limit}", instance.log)
        self.assertEqual(instance.calls[-1], "shutdown -h now", instance.log)
        self.assertEqual(len(instance.signals), 1)
        self.assertEqual(instance.signals[0]["UniqueId"], "i-0123")
        key = instance.stack.values["KeyArn"]
        upload = f"aws s3 cp --only-show-errors --sse aws:kms --sse-kms-key-id {key} "
        self.assertTrue(
            any(call.startswith(upload) and call.endswith("s3://shop-logs/firesteel/i-0123.log") for call in instance.calls)
        )
        self.assertIn("firesteel ended with exit code", instance.uploaded)
        return instance

    def test_a_run(self):
        instance = self.start(values={"ModelParams": """{"maxIter":32,"a":"$(id)`id`'$HOME"}""", "Architecture": "arm64"})
        self.assertEqual((instance.code, instance.signals[0]["Status"], instance.signals[0]["Data"]), (0, "SUCCESS", "0"))
        package = "s3://shop-artifacts/firesteel/firesteel-0.1.0-linux-aarch64.tar.gz"
        prefix = next(call for call in instance.calls if call.startswith("bootstrap"))
        self.assertRegex(prefix, f"^bootstrap --artifact {package} --sha256 {'a1' * 32} --prefix .*/opt/firesteel$")
        self.assertEqual(
            instance.arguments,
            [
                "run",
                "--shipping-logs",
                "s3://shop-data/2024/input/shipping_logs",
                "--product-description",
                "s3://shop-data/2024/input/product_descriptions",
                "--output",
                "s3://shop-data/2024/output",
                "--model-type",
                "gbt",
                "--model-params",
                """{"maxIter":32,"a":"$(id)`id`'$HOME"}""",
                "--s3-region",
                "eu-central-1",
                "--s3-kms-key-id",
                cfn.NEEDED["KeyArn"],
            ],
        )
        self.assertTrue(any("setpriv --reuid=firesteel --regid=firesteel" in call for call in instance.calls), "not as root")

    def test_a_run_that_fails(self):
        instance = self.start(fakes={"code": "2"})
        said = instance.signals[0]
        self.assertEqual((instance.code, said["Status"], said["Data"]), (2, "FAILURE", "2"))
        self.assertEqual(said["Reason"], "exit code 2: firesteel: s3://shop-data/x: there is no such object")

    def test_a_script_that_was_changed_is_not_run(self):
        instance = self.start(digest="00" * 32)
        self.assertEqual(instance.signals[0]["Status"], "FAILURE")
        self.assertFalse(any(call.startswith("bootstrap") for call in instance.calls))
        self.assertIsNone(instance.arguments)

    def test_a_package_that_is_not_there(self):
        instance = self.start(fakes={"no-package": ""})
        self.assertEqual(instance.signals[0]["Status"], "FAILURE")
        self.assertIn("bootstrap: download failed: no such object", instance.signals[0]["Reason"])
        self.assertIsNone(instance.arguments)

    def test_spot_takes_the_instance_back(self):
        instance = self.start(fakes={"spot": "", "slow": ""}, values={"Market": "spot"})
        self.assertEqual((instance.code, instance.signals[0]["Data"]), (143, "143"))
        self.assertIn("Spot takes the instance back", instance.log)

    def test_a_run_that_takes_too_long(self):
        # As if the limit were 301 seconds.
        original = cfn.Stack.only

        def hurried(stack, kind):
            found = original(stack, kind)
            data = found.get("LaunchTemplateData", {})
            if "UserData" in data:
                data["UserData"] = data["UserData"].replace("$((900 - 300))", "1")
            return found

        cfn.Stack.only = hurried
        try:
            instance = self.start(fakes={"slow": ""}, values={"TimeLimit": "900"})
        finally:
            cfn.Stack.only = original
        self.assertEqual((instance.code, instance.signals[0]["Status"], instance.signals[0]["Data"]), (124, "FAILURE", "124"))


if __name__ == "__main__":
    unittest.main()
