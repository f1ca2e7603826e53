"""A small stand-in for what EMR does with a cluster's bootstrap actions and steps on its primary node.

As there: a bootstrap action is a script that is fetched from S3 and started with its arguments, before any step; if it fails there is
no cluster. Steps run one after the other; command-runner.jar executes a step's arguments as they are, without a shell, and the exit
code is all that counts; after a failure CANCEL_AND_WAIT cancels the steps that are left. stdout and stderr of each go to a folder of
its own.
"""

import dataclasses
import subprocess

# EMR's limit for all strings of a step together.
MOST_CHARACTERS = 10240
STOPS = ("CANCEL_AND_WAIT", "TERMINATE_CLUSTER")


@dataclasses.dataclass
class StepResult:
    name: str
    state: str  # COMPLETED, FAILED or CANCELLED
    arguments: list
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""


def run_bootstrap_actions(actions, fetch, folder, environment):
    """`fetch(url, path)` gets an object of S3. Returns stdout of each; throws RuntimeError for one that fails."""
    said = []
    for number, action in enumerate(actions, 1):
        script = action["ScriptBootstrapAction"]
        path = folder / f"bootstrap-actions/{number}/{script['Path'].rpartition('/')[2]}"
        path.parent.mkdir(parents=True)
        fetch(script["Path"], path)
        path.chmod(0o755)
        done = subprocess.run([path, *script["Args"]], env=environment, cwd=path.parent, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"BOOTSTRAP_FAILURE: {action['Name']}: {done.stderr}")
        said.append(done.stdout)
    return said


def run_steps(steps, folder, environment, around=()):
    """Runs steps as a template describes them. `around`: what each command line is put behind, as in ("unshare", "--net")."""
    results = []
    failed = False
    for number, step in enumerate(steps, 1):
        jar = step["HadoopJarStep"]
        arguments = jar["Args"]
        if jar["Jar"] != "command-runner.jar":
            raise ValueError(f"{step['Name']}: {jar['Jar']} is not command-runner.jar")
        if step["ActionOnFailure"] not in STOPS:
            raise ValueError(f"{step['Name']}: {step['ActionOnFailure']} would run the steps that come next on stale data")
        if not all(isinstance(argument, str) and argument for argument in arguments):
            raise ValueError(f"{step['Name']}: an argument is empty or no text: {arguments}")
        if sum(map(len, arguments)) + len(step["Name"]) > MOST_CHARACTERS:
            raise ValueError(f"{step['Name']}: more than {MOST_CHARACTERS} characters")
        result = StepResult(step["Name"], "CANCELLED", arguments)
        results.append(result)
        if failed:
            continue
        place = folder / f"steps/s-{number}"
        place.mkdir(parents=True)
        with open(place / "stdout", "wb") as stdout, open(place / "stderr", "wb") as stderr:
            done = subprocess.run([*around, *arguments], env=environment, cwd=place, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                  timeout=600)
        result.exit_code = done.returncode
        result.stdout, result.stderr = (place / "stdout").read_text(), (place / "stderr").read_text()
        result.state = "COMPLETED" if done.returncode == 0 else "FAILED"
        failed = done.returncode != 0
    return results
