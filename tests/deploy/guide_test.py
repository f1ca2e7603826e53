"""docs/deploy.md says what the templates say: arguments to paste, policies, parameters, commands, links; and its computed tables are up to date.

usage: guide_test.py          (with the Python of .cache/venv/cdk)
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "cdk"))
sys.path.insert(0, str(ROOT / "bench"))

import deployment_cost  # noqa: E402

from firesteel_deploy.template import Template  # noqa: E402
from tally import check, run  # noqa: E402

PAGE = ROOT / "docs" / "deploy.md"
TEXT = PAGE.read_text(encoding="utf-8")
TEMPLATES = {path.stem: Template(path) for path in (ROOT / "deploy" / "cloudformation").glob("*.yaml")}
# What the console's example says, for the parameters of emr-cluster.yaml.
EXAMPLE = {
    "InputPrefix": "s3://DATA/input",
    "OutputPrefix": "s3://DATA/output",
    "LogPrefix": "s3://LOGS/logs",
    "ArtifactPrefix": "s3://ARTIFACTS/firesteel",
    "KeyArn": "KEY_ARN",
    "ModelType": "gbt",
    "ModelParams": '{"maxIter":32}',
    "EngineFlags": "",
    "AWS::Region": "REGION",
    "AWS::Partition": "aws",
}


def blocks(language=""):
    """The contents of the page's fenced blocks of a language, without their indentation."""
    block = None
    for line in TEXT.splitlines():
        fence = re.fullmatch(r"( *)```(\w*)", line)
        if block is not None and not fence:
            block[2].append(line.removeprefix(block[0]))
        elif fence and block is None:
            block = (fence[1], fence[2], [])
        elif fence:
            if block[1] == language:
                yield "\n".join(block[2])
            block = None


def filled(text):
    for name, value in EXAMPLE.items():
        text = text.replace("${" + name + "}", value)
    return text


def resolved(node):
    """A piece of the template with the values of the example and without conditions that ask for more than the default."""
    if isinstance(node, list):
        return [resolved(item) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Ref"}:
        return EXAMPLE[node["Ref"]]
    if set(node) == {"Fn::Sub"}:
        return filled(node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0])
    if set(node) == {"Fn::If"}:
        return resolved(node["Fn::If"][2])
    return {key: resolved(value) for key, value in node.items()}


def test_steps():
    cluster = TEMPLATES["emr-cluster"].body["Resources"]["Cluster"]["Properties"]
    wanted = []
    for step in cluster["Steps"]:
        separator, text = step["HadoopJarStep"]["Args"]["Fn::Split"]
        arguments = resolved(text).split(separator)
        at = arguments.index("--s3-region")
        del arguments[at : at + 2]
        wanted.append((step["Name"], [argument for argument in arguments if argument]))
    shown = [body.split(" ") for body in blocks() if body.startswith("/opt/firesteel/bin/firesteel ") and "\n" not in body]
    check([arguments for _, arguments in wanted] == shown, f"the steps to paste are {shown}; the template has {wanted}")
    places = [TEXT.find(f"   {name}\n\n   ```") for name, _ in wanted]
    check(places == sorted(places) and places[0] > 0, f"the steps' names are not in order: {places}")
    flags = TEMPLATES["emr-cluster"].body["Mappings"]["Engines"]["spark"]["Flags"]
    check(f"`{flags}`" in TEXT, f"the page does not have the flags for Spark: {flags}")


def test_documents():
    security, policy = [json.loads(body) for body in blocks("json")]
    configuration = TEMPLATES["emr-cluster"].body["Resources"]["SecurityConfiguration"]["Properties"]["SecurityConfiguration"]
    check(resolved(configuration) == security, f"the security configuration is {security}; the template has {resolved(configuration)}")
    role = TEMPLATES["emr-cluster"].body["Resources"]["InstanceRole"]["Properties"]["Policies"][0]["PolicyDocument"]

    def allowed(document):
        actions = [one["Action"] for one in document["Statement"] if one["Effect"] == "Allow"]
        return {action for some in actions for action in ([some] if isinstance(some, str) else some)}

    check(allowed(policy) == allowed(role), f"the policy allows {allowed(policy) ^ allowed(role)} on one side alone")


def test_parameters():
    cluster = TEMPLATES["emr-cluster"].parameters
    (table,) = re.findall(r"\| parameter \| default \| \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    listed = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    defaults = {name for name, one in cluster.items() if not one.required} - {"PackageVersion"}
    check(sorted(listed) == sorted(defaults), f"the table has {sorted(listed)}; with defaults are {sorted(defaults)}")
    for row in table.splitlines():
        names, values = (re.findall(r"`([^`]*)`", cell) for cell in row.split("|")[1:3])
        for name, value in zip(names, values):
            check(str(cluster[name].declaration["Default"]) == value, f"the table says that {name} is {value} by default")

    # The commands: each parameter exists, each that is required is given.
    commands = re.findall(r"--template-file deploy/cloudformation/([a-z-]+)\.yaml(.*?)(?:\n```|\nClusterId|\naws )", TEXT, re.DOTALL)
    check({name for name, _ in commands} == set(TEMPLATES), f"there are commands for {sorted(name for name, _ in commands)}")
    for name, rest in commands:
        given = set(re.findall(r"\b([A-Z]\w+)=", rest))
        parameters = TEMPLATES[name].parameters
        check(given <= set(parameters), f"{name}: the command has {sorted(given - set(parameters))}, which are no parameters")
        required = {key for key, one in parameters.items() if one.required}
        check("…" in rest or required <= given, f"{name}: the command lacks {sorted(required - given)}")
        roles = any(one["Type"] == "AWS::IAM::Role" for one in TEMPLATES[name].body["Resources"].values())
        check(roles == ("CAPABILITY_IAM" in rest), f"{name}: roles {roles}, and the command says otherwise")
    (values,) = blocks("yaml")
    keys = set(re.findall(r"^(\w+):", values, re.MULTILINE)) - {"tags"}
    known = {one.context_key for one in cluster.values()}
    check(keys <= known, f"shop.yaml has {sorted(keys - known)}")
    required = {one.context_key for one in cluster.values() if one.required} - {"artifactSha256", "bootstrapSha256"}
    check(required <= keys, f"shop.yaml lacks {sorted(required - keys)}")
    puts_out = {name[0].lower() + name[1:] for name in TEMPLATES["storage-and-network"].body["Outputs"]}
    check(required <= puts_out, f"storage-and-network does not put out {sorted(required - puts_out)}")
    # Outputs of other stacks have the same names and other values, so only those of the storage stack may become variables.
    check(re.findall(r'^eval "\$\(outputs ([a-z-]+)\)"', TEXT, re.MULTILINE) == ["firesteel-storage"], "the page takes other outputs as variables")
    for name, output in (("emr-cluster", "ClusterId"), ("scheduled-run", "StateMachineArn"), ("single-instance", "LaunchTemplateId")):
        check(output in TEMPLATES[name].body["Outputs"] and output in TEXT, f"{name}: the page or the template has no {output}")
    # What the storage template puts out is what the variables of the commands are called.
    used = set(re.findall(r"=\$([A-Z]\w+)", TEXT)) - {"ArtifactSha256", "BootstrapSha256"}
    made = set(TEMPLATES["storage-and-network"].body["Outputs"])
    check(used <= made, f"the commands use {sorted(used - made)}, which storage-and-network does not put out")


def test_cost():
    check(deployment_cost.tables() in TEXT, "the tables are not what bench/deployment_cost.py prints")
    program = subprocess.run([sys.executable, ROOT / "bench" / "deployment_cost.py"], capture_output=True, text=True, check=True).stdout
    check(program == deployment_cost.tables() + "\n", "the program prints something else than its tables")
    # What it takes from other pages is there.
    scale = (ROOT / "docs" / "scale.md").read_text()
    spark = [float(seconds) for seconds in re.findall(r"^\| (?:data|feature|model)[^|]*\| ([0-9.]+) s \|", scale, re.MULTILINE)]
    check(len(spark) == 3 and abs(sum(spark) - deployment_cost.SPARK_CPU_SECONDS_PER_MILLION) < 1e-9, f"docs/scale.md has {spark} s")
    (least,) = re.findall(r"^\| all four \| [^|]*\|[^|]*\| ([0-9.]+) s \|", (ROOT / "docs" / "performance.md").read_text(), re.MULTILINE)
    check(abs(float(least) - deployment_cost.SPARK_LEAST_SECONDS) < 0.1, f"docs/performance.md has {least} s for all four steps on Spark")
    network = TEMPLATES["storage-and-network"].body["Resources"].values()
    endpoints = [one for one in network if one["Type"] == "AWS::EC2::VPCEndpoint" and one["Properties"]["VpcEndpointType"] == "Interface"]
    for_emr = [one for one in endpoints if one.get("Condition") == "HasEmrEndpoints"]
    zones = {len(one["Properties"]["SubnetIds"]) for one in for_emr}
    check((len(for_emr), zones) == (4, {2}), f"the network has {len(for_emr)} endpoints for EMR in {zones} zones")
    # By hand, 10,000,000 rows on one m7i.xlarge.
    copies = 10e6 * (142 + 46 + 47.5 + 63.6) / 1e6 / 100
    seconds = 90 + copies + 50.0 / 2 + 60
    disk = 100 * 0.08 / 730 * seconds / 3600
    requests = (40 + 1420e6 / 8388608) * 0.0004 / 1000 + (40 + 1571e6 / 8388608) * 0.005 / 1000
    way = deployment_cost.ways(10_000_000)[1]
    check(abs(way.seconds - seconds) < 1e-6, f"{way.seconds} s; by hand {seconds}")
    dollars = 0.2016 * seconds / 3600 + disk + requests
    check(abs(way.dollars - dollars) < 1e-9, f"${way.dollars}; by hand {dollars}")
    line = f"Together {seconds:.0f} s at $0.2016 an hour = ${0.2016 * seconds / 3600:.4f}; "
    line += f"100 GB of disk for that time, ${disk:.4f}; requests, ${requests:.4f}."
    check(line in TEXT, f"the page does not say: {line}")
    check(f"= {copies:.1f} s for copies" in TEXT, f"the page does not say that copies take {copies:.1f} s")
    # README.md has some of it in cents.
    readme = (ROOT / "README.md").read_text()
    for rows in (10_000, 10_000_000):
        _, instance, primary, spark = deployment_cost.ways(rows)
        cells = []
        for way in (instance, primary, spark):
            cents = round(way.dollars * 100)
            cells.append(f"{deployment_cost.duration(way.seconds)}, {cents} cent{'s' if cents > 1 else ''}")
        check(f"| {rows:,} | {' | '.join(cells)} |" in readme, f"README.md does not have {cells} for {rows:,} rows")
    large = deployment_cost.ways(10_000_000_000)[2]
    cell = f"{deployment_cost.duration(large.seconds)}, ${large.dollars:.3g}, 100 workers"
    check(cell in readme, f"README.md does not have {cell}")
    # More of anything costs more.
    less, more = deployment_cost.ways(10_000), deployment_cost.ways(10_000_000)
    check(all(a.dollars < b.dollars for a, b in zip(less, more)), "10,000,000 rows don't cost more than 10,000")


def test_links():
    headings = {}

    def anchors(path):
        if path not in headings:
            found = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
            headings[path] = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}
        return headings[path]

    for page in (PAGE, ROOT / "deploy" / "cdk" / "README.md"):
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
            name, _, anchor = target.partition("#")
            path = (page.parent / name).resolve() if name else page
            if target.startswith("https://docs.aws.amazon.com/"):
                continue
            check(path.exists(), f"{page.name}: {target} is not there")
            check(not anchor or path.suffix != ".md" or anchor in anchors(path), f"{page.name}: {target} has no such heading")
        for name in re.findall(r"`((?:deploy|docs|tests|bench)/[A-Za-z_/.-]+)`", page.read_text()):
            check((ROOT / name).exists(), f"{page.name}: {name} is not there")


run("guide_test", (test_steps, test_documents, test_parameters, test_cost, test_links))
