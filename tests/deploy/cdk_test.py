"""The app of the AWS CDK: it equals the templates, takes values from the context, refuses bad ones, and stands before cdk-nag.

usage: cdk_test.py            (with the Python of .cache/venv/cdk; FIRESTEEL_CACHE says where .cache is)

Nothing is asked of a network: what would be, is sent to a port of this machine where nobody listens.
"""

import copy
import hashlib
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("FIRESTEEL_CACHE", ROOT / ".cache")).resolve()
APP = ROOT / "deploy" / "cdk"
# Before the CDK starts its Node: that of the environment, and a place for what it unpacks and indexes once (it takes half a minute).
os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(CACHE / "jsii")
sys.path.insert(0, str(APP))

import yaml  # noqa: E402
from aws_cdk import App  # noqa: E402

from firesteel_deploy import acknowledged  # noqa: E402
from firesteel_deploy.app import TEMPLATES, build  # noqa: E402
from firesteel_deploy.template import Parameter, Refused, Template  # noqa: E402
from firesteel_deploy.values import BadValues, read_values  # noqa: E402
from tally import check, run  # noqa: E402

BOOTSTRAP = ROOT / "deploy" / "bootstrap.sh"


# --- templates as structures ----------------------------------------------------------------------------------------


def path_of(name):
    return ROOT / "deploy" / "cloudformation" / f"{name}.yaml"


def canonical(node, key=None):
    """The same for all ways to write the same: texts and numbers, the order of DependsOn and Tags, the forms of Fn::GetAtt and Fn::Sub."""
    if isinstance(node, dict):
        node = {name: canonical(value, name) for name, value in node.items()}
        if set(node) == {"Fn::Sub"}:
            text = node["Fn::Sub"]
            if isinstance(text, list) and not text[1]:
                text = text[0]
            return {"Fn::Sub": text} if isinstance(text, list) or "${" in text else text
        return evaluated(node)
    if key == "Fn::GetAtt" and isinstance(node, str):
        return node.split(".", 1)
    if key == "DependsOn":
        return sorted([node] if isinstance(node, str) else node)
    if isinstance(node, list):
        items = [canonical(item) for item in node]
        return sorted(items, key=lambda item: item["Key"]) if key == "Tags" and all("Key" in item for item in items) else items
    if isinstance(node, bool):
        return "true" if node else "false"
    return str(node)


def evaluated(node):
    """Fn::Split, Fn::Select and Fn::Join of plain texts, which the CDK works out."""
    (function, argument), *rest = node.items() or [(None, None)]
    if rest or function not in ("Fn::Split", "Fn::Select", "Fn::Join"):
        return node
    first, second = argument
    if function == "Fn::Split":
        return second.split(first) if isinstance(second, str) else node
    if function == "Fn::Select":
        known = isinstance(second, list) and int(first) < len(second)
        return second[int(first)] if known else node
    parts = []
    for item in second:
        if parts and isinstance(parts[-1], str) and isinstance(item, str):
            parts[-1] += first + item
        else:
            parts.append(item)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else {function: [first, parts]}


def put_in(node, values, hidden=()):
    """The template with its parameters replaced, as CloudFormation would read it."""
    if isinstance(node, list):
        return [put_in(item, values, hidden) for item in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Ref"} and node["Ref"] in values:
        return values[node["Ref"]]
    if set(node) == {"Fn::Sub"}:
        text, own = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else (node["Fn::Sub"], {})
        for name, value in values.items():
            if name not in own and isinstance(value, str):
                text = text.replace("${" + name + "}", value)
        return {"Fn::Sub": [text, put_in(own, values, hidden)] if own else text}
    return {key: put_in(value, values, hidden) for key, value in node.items()}


def differences(left, right, path=""):
    if type(left) is not type(right):
        return [f"{path}: {left!r} and {right!r}"]
    if isinstance(left, dict):
        found = [f"{path}/{key}: only on one side" for key in set(left) ^ set(right)]
        for key in set(left) & set(right):
            found += differences(left[key], right[key], f"{path}/{key}")
        return found
    if isinstance(left, list):
        if len(left) != len(right):
            return [f"{path}: {len(left)} and {len(right)} items"]
        return [text for index, pair in enumerate(zip(left, right)) for text in differences(*pair, f"{path}/{index}")]
    return [] if left == right else [f"{path}: {left!r} and {right!r}"]


def same(left, right, text):
    found = differences(canonical(left), canonical(right))
    check(not found, f"{text}: {'; '.join(found[:5])}")


def synthesized(context):
    """Template name -> (stack, template, artifact) of what the app makes with a context."""
    app = App(context=context)
    stacks = build(app)
    assembly = app.synth()
    report = json.loads(pathlib.Path(assembly.directory, "validation-report.json").read_text())
    said = [one["ruleName"] for plugin in report["pluginReports"] for one in plugin["violations"]]
    check(not [rule for rule in said if "info" not in rule], f"the CDK warns of {said}")
    made = {}
    for stack in stacks:
        artifact = assembly.get_stack_artifact(stack.artifact_id)
        made[stack.template_name] = (stack, artifact.template, artifact)
    return made


def notes(artifact):
    """What a stack's synthesis says to the user."""
    text = pathlib.Path(artifact.assembly.directory, f"{artifact.id}.metadata.json").read_text()
    return [entry["data"] for entries in json.loads(text).values() for entry in entries if entry["type"] == "aws:cdk:info"]


# --- values for every parameter ---------------------------------------------------------------------------------------

SAMPLES = {
    "InputPrefix": "s3://shop-data/raw/2026",
    "OutputPrefix": "s3://shop-data/out",
    "LogPrefix": "s3://shop-logs/emr",
    "ArtifactPrefix": "s3://shop-artifacts/firesteel",
    "ArtifactSha256": "ab" * 32,
    "BootstrapSha256": "cd" * 32,
    "PackageVersion": "1.2.3",
    "CertificateArchive": "certificates.zip",
    "KeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0f0e0d0c-1111-4222-8333-444455556666",
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"],
    "SubnetId": "subnet-0123456789abcdef0",
    "OsReleaseLabel": "2023.9.20251020.0",
    "ModelParams": '{"maxIter":32,"maxDepth":5}',
    "VpcCidr": "10.1.0.0/16",
    "InputBucket": "another-bucket",
    "NotificationEmail": "someone@example.com",
    "Schedule": "cron(0 6 * * ? *)",
}


def sample(parameter):
    declaration = parameter.declaration
    if parameter.name in SAMPLES:
        return SAMPLES[parameter.name]
    if "AllowedValues" in declaration:
        return str(declaration["AllowedValues"][-1])
    if parameter.type == "Number":
        return str(declaration["MinValue"])
    sys.exit(f"{parameter.name}: a new parameter; give it a value in SAMPLES")


def key_of(name):
    return name[0].lower() + name[1:]


# --- the tests ----------------------------------------------------------------------------------------------------------


def test_pins():
    """requirements.txt, tools/pinned and what is installed are the same versions, with the same digests."""
    pinned = {}
    cli = None
    for line in (ROOT / "tools" / "pinned").read_text().splitlines():
        words = line.split()
        if words[:1] == ["pypi"] and words[1] in ("cdk", "fetch", "test"):
            if words[1] != "test" or words[2] not in pinned:
                pinned[words[2]] = (words[1], words[3], set(words[4].split(",")))
        if words[:2] == ["npm", "cdk"]:
            cli = f"{words[2]}@{words[3]}"
    wanted = {}
    for line in (APP / "requirements.txt").read_text().replace("\\\n", " ").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split()[0].split("==")
            wanted[name] = (version, set(re.findall(r"--hash=sha256:([0-9a-f]{64})", line)))
    for name, (version, digests) in wanted.items():
        check(name in pinned, f"requirements.txt: {name} is not in tools/pinned")
        check(pinned.get(name, ("", "", set()))[1:] == (version, digests), f"requirements.txt: {name} is not as in tools/pinned")
        check(importlib.metadata.version(name) == version, f"{name} {version} is not what is installed")
    for name, (group, _, _) in pinned.items():
        check(group == "test" or name in wanted, f"requirements.txt lacks {name}, which tools/pinned has for the CDK")
    installed = {re.sub(r"[-_.]+", "-", one.name.lower()) for one in importlib.metadata.distributions()}
    listed = {re.sub(r"[-_.]+", "-", name.lower()) for name in wanted} | {"pip", "setuptools", "wheel", "packaging"}
    check(installed <= listed, f"requirements.txt lacks {sorted(installed - listed)}, which is installed")
    check(cli is not None and cli.startswith("aws-cdk@2."), f"the command line is {cli}; only line 2 reads what the library writes")
    for page in (APP / "README.md", ROOT / "docs" / "deploy.md"):
        named = set(re.findall(r"aws-cdk@[0-9.]*[0-9]", page.read_text()))
        check(named == {cli}, f"{page.name} names {sorted(named)}; tools/pinned has {cli}")


def test_same_as_the_templates():
    made = synthesized({"stacks": "all"})
    check(set(made) == set(TEMPLATES), f"stacks=all makes {sorted(made)}")
    on_disk = {path.stem for path in (ROOT / "deploy" / "cloudformation").glob("*.yaml")}
    check(on_disk == set(TEMPLATES), f"deploy/cloudformation has {sorted(on_disk)}, the app {sorted(TEMPLATES)}")
    large = []
    for name in TEMPLATES:
        template = Template(path_of(name))
        # The CDK drops nulls, and CloudFormation refuses them.
        nulls = list(places_of_null(template.body, name))
        check(not nulls, f"CloudFormation takes no null: {nulls}")
        # No parameter, rule, condition, resource or metadata of the CDK's own is added.
        same(made[name][1], template.body, f"{name} without a context")
        # The CDK's own reader of YAML reads the file as ours does.
        by_cdk = subprocess.run(
            ["node", "-e", READ_YAML, str(path_of(name))], capture_output=True, text=True, env={**os.environ, "LIBRARY": library()}
        )
        check(by_cdk.returncode == 0, f"{name}: {by_cdk.stderr}")
        same(json.loads(by_cdk.stdout or "{}"), template.body, f"{name} read by the CDK")
        # What is larger can't be deployed without a bucket for it; the command line's YAML is a tenth longer than this one.
        if 1.1 * len(yaml.safe_dump(made[name][1])) > 50 * 1024:
            large.append(name)
        check(made[name][2].stack_name == f"firesteel-{name}", f"{name}: the stack is called {made[name][2].stack_name}")
        check(made[name][2].environment.account == "unknown-account", f"{name} is bound to an account")
        manifest = json.loads(pathlib.Path(made[name][2].assembly.directory, "manifest.json").read_text())
        kinds = {artifact["type"] for artifact in manifest["artifacts"].values()}
        check("cdk:asset-manifest" not in kinds, f"there is something to upload: {kinds}")
    said = re.findall(r"`([a-z-]+)` is too large", " ".join((APP / "README.md").read_text().split()))
    check(said == large, f"too large for a request are {large}; README.md says {said}")


def places_of_null(node, path):
    if node is None:
        yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places_of_null(value, f"{path}/{key}")


# The reader that CfnInclude uses.
READ_YAML = """
const { readYamlSync } = require(process.env.LIBRARY + "/cloudformation-include/lib/file-utils.js");
process.stdout.write(JSON.stringify(readYamlSync(process.argv[1])));
"""


def library():
    """Where the CDK's JavaScript was unpacked."""
    return str(next((CACHE / "jsii" / "aws-cdk-lib").glob("*/*/package.json")).parent)


def test_with_values():
    """Every parameter from the context; then half of them."""
    for name in TEMPLATES:
        template = Template(path_of(name))
        everything = {parameter.name: sample(parameter) for parameter in template.parameters.values()}
        halves = [dict(list(everything.items())[side::2]) for side in (0, 1)]
        for values in (everything, *halves):
            context = {"stacks": name, **{key_of(key): value for key, value in values.items()}}
            body = synthesized(context)[name][1]
            wanted = copy.deepcopy(template.body)
            # What rules look up in the account stays a parameter, under a name that changes with its value.
            stand_ins = {}
            for parameter in template.parameters.values():
                if parameter.name in values and f'"Fn::ValueOf": ["{parameter.name}"' in json.dumps(wanted.get("Rules", {})):
                    value = values[parameter.name]
                    text = value if isinstance(value, str) else ",".join(value)
                    stands_in = parameter.name + hashlib.sha256(text.encode()).hexdigest()[:8]
                    stand_ins[parameter.name] = stands_in
                    wanted["Parameters"][stands_in] = {
                        "Type": parameter.type,
                        "Default": text,
                        "Description": f"{parameter.name} of the context, for the rules alone",
                    }
            for key in values:
                del wanted["Parameters"][key]
            wanted = put_in(wanted, values)
            rules = json.dumps(wanted.get("Rules", {}))
            for key, stands_in in stand_ins.items():
                rules = rules.replace(f'"Fn::ValueOf": ["{key}"', f'"Fn::ValueOf": ["{stands_in}"')
            rules = json.loads(rules)
            # A rule may go only if no parameter is left that could break it.
            for rule in set(rules) - set(body.get("Rules", {})):
                gone = json.dumps(rules.pop(rule))
                check('"Ref"' not in gone and "Fn::ValueOf" not in gone, f"{name}: the rule {rule} is gone, and still has something to say: {gone}")
            for section in ("Parameters", "Rules"):
                wanted.pop(section, None)
            if template.body.get("Parameters") and set(template.body["Parameters"]) - set(values) or stand_ins:
                wanted["Parameters"] = {
                    **{key: value for key, value in template.body["Parameters"].items() if key not in values},
                    **{
                        stands_in: {
                            "Type": template.parameters[key].type,
                            "Default": values[key] if isinstance(values[key], str) else ",".join(values[key]),
                            "Description": f"{key} of the context, for the rules alone",
                        }
                        for key, stands_in in stand_ins.items()
                    },
                }
            if rules:
                wanted["Rules"] = rules
            interface = wanted.get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
            named = [key for group in interface.pop("ParameterGroups", []) for key in group["Parameters"]]
            shown = body.get("Metadata", {}).get("AWS::CloudFormation::Interface", {}).pop("ParameterGroups", [])
            check(
                [key for group in shown for key in group["Parameters"]] == [key for key in named if key not in values],
                f"{name}: the console's groups name {shown}",
            )
            same(body, wanted, f"{name} with {len(values)} values")
            if values is everything:
                left = [key for key in template.parameters if re.search(rf'"Ref": "{key}"|\$\{{{key}\}}', json.dumps(body))]
                check(not left, f"{name}: still refers to {left}")


ALL = {
    key_of(key): SAMPLES[key]
    for key in (
        "InputPrefix", "OutputPrefix", "LogPrefix", "ArtifactPrefix", "ArtifactSha256", "BootstrapSha256", "KeyArn", "VpcId", "SubnetIds",
    )
}  # fmt: skip


def test_bad_values():
    templates = [Template(path_of(name)) for name in TEMPLATES]

    def refused(context, *texts):
        try:
            read_values(context, templates, BOOTSTRAP)
            check(False, f"{context} was taken")
        except BadValues as error:
            for text in texts:
                check(any(text in problem for problem in error.problems), f"{context}: '{text}' is not in {error.problems}")
            check(len(error.problems) == len(texts), f"{context}: {len(texts)} problems were expected: {error.problems}")

    # Names.
    refused({"inputPrefx": "s3://a/b"}, "context: unknown key 'inputPrefx'; did you mean 'inputPrefix'?")
    refused({"input-prefix": "s3://a/b"}, "context: unknown key 'input-prefix'; did you mean 'inputPrefix'?")
    refused({"InputPrefix": "s3://aa/b"}, "did you mean 'inputPrefix'?")
    refused({"firesteel:inputPrefix": "s3://aa/b"}, "context: unknown key 'firesteel:inputPrefix'")
    refused({"colour": "x"}, "context: unknown key 'colour'; known are ")
    refused({"firesteel": {"inputPrefx": "s3://a/b"}}, "context, firesteel: unknown key 'inputPrefx'; did you mean 'inputPrefix'?")
    refused({"firesteel": "x"}, "context, firesteel: must be an object with keys and values; it is 'x'")
    refused({"firesteel": {"emr-cluster": {"vpcCidr": "x"}}}, "context, firesteel, emr-cluster: unknown key 'vpcCidr'")
    refused({"firesteel": {"emr-cluster": "x"}}, "context, firesteel: emr-cluster must be an object with that stack's values; it is 'x'")
    refused({"vpcCidr": "10.0.0.0/16"}, "vpcCidr is no parameter of emr-cluster, but of storage-and-network; leave it out, or add that to stacks")
    refused({"stacks": "emr"}, f"context: stacks is 'emr'; name some of {', '.join(TEMPLATES)}, each once, or all")
    refused({"stacks": "emr-cluster,emr-cluster"}, "context: stacks is 'emr-cluster,emr-cluster'")
    refused({"stacks": ""}, "context: stacks is ''")
    refused({"stacks": "emr", "engine": "duckdb"}, "context: stacks is 'emr'")

    # Values, by what the templates say.
    for value in ("shop/raw", "s3://shop-data/raw/", "s3://", "s3://Shop/raw", "s3://shop-data/a b", "s3://shop-data/raw\n", "https://shop-data/raw"):
        refused({"inputPrefix": value}, f"context: inputPrefix is '{value}', which does not match ^s3://")
    refused({"inputPrefix": "x"}, "(must be s3://BUCKET/PREFIX, one to four names deep, without a slash at the end)")
    refused({"inputPrefix": "s3://shop-data/${AWS::AccountId}"}, "has '${', which a template would read as a reference")
    refused({"inputPrefix": None}, "context: inputPrefix must be text or a number; it is None")
    refused({"inputPrefix": ["s3://shop-data/raw"]}, "context: inputPrefix must be text or a number; it is ['s3://shop-data/raw']")
    refused({"engine": "flink"}, "context: engine is 'flink'; must be one of duckdb, spark")
    refused({"engine": "Spark"}, "context: engine is 'Spark'; must be one of duckdb, spark")
    refused({"architecture": "aarch64"}, "context: architecture is 'aarch64'; must be one of x86_64, arm64")
    refused({"releaseLabel": "emr-7.5.0"}, "context: releaseLabel is 'emr-7.5.0'; must be one of emr-spark-8.1.0, emr-spark-8.0.0")
    refused({"actionOnFailure": "CONTINUE"}, "context: actionOnFailure is 'CONTINUE'; must be one of ")
    refused({"vpcId": "vpc-1"}, "context: vpcId is 'vpc-1', which is no EC2 VPC Id")
    refused({"vpcId": "vpc-PLACEHOLDER"}, "context: vpcId is 'vpc-PLACEHOLDER', which is no EC2 VPC Id")
    refused({"subnetIds": "subnet-0123456789abcdef0,sub"}, "context: subnetIds is 'sub', which is no EC2 Subnet Id")
    refused({"subnetIds": []}, "context: subnetIds is an empty list")
    refused({"subnetIds": {"a": 1}}, "context: subnetIds must be a list, or text with commas; it is {'a': 1}")
    refused({"artifactSha256": "AB" * 32}, "context: artifactSha256 is 'ABAB")
    refused({"artifactSha256": "ab" * 31}, "(must be 64 hex digits in lower case)")
    refused({"keyArn": "alias/shop"}, "context: keyArn is 'alias/shop', which does not match ^arn:")
    refused({"maxWorkers": 2}, "context: maxWorkers is 2; MinValue is 3")
    refused({"maxWorkers": "2000"}, "context: maxWorkers is 2000; MaxValue is 1000")
    refused({"maxWorkers": "many"}, "context: maxWorkers is 'many', which is no number")
    refused({"maxWorkers": "007"}, "context: maxWorkers is '007', which is no number")
    refused({"maxWorkers": True}, "context: maxWorkers is 'true', which is no number")
    refused({"modelParams": {"maxIter": 32}}, "context: modelParams must be text: put JSON in quotes; it is {'maxIter': 32}")
    refused({"modelParams": "maxIter=32"}, "context: modelParams is 'maxIter=32', which does not match")
    refused({"modelParams": '{"x":"' + "a" * 5000 + '"}'}, "context: modelParams has 5008 characters and is too long: MaxLength is 4096")
    refused({"workbench": "yes"}, "context: workbench is 'yes'; must be one of true, false")

    # Several at once, each with its place; and rules over several.
    refused({"engine": "x", "vpcId": "y", "nonsense": 1}, "engine is 'x'", "vpcId is 'y'", "unknown key 'nonsense'")
    refused(
        {"inputPrefix": "s3://shop-data/a", "outputPrefix": "s3://shop-data/a"},
        "emr-cluster: these values don't go together: OutputPrefix must not be InputPrefix",
    )
    refused(
        {"stacks": "emr-cluster,single-instance", "logPrefix": "s3://shop-data/a", "artifactPrefix": "s3://shop-data/a"},
        "emr-cluster: these values don't go together: LogPrefix must not be ArtifactPrefix",
        "single-instance: these values don't go together: LogPrefix must not be ArtifactPrefix",
    )

    # What is the CDK's and not a template's.
    refused({"stackName": "my_stack"}, "context: stackName is 'my_stack'; must be letters, digits and hyphens, a letter first, at most 128")
    refused({"stacks": "all", "stackName": "x"}, *[f"stackName is one for several stacks; give it within {name}" for name in TEMPLATES])
    refused({"tags": "team"}, "context: tags is 'team'; write KEY=VALUE,KEY=VALUE")
    refused({"tags": {"aws:x": "y"}}, "context: tag 'aws:x': a key has 1 to 128")
    refused({"tags": {"team": 7}}, "context: tag team: 7 is no text")
    refused({"tags": {f"t{i}": "x" for i in range(41)}}, "context: 41 tags; 40 at most")
    refused({"tags": ["a"]}, "context: tags must be an object")
    refused({"synthesizer": "new"}, "context: synthesizer is 'new'; must be one of legacy, bootstrapped")
    refused({"nag": "maybe"}, "context: nag is 'maybe'; must be true or false")
    refused({"terminationProtection": "x"}, "context: terminationProtection is 'x'; must be true or false")

    # Files.
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        refused({"values": str(folder / "none.json")}, "values is " + str(folder / "none.json") + ", which can't be read as JSON or YAML: ")
        bad = folder / "bad.yaml"
        bad.write_text("engine: [")
        refused({"values": str(bad)}, "which can't be read as JSON or YAML: while parsing")
        bad.write_text("- engine")
        refused({"values": str(bad)}, f"values file {bad}: must be an object with keys and values; it is ['engine']")
        bad.write_text("engine: duckdb")
        wanted = "must be an object with the outputs of each stack, as cdk deploy --outputs-file writes it"
        refused({"outputs": str(bad)}, f"outputs file {bad}: {wanted}")
        bad.write_text(json.dumps({"a": {"KeyArn": "x"}, "b": {"KeyArn": "y"}}))
        refused({"outputs": str(bad)}, f"outputs file {bad}: b has KeyArn 'y', and another stack 'x'", f"outputs file {bad}, b: keyArn is 'y', which")
        refused({"outputs": str(folder / "none.json")}, "context: outputs is " + str(folder / "none.json") + ", which can't be read")
        bad.write_text("engine: flink\nemr-cluster: {maxWorkers: 1}")
        refused({"values": str(bad)}, f"values file {bad}: engine is 'flink'", f"values file {bad}, emr-cluster: maxWorkers is 1; MinValue is 3")
        wanted = "the name of a package is firesteel-VERSION-linux-x86_64.tar.gz or …-aarch64.tar.gz"
        refused({"package": str(folder / "x.zip")}, f"context: package: {folder}/x.zip: {wanted}")
        package = folder / "firesteel-1.2.3-linux-aarch64.tar.gz"
        refused({"package": str(package)}, f"context: package: {package}: there is no such file; make package writes one")
        package.write_bytes(b"package")
        refused({"package": str(package), "stacks": "storage-and-network"}, "package: none of storage-and-network installs a package; leave it out")
        sha256 = hashlib.sha256(b"package").hexdigest()
        wanted = f"context: architecture is 'x86_64', but of {package.name} it is 'arm64'; leave it out"
        refused({"package": str(package), "architecture": "x86_64"}, wanted)
        refused({"package": str(package), "artifactSha256": "0" * 64}, f"artifactSha256 is '{'0' * 64}', but of {package.name} it is '{sha256}'")
        beside = folder / (package.name + ".sha256")
        beside.write_text(f"{'0' * 64}  {package.name}\n")
        refused({"package": str(package)}, f"has SHA-256 {sha256}, which is not what {beside.name} says; make or fetch it anew")

    # Whatever a template has as a constraint is one that CloudFormation applies to the whole value, and a default keeps it.
    for template in templates:
        for parameter in template.parameters.values():
            pattern = parameter.declaration.get("AllowedPattern", "^$")
            check(pattern.startswith("^") and pattern.endswith("$"), f"{template.name}: {parameter.name}: {pattern} is not anchored")
            if not parameter.required:
                default = parameter.declaration["Default"]
                check(parameter.check(default) in (str(default), []), f"{template.name}: {parameter.name}: the default is refused")


def test_parameters():
    """Kinds of parameters that our templates don't have now."""
    cases = [
        ({"Type": "String", "NoEcho": True}, "x", "is a secret, which must not stand in a template; give it to cdk deploy as --parameters"),
        ({"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}, "/x", "is looked up by CloudFormation under the name that it is; give that to"),
        ({"Type": "List<Number>", "MaxValue": 3}, "1,2,4", "is 4; MaxValue is 3"),
        ({"Type": "List<Number>", "MaxValue": 3}, [1, 2], ["1", "2"]),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "a, c", "is 'c'; must be one of a, b"),
        ({"Type": "CommaDelimitedList", "Default": ""}, "", []),
        ({"Type": "Number", "MinValue": 0.5}, 0.25, "is 0.25; MinValue is 0.5"),
        ({"Type": "Number", "AllowedValues": [1, 2]}, 2, "2"),
        ({"Type": "String", "MinLength": 3, "Description": "A name."}, "ab", "has 2 characters and is too short: MinLength is 3 (A name)"),
        ({"Type": "AWS::EC2::Image::Id"}, "ami-0123456789abcdef", "is 'ami-0123456789abcdef', which is no EC2 Image Id"),
        ({"Type": "AWS::EC2::Image::Id"}, "ami-0123456789abcdef0", "ami-0123456789abcdef0"),
        ({"Type": "AWS::EC2::SecurityGroup::Id"}, "sg-01234567", "sg-01234567"),
    ]
    for declaration, value, wanted in cases:
        try:
            got = Parameter("Name", declaration).check(value)
        except Refused as refused:
            got = str(refused)
        good = got == wanted if isinstance(wanted, list) else str(got).startswith(wanted)
        check(good, f"{declaration} with {value!r}: {got!r}, not {wanted!r}")


RULES = """
Parameters:
  Size: {Type: String}
  Colour: {Type: String}
  Zones: {Type: CommaDelimitedList}
  Vpc: {Type: 'AWS::EC2::VPC::Id'}
Rules:
  LargeIsGreen:
    RuleCondition: !Equals [!Ref Size, large]
    Assertions: [{Assert: !Contains [[green, lime], !Ref Colour], AssertDescription: large must be green}]
  ZonesAreKnown:
    Assertions:
      - {Assert: !EachMemberIn [!Ref Zones, [a, b]], AssertDescription: zones are a and b}
      - {Assert: !Or [!Equals [!Ref Size, large], !Not [!EachMemberEquals [!Ref Zones, b]]], AssertDescription: b is for large ones}
  VpcIsTagged:
    Assertions: [{Assert: !Equals [!ValueOf [Vpc, Tags.x], y], AssertDescription: no tag}]
"""


def test_rules():
    """What holds, what can't hold, and what depends on values that are not known yet."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "rules.yaml")
        path.write_text(RULES)
        template = Template(path)
    cases = [
        ({}, []),
        ({"Size": "small"}, ["LargeIsGreen"]),
        ({"Colour": "lime"}, ["LargeIsGreen"]),
        ({"Colour": "red"}, []),
        ({"Size": "large", "Colour": "red"}, "large must be green"),
        ({"Size": "large", "Zones": ["a", "b"]}, ["ZonesAreKnown"]),
        ({"Zones": ["a", "c"]}, "zones are a and b"),
        ({"Zones": ["b", "b"]}, []),
        ({"Zones": ["b", "a"]}, ["ZonesAreKnown"]),
        ({"Zones": ["b"], "Size": "small"}, "b is for large ones"),
        ({"Vpc": "vpc-01234567"}, []),
    ]
    for values, wanted in cases:
        try:
            got = template.check_rules(values)
        except Refused as refused:
            got = str(refused)
        check(got == wanted, f"rules with {values}: {got}, not {wanted}")


FILE_OF_VALUES = """
inputPrefix: s3://from/file
engine: spark
emr-cluster: {outputPrefix: s3://only/cluster, stackName: daily}
outputPrefix: s3://for/all
maxWorkers: 20
workbench: true
tags: {cost-center: 0042}
"""


def test_good_values():
    templates = [Template(path_of(name)) for name in TEMPLATES]

    def taken(context):
        try:
            return read_values(context, templates, BOOTSTRAP)
        except BadValues as error:
            check(False, f"{context}: {error.problems}")
            return None

    # The CDK's own keys are none of ours.
    taken({"@aws-cdk/core:newStyleStackSynthesis": True, "aws:cdk:enable-path-metadata": True, "cli-telemetry": False})
    # The later wins: section, file, command line; what is for one stack alone wins within its place.
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "values.yaml")
        file.write_text(FILE_OF_VALUES)
        values = taken({"firesteel": {"inputPrefix": "s3://from/section", "logPrefix": "s3://section/logs"}, "values": str(file), "engine": "duckdb"})
        parameters = values.stacks[0].parameters
        check(
            parameters
            == {
                "InputPrefix": "s3://from/file", "LogPrefix": "s3://section/logs", "Engine": "duckdb", "OutputPrefix": "s3://only/cluster",
                "MaxWorkers": "20", "Workbench": "true",
            },
            f"the order of places: {parameters}",
        )
        check(values.stacks[0].stack_name == "daily", "a stack's own name")
        check(values.stacks[0].tags == {"cost-center": "0042"}, f"tags of a file: {values.stacks[0].tags}")
        values = taken({"values": str(file), "outputPrefix": "s3://command/line"})
        check(values.stacks[0].parameters["OutputPrefix"] == "s3://command/line", "the command line wins over a stack's own value in a file")
        # Outputs of the storage stack have the names of parameters; they are for whoever needs them, and everything else wins.
        outputs = pathlib.Path(folder, "outputs.json")
        made = Template(path_of("storage-and-network")).body["Outputs"]
        given = {name: ",".join(SAMPLES[name]) if name == "SubnetIds" else SAMPLES[name] for name in made}
        outputs.write_text(json.dumps({"shop-storage": {**given, "SomethingElse": "x"}}))
        stacks = taken({"outputs": str(outputs), "stacks": "all", "firesteel": {"logPrefix": "s3://section/logs"}}).stacks
        for one in stacks:
            wanted = {name: SAMPLES[name] for name in made if name in one.template.parameters}
            wanted |= {"LogPrefix": "s3://section/logs"} if "LogPrefix" in wanted else {}
            check(one.parameters == wanted, f"{one.template.name} with outputs of the storage stack: {one.parameters}")
        check({"InputPrefix", "SubnetIds", "KeyArn"} <= set(stacks[0].parameters), "the storage stack puts out too little")
        taken({"outputs": str(outputs), "stacks": "storage-and-network"})
        # A package gives what follows from it.
        package = pathlib.Path(folder, "firesteel-1.2.3-linux-aarch64.tar.gz")
        package.write_bytes(b"package")
        pathlib.Path(folder, package.name + ".sha256").write_text(hashlib.sha256(b"package").hexdigest() + f"  {package.name}\n")
        one = taken({**{key: value for key, value in ALL.items() if "Sha256" not in key}, "package": str(package)}).stacks[0]
        bootstrap = hashlib.sha256(BOOTSTRAP.read_bytes()).hexdigest()
        follow = {key: one.parameters[key] for key in ("ArtifactSha256", "Architecture", "PackageVersion", "BootstrapSha256")}
        check(
            follow == {
                "ArtifactSha256": hashlib.sha256(b"package").hexdigest(), "Architecture": "arm64", "PackageVersion": "1.2.3",
                "BootstrapSha256": bootstrap,
            },
            f"what follows from a package: {follow}",
        )  # fmt: skip
        context = {**{key: value for key, value in ALL.items() if "Sha256" not in key}, "package": str(package)}
        messages = notes(synthesized(context)["emr-cluster"][2])
        wanted = (
            f"aws s3 cp {package.resolve()} s3://shop-artifacts/firesteel/{package.name} && "
            f"aws s3 cp {BOOTSTRAP} s3://shop-artifacts/firesteel/bootstrap-{bootstrap}.sh"
        )
        check(any(wanted in message for message in messages), f"'{wanted}' is not in {messages}")
    # Types as JSON has them.
    subnets = "subnet-0123456789abcdef0, subnet-0fedcba9876543210"
    values = taken({"stacks": ["emr-cluster"], "maxWorkers": 20, "workbench": True, "subnetIds": subnets})
    check(
        values.stacks[0].parameters == {"MaxWorkers": "20", "Workbench": "true", "SubnetIds": SAMPLES["SubnetIds"]},
        f"types: {values.stacks[0].parameters}",
    )
    # Names, tags, protection.
    made = synthesized({"stackName": "shop-daily", "tags": "team=data,cost-center=42", "terminationProtection": "true"})["emr-cluster"][2]
    check(made.stack_name == "shop-daily", f"the stack's name is {made.stack_name}")
    check(dict(made.tags) == {"team": "data", "cost-center": "42"}, f"the stack's tags are {made.tags}")
    check(made.termination_protection is True, "termination protection")
    # With the roles of a bootstrapped account, and no parameter or rule for that in the template.
    made = synthesized({"synthesizer": "bootstrapped"})["emr-cluster"]
    check("deploy-role" in (made[2].assume_role_arn or ""), f"bootstrapped: the role is {made[2].assume_role_arn}")
    same(made[1], Template(path_of("emr-cluster")).body, "bootstrapped")
    # What is missing is said.
    messages = notes(synthesized({})["emr-cluster"][2])
    check(any("without a value: InputPrefix, OutputPrefix," in message for message in messages), f"what is missing: {messages}")


def test_nag():
    """Every finding of cdk-nag has a reason, and every reason a finding; and what its rules read wrongly is so."""
    for context in ({"stacks": "all"}, {"stacks": "emr-cluster,scheduled-run", **ALL}):
        app = App(context=context)
        stacks = build(app)
        for stack in stacks:
            found = set(acknowledged.findings(stack))
            for resource, finding in found:
                check(acknowledged.reason_for(stack, resource, finding), f"{stack.template_name}: {resource}: {finding}: no reason is known")
            for one in acknowledged.ACKNOWLEDGED[stack.template_name]:
                fits = [pair for pair in found if re.fullmatch(one.resource, pair[0]) and re.fullmatch(one.finding, pair[1])]
                check(fits, f"{stack.template_name}: {one.resource}: {one.finding} is acknowledged and not found")
    # As a user asks for it: synthesis runs the packs and passes; without the reasons it would not.
    app = App(context={"stacks": "all", "nag": "true"})
    build(app)
    app.synth()
    reasons = acknowledged.ACKNOWLEDGED["emr-cluster"]
    acknowledged.ACKNOWLEDGED["emr-cluster"] = [one for one in reasons if "EMR6" not in one.finding]
    app = App(context={"nag": "true"})
    build(app)
    try:
        app.synth()
        check(False, "synthesis with nag passed with a finding that has no reason")
    except RuntimeError as error:
        check("Validation failed" in str(error), f"synthesis with nag: {error}")
    acknowledged.ACKNOWLEDGED["emr-cluster"] = reasons

    # EMR4 and EMR5 look for these keys one level too high.
    for name in ("emr-cluster", "scheduled-run"):
        resources = Template(path_of(name)).body["Resources"]
        (configuration,) = [one for one in resources.values() if one["Type"] == "AWS::EMR::SecurityConfiguration"]
        body = configuration["Properties"]["SecurityConfiguration"]
        encryption = body["EncryptionConfiguration"]
        disk = encryption["AtRestEncryptionConfiguration"]["LocalDiskEncryptionConfiguration"]
        check(encryption["EnableAtRestEncryption"] is True, f"{name}: encryption at rest is off")
        check(disk["EncryptionKeyProviderType"] == "AwsKms" and disk["AwsKmsKey"] == {"Ref": "KeyArn"}, f"{name}: disks: {disk}")
        check(disk["EnableEbsEncryption"] is True, f"{name}: the root volume is not encrypted")
        check(encryption["EnableInTransitEncryption"] is True, f"{name}: encryption in transit is off")
        check("TLSCertificateConfiguration" in encryption["InTransitEncryptionConfiguration"], f"{name}: there are no certificates")
        metadata = body["InstanceMetadataServiceConfiguration"]
        check(
            metadata == {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1}, f"{name}: the metadata service: {metadata}"
        )
    # EC28 and another look at the instance, not at its launch template.
    launched = Template(path_of("single-instance")).body["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    check(launched["Monitoring"] == {"Enabled": True}, f"single-instance: {launched['Monitoring']}")
    check(launched["IamInstanceProfile"] == {"Arn": {"Fn::GetAtt": ["InstanceProfile", "Arn"]}}, "single-instance: no profile")
    # EC23 can't read the address; no action of a role has a wildcard.
    network = Template(path_of("storage-and-network")).body["Resources"]
    ingress = network["EndpointGroup"]["Properties"]["SecurityGroupIngress"]
    ports = [(rule["FromPort"], rule["ToPort"], rule.get("CidrIp")) for rule in ingress]
    check(ports == [(443, 443, {"Ref": "VpcCidr"})] or ports == [(443, 443, {"Fn::GetAtt": ["Vpc", "CidrBlock"]})], f"EndpointGroup: {ports}")
    for name in TEMPLATES:
        for logical_id, resource in Template(path_of(name)).body["Resources"].items():
            if resource["Type"] == "AWS::IAM::Role":
                actions = re.findall(r'"[a-z0-9-]+:[A-Za-z]*\*[A-Za-z]*"', json.dumps(resource["Properties"].get("Policies", [])))
                check(not actions, f"{name}: {logical_id}: {actions}")


def run_cli(arguments, folder, home):
    cli = next((CACHE / "deps").glob("aws-cdk-*/bin/cdk"))
    environment = {
        key: value for key, value in os.environ.items() if key in ("PATH", "LANG", "JSII_RUNTIME_PACKAGE_CACHE_ROOT")
    }
    nobody = "http://127.0.0.1:9"
    environment |= {"HOME": str(home), "HTTP_PROXY": nobody, "HTTPS_PROXY": nobody, "AWS_EC2_METADATA_DISABLED": "true", "CI": "true"}
    return subprocess.run(
        ["node", str(cli), "--no-notices", "--no-color", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def test_command_line():
    """The pinned command line, without a network, an account or credentials, from the app's folder and from others."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        home = folder / "home"
        home.mkdir()
        done = run_cli(["ls", "-c", "stacks=all", "--output", str(folder / "first")], APP, home)
        check(done.returncode == 0, f"cdk ls: {done.stderr}")
        check(sorted(done.stdout.split()) == sorted(f"firesteel-{name}" for name in TEMPLATES), f"cdk ls: {done.stdout}")

        (folder / "shop.yaml").write_text("inputPrefix: s3://shop-data/raw\ntags: {team: data}\n")
        app = f"{sys.executable} {APP / 'app.py'}"
        arguments = ["synth", "--app", app, "-c", "values=shop.yaml", "-c", "engine=spark", "--output", str(folder / "second")]
        arguments += ["--no-version-reporting", "--no-path-metadata", "--no-asset-metadata"]
        done = run_cli(arguments, folder, home)
        check(done.returncode == 0, f"cdk synth elsewhere: {done.stderr}")
        written = json.loads((folder / "second" / "firesteel-emr-cluster.template.json").read_text())
        made = synthesized({"inputPrefix": "s3://shop-data/raw", "engine": "spark"})["emr-cluster"][1]
        check(written == made, "cdk synth elsewhere gives something else than the app alone")
        same(yaml.safe_load(done.stdout), made, "what cdk synth prints")

        done = run_cli(["synth", "-c", "inputPrefix=here", "--output", str(folder / "third")], APP, home)
        check(done.returncode != 0, "cdk synth took a bad value")
        check("firesteel: error: context: inputPrefix is 'here', which does not match" in done.stderr, f"cdk synth: {done.stderr}")
        check("Traceback" not in done.stderr, f"cdk synth: {done.stderr}")
        check(not list((folder / "third").glob("*.template.json")), "cdk synth wrote a template in spite of a bad value")


TESTS = (
    test_pins, test_parameters, test_rules, test_bad_values, test_same_as_the_templates, test_with_values, test_good_values, test_nag,
    test_command_line,
)  # fmt: skip
run("cdk_test", TESTS)
