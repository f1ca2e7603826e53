"""The templates of deploy/cloudformation: what they come to for many parameters, and that the checks would notice a fault.

usage: templates_test.py
"""

import copy
import json
import re
import subprocess
import sys
import unittest

import cfn
import checks

ROWS = {
    "emr-cluster": [
        {"Engine": engine, "Architecture": architecture}
        for engine in ("duckdb", "spark")
        for architecture in ("x86_64", "arm64")
    ]
    + [
        {"Workbench": "true", "ActionOnFailure": "TERMINATE_CLUSTER", "OsReleaseLabel": "2023.9.20251020.0"},
        {"EmrEndpoint": "made-by-emr", "CertificateArchive": "certificates.zip", "ReleaseLabel": "emr-spark-8.0.0"},
        {"Engine": "spark", "InstanceSize": "16xlarge", "MaxWorkers": "3", "ModelParams": '{"maxIter":32,"maxDepth":6}'},
        {"InputPrefix": "s3://shop-in/a", "OutputPrefix": "s3://shop-out/b/c/d/e"},
        {"InputPrefix": "s3://shop-in/a/b/c", "OutputPrefix": "s3://shop-in/x"},
    ],
    "single-instance": [
        {},
        {"Architecture": "arm64", "Market": "spot", "InstanceSize": "8xlarge", "SessionManager": "true"},
        {"TimeLimit": "900", "VolumeGiB": "20", "OutputPrefix": "s3://shop-out/b/c/d"},
    ],
    "storage-and-network": [
        {},
        {"EmrEndpoints": "false", "SessionEndpoints": "true", "InputBucket": "old-data"},
        {"VpcCidr": "172.16.0.0/16", "LogDays": "7", "OldVersionDays": "1"},
    ],
}
ROWS["scheduled-run"] = [
    {key: value for key, value in row.items() if key not in ("Workbench", "ActionOnFailure")} for row in ROWS["emr-cluster"]
] + [{"Schedule": "cron(0 3 * * ? *)", "NotificationEmail": "a@example.com"}]
REGIONS = [cfn.PSEUDO, cfn.CHINA] + [{**cfn.PSEUDO, "AWS::Region": region} for region in ("us-east-1", "ap-southeast-2")]


# As long as the prefixes may be on S3: 1,024 bytes of a key, shared with what the steps add.
LONG = "/".join(["s3://" + 63 * "b"] + 4 * [200 * "p"])


def variants(template, name):
    """Values of parameters, and where the stack is."""
    for row in ROWS[name]:
        yield row, cfn.PSEUDO
    for pseudo in REGIONS[1:]:
        yield ROWS[name][-1], pseudo
    if "ModelParams" in template["Parameters"]:
        yield {"InputPrefix": LONG, "OutputPrefix": LONG.replace("p", "q"), "ModelParams": "{" + 4094 * "1" + "}"}, cfn.PSEUDO


def failures(template, name):
    """The names of the checks that fail, with what they say."""
    found = {}

    def run(check, argument):
        try:
            check(argument)
        except (AssertionError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            found.setdefault(check.__name__, repr(error))

    for check in checks.TEMPLATE_CHECKS:
        run(check, template)
    for values, pseudo in variants(template, name):
        try:
            stack = cfn.Stack(template, values, pseudo)
        except (cfn.TemplateError, KeyError, TypeError, AttributeError) as error:
            found.setdefault("variants", repr(error))
            continue
        for check in checks.STACK_CHECKS[name]:
            run(check, stack)
    return found


class Templates(unittest.TestCase):
    def test_all_checks_hold_for_all_parameters(self):
        for name in cfn.NAMES:
            with self.subTest(name):
                self.assertEqual(failures(cfn.load(name), name), {})

    def test_all_files_are_known(self):
        self.assertEqual(sorted(path.name for path in cfn.FOLDER.iterdir()), sorted(f"{name}.yaml" for name in cfn.NAMES))

    def test_yaml_is_strict(self):
        for name in cfn.NAMES:
            text = cfn.text(name)
            with self.subTest(name):
                self.assertTrue(text.isascii(), "not ASCII")
                self.assertLess(len(text.encode()), 51200, "CloudFormation takes so much without a bucket")
                self.assertNotIn("\t", text)
                self.assertEqual(cfn.load(name)["AWSTemplateFormatVersion"], "2010-09-09")
                json.dumps(cfn.load(name))
        with self.assertRaisesRegex(cfn.TemplateError, "twice"):
            cfn.parse("a: 1\na: 2\n")
        with self.assertRaisesRegex(cfn.TemplateError, "alias"):
            cfn.parse("a: &x 1\nb: *x\n")
        with self.assertRaisesRegex(cfn.TemplateError, "date"):
            cfn.parse("a: 2012-10-17\n")
        with self.assertRaisesRegex(cfn.TemplateError, "null"):
            cfn.parse("a:\n  - b: null\n")

    def test_shared_blocks_are_the_same(self):
        blocks = {}
        for name in cfn.NAMES:
            text = cfn.text(name)
            for title in re.findall(r"# --- shared: ([a-z ]+) ---\n", text):
                start, end = f"# --- shared: {title} ---\n", f"# --- end of {title} ---\n"
                self.assertEqual((text.count(start), text.count(end)), (1, 1), f"{name}: {title}")
                blocks.setdefault(title, {})[name] = text.split(start)[1].split(end)[0]
            self.assertEqual(text.count("# --- shared: "), text.count("# --- end of "), name)
        self.assertGreater(len(blocks), 8)
        for title, found in blocks.items():
            self.assertGreater(len(found), 1, f"{title} is shared with nobody")
            self.assertEqual(len(set(found.values())), 1, f"{title} differs between {sorted(found)}")

    def test_the_state_machine_asks_for_the_cluster_of_the_template(self):
        for row in ROWS["emr-cluster"]:
            if set(row) & {"Workbench", "ActionOnFailure"}:
                continue
            with self.subTest(row):
                once, steps = checks.cluster_of(cfn.Stack("emr-cluster", row))
                again, steps_again = checks.cluster_of(cfn.Stack("scheduled-run", row))
                self.assertEqual(steps_again, steps)
                self.assertEqual(again.pop("Name"), "States.Format('shop {}', $$.Execution.Name)")
                self.assertEqual(once.pop("Name"), "shop")
                self.assertTrue(again["Instances"].pop("KeepJobFlowAliveWhenNoSteps"))
                self.assertFalse(once["Instances"].pop("KeepJobFlowAliveWhenNoSteps"))
                again["Tags"].remove({"Key": "firesteel-run", "Value": "shop"})
                self.assertEqual(again, once)

    def test_one_instance_runs_what_the_steps_run(self):
        script = cfn.Stack("single-instance").only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]
        _, steps = checks.cluster_of(cfn.Stack("emr-cluster"))
        first = steps[0]["HadoopJarStep"]["Args"]
        for flag in ("--shipping-logs", "--product-description", "--s3-region", "--s3-kms-key-id"):
            self.assertIn(f"{flag} '{first[first.index(flag) + 1]}'", script)
        action = checks.cluster_of(cfn.Stack("emr-cluster"))[0]["BootstrapActions"][0]["ScriptBootstrapAction"]
        self.assertIn(f"aws s3 cp --only-show-errors '{action['Path']}' ", script)
        self.assertIn(f"--artifact '{action['Args'][1]}'", script)

    def test_names_agree_between_templates(self):
        """What the network's stack puts out are parameters of the others, and are taken by them."""
        outputs = cfn.Stack("storage-and-network").outputs
        for name in ("emr-cluster", "scheduled-run", "single-instance"):
            parameters = cfn.load(name)["Parameters"]
            given = {key: value for key, value in outputs.items() if key in parameters}
            self.assertEqual(set(given), set(outputs), name)
            # With names as CloudFormation makes them.
            real = {
                "<DataBucket>": "net-databucket-1abcdef",
                "<LogBucket>": "net-logbucket-1abcdef",
                "<ArtifactBucket>": "net-artifactbucket-1abcdef",
                "<Key.Arn>": cfn.NEEDED["KeyArn"],
                "<Vpc>": "vpc-0123456789abcdef0",
                "<SubnetA>": "subnet-0123456789abcdef0",
                "<SubnetB>": "subnet-0fedcba9876543210",
            }
            for token, value in real.items():
                given = {key: text.replace(token, value) for key, text in given.items()}
            cfn.Stack(name, given)

    def test_the_default_version_is_the_projects(self):
        version = (cfn.ROOT / "VERSION").read_text().strip()
        for name in ("emr-cluster", "scheduled-run", "single-instance"):
            self.assertEqual(cfn.load(name)["Parameters"]["PackageVersion"]["Default"], version)


class Parameters(unittest.TestCase):
    """Values that are refused before anything is created."""

    def refuse(self, name, values, words, attributes=None):
        with self.assertRaisesRegex(cfn.TemplateError, words):
            cfn.Stack(name, values, attributes=attributes)

    def test_values(self):
        for wrong in (
            "s3://bucket", "s3://bucket/", "s3://bucket/a/", "s3a://bucket/a", "bucket/a", "s3://bucket/a//b", "s3://b/a",
            "s3://bucket/*", "s3://bucket/a b", "s3://bucket/../x", "s3://bucket/a/b/c/d/e", "s3://Bucket/a", "s3://bucket/a'b",
            "s3://bucket/a\n",
        ):  # fmt: skip
            self.refuse("emr-cluster", {"OutputPrefix": wrong}, "OutputPrefix")
        for parameter, wrong in {
            "ArtifactSha256": "A1" * 32,
            "BootstrapSha256": "a1" * 31,
            "KeyArn": "alias/mine",
            "VpcId": "subnet-0123456789abcdef0",
            "SubnetIds": "subnet-0123456789abcdef0,x",
            "Architecture": "aarch64",
            "Engine": "Spark",
            "ActionOnFailure": "CONTINUE",
            "ReleaseLabel": "emr-6.6.0",
            "InstanceSize": "m5.xlarge",
            "MaxWorkers": "2",
            "ModelParams": "{'maxIter': 32}",
            "ModelType": "linear",
            "OsReleaseLabel": "latest",
            "CertificateArchive": "../x.zip",
            "PackageVersion": "latest",
            "NoSuchParameter": "1",
        }.items():
            self.refuse("emr-cluster", {parameter: wrong}, parameter)
        self.refuse("single-instance", {"TimeLimit": "60"}, "TimeLimit")
        self.refuse("scheduled-run", {"Schedule": "daily"}, "Schedule")
        self.refuse("scheduled-run", {"NotificationEmail": "me"}, "NotificationEmail")
        self.refuse("storage-and-network", {"VpcCidr": "10.0.0.0/24"}, "VpcCidr")

    def test_values_that_do_not_fit_together(self):
        out = cfn.NEEDED["OutputPrefix"]
        for name in ("emr-cluster", "scheduled-run", "single-instance"):
            self.refuse(name, {"InputPrefix": out}, "OutputPrefix must not be InputPrefix")
            self.refuse(name, {"ArtifactPrefix": out}, "OutputPrefix must not be ArtifactPrefix")
            self.refuse(name, {"LogPrefix": out}, "OutputPrefix must not be LogPrefix")
            self.refuse(name, {"LogPrefix": cfn.NEEDED["ArtifactPrefix"]}, "LogPrefix must not be ArtifactPrefix")
            other = {**cfn.ATTRIBUTES, ("SubnetIds", "VpcId"): ["vpc-0123456789abcdef0", "vpc-1"]}
            self.refuse(name, {}, "SubnetIds must be subnets of VpcId", other)
        tag = ("SubnetIds", "Tags.for-use-with-amazon-emr-managed-policies")
        for name in ("emr-cluster", "scheduled-run"):
            self.refuse(name, {}, "for-use-with-amazon-emr-managed-policies", {**cfn.ATTRIBUTES, tag: ["true", ""]})


# (template, path, new value or None to remove, the check that must notice). A path ends anywhere in the template; "*" stands
# for the one key or item that makes the rest of the path exist.
FAULTS = [
    ("emr-cluster", "Parameters/ReleaseLabel/Default", "emr-6.6.0", "release_label"),
    ("emr-cluster", "Resources/Cluster/Properties/Applications", [{"Name": "Spark"}, {"Name": "Hive"}], "applications"),
    ("emr-cluster", "Resources/Cluster/Properties/AutoTerminationPolicy/IdleTimeout", 180, "life"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/TerminationProtected", True, "life"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/KeepJobFlowAliveWhenNoSteps", True, "life"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/UnhealthyNodeReplacement", None, "life"),
    ("emr-cluster", "Resources/Cluster/Properties/ScaleDownBehavior", "TERMINATE_AT_INSTANCE_HOUR", "life"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/MasterInstanceFleet/TargetOnDemandCapacity", None, "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/Ec2SubnetId", "subnet-1", "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/MasterInstanceFleet/InstanceTypeConfigs/0/InstanceType", "m5.xlarge", "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/TaskInstanceFleets/Fn::If/1/0/TargetSpotCapacity", None, "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/TaskInstanceFleets", None, "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/EbsRootVolumeSize", 200, "fleets"),
    ("emr-cluster", "Resources/Cluster/Properties/ManagedScalingPolicy", None, "scaling"),
    ("emr-cluster", "Parameters/MaxWorkers/MinValue", 1, "scaling"),
    ("emr-cluster", "Resources/Cluster/Properties/LogUri", None, "logs"),
    ("emr-cluster", "Resources/Cluster/Properties/LogEncryptionKmsKeyId", None, "logs"),
    ("emr-cluster", "Resources/Cluster/Properties/VisibleToAllUsers", True, "left_out"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/Ec2KeyName", "mine", "left_out"),
    ("emr-cluster", "Resources/Cluster/Properties/AutoScalingRole", "EMR_AutoScaling_DefaultRole", "left_out"),
    ("emr-cluster", "Resources/Cluster/Properties/Tags", [], "tags"),
    ("emr-cluster", "Resources/Cluster/Properties/Instances/ServiceAccessSecurityGroup", None, "network_of_cluster"),
    ("emr-cluster", "Resources/Cluster/Properties/SecurityConfiguration", None, "roles_of_cluster"),
    ("emr-cluster", "Resources/Cluster/Properties/JobFlowRole", "EMR_EC2_DefaultRole", "roles_of_cluster"),
    ("emr-cluster", "Resources/Cluster/Properties/BootstrapActions/0/ScriptBootstrapAction/Args/3", "abc", "bootstrap"),
    ("emr-cluster", "Resources/Cluster/Properties/BootstrapActions/0/ScriptBootstrapAction/Path", {"Fn::Sub": "${ArtifactPrefix}/bootstrap.sh"}, "bootstrap"),
    ("emr-cluster", "Resources/Cluster/Properties/Configurations", None, "s3a_encryption"),
    ("emr-cluster", "Resources/Cluster/DependsOn/0", None, "create_order"),
    ("emr-cluster", "Resources/Cluster/Properties/Steps/2", None, "steps"),
    ("emr-cluster", "Mappings/Engines/spark/Flags", "--engine duckdb", "steps"),
    ("emr-cluster", "Resources/Cluster/Properties/Steps/3/HadoopJarStep/Jar", "s3://x/y.jar", "steps"),
    ("emr-cluster", "Resources/Cluster/Properties/Steps/1/ActionOnFailure", "CONTINUE", "step_failures"),
    ("emr-cluster", "Parameters/ActionOnFailure/AllowedValues", ["CANCEL_AND_WAIT", "TERMINATE_CLUSTER", "CONTINUE"], "step_failures"),
    ("emr-cluster", "Resources/SecurityConfiguration/Properties/SecurityConfiguration/InstanceMetadataServiceConfiguration", None, "security_configuration"),
    ("emr-cluster", "Resources/SecurityConfiguration/Properties/SecurityConfiguration/EncryptionConfiguration/EnableInTransitEncryption", False, "security_configuration"),
    ("emr-cluster", "Resources/ServiceRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource", "*", "passed_roles"),
    ("emr-cluster", "Resources/ServiceRole/Properties/Policies/0/PolicyDocument/Statement/2/Condition", None, "service_role"),
    ("emr-cluster", "Resources/ServiceRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition", None, "service_role"),
    ("emr-cluster", "Resources/ServiceRole/Properties/ManagedPolicyArns/0", "arn:aws:iam::aws:policy/service-role/AmazonElasticMapReduceRole", "no_fixed_arns"),
    ("emr-cluster", "Resources/ServiceRole/Properties/ManagedPolicyArns/0", "arn:aws:iam::aws:policy/x", "partition_neutral"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Statement/1/Action/2", None, "instance_role"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Statement/3/Condition", None, "instance_role"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Statement/2/Resource", "*", "no_wildcards"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Statement/0/Action", "s3:*", "no_wildcards"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Statement/0/Action", "elasticmapreduce:DescribeCluster", "nothing_of_emr_on_instances"),
    ("emr-cluster", "Resources/InstanceRole/Properties/ManagedPolicyArns", ["x"], "instance_role"),
    ("emr-cluster", "Conditions/OutputHas3", {"Fn::Equals": ["a", "b"]}, "instance_role"),
    ("emr-cluster", "Resources/PrimaryFromWorkerUdp", None, "groups"),
    ("emr-cluster", "Resources/PrimaryFromWorkerTcp/Properties/CidrIp", "0.0.0.0/0", "no_way_in"),
    ("emr-cluster", "Resources/PrimaryGroup/Properties/SecurityGroupEgress", None, "groups"),
    ("emr-cluster", "Resources/WorkerGroup/Properties/Tags", [], "groups"),
    ("emr-cluster", "Resources/WorkerGroup/Properties/SecurityGroupIngress", [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}], "no_way_in"),
    ("emr-cluster", "Parameters/InputPrefix/AllowedPattern", None, "parameters"),
    ("emr-cluster", "Parameters/Unused", {"Type": "String", "AllowedValues": ["a"], "Default": "a", "Description": "Not used at all"}, "parameters"),
    ("emr-cluster", "Outputs/ClusterId", None, "outputs_of_cluster"),
    ("emr-cluster", "Outputs/KeyArn/Description", "", "outputs"),
    ("emr-cluster", "Resources/InstanceRole/Properties/Policies/0/PolicyDocument/Version", "2008-10-17", "policy_versions"),
    ("emr-cluster", "Parameters/Password", {"Type": "String", "AllowedPattern": "^x$", "Description": "A password"}, "no_secrets"),
    ("scheduled-run", "Resources/RunRole/Properties/Policies/0/PolicyDocument/Statement/1/Condition", None, "run_role"),
    ("scheduled-run", "Resources/RunRole/Properties/Policies/0/PolicyDocument/Statement/3/Resource", "*", "no_wildcards"),
    ("scheduled-run", "Resources/RunRole/Properties/AssumeRolePolicyDocument/Statement/0/Condition", None, "trusts"),
    ("scheduled-run", "Resources/Results/Properties/KmsMasterKeyId", None, "run_records"),
    ("scheduled-run", "Resources/RunLog/Properties/RetentionInDays", None, "run_records"),
    ("scheduled-run", "Resources/Timer/Condition", None, "variants"),
    ("scheduled-run", "Resources/TimerRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource", "*", "schedule"),
    ("scheduled-run", "Resources/Run/Properties/Definition/States/Start the cluster/Parameters/Tags", [], "tags"),
    ("single-instance", "Resources/LaunchTemplate/Properties/LaunchTemplateData/MetadataOptions/HttpTokens", "optional", "launch_template"),
    ("single-instance", "Resources/LaunchTemplate/Properties/LaunchTemplateData/BlockDeviceMappings/0/Ebs/Encrypted", False, "launch_template"),
    ("single-instance", "Resources/LaunchTemplate/Properties/LaunchTemplateData/InstanceInitiatedShutdownBehavior", None, "launch_template"),
    ("single-instance", "Resources/Group/Properties/SecurityGroupIngress", [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}], "no_way_in"),
    ("single-instance", "Resources/Done/Properties/Timeout", 60, "one_instance"),
    ("storage-and-network", "Resources/DataBucket/Properties/BucketEncryption", None, "buckets"),
    ("storage-and-network", "Resources/LogBucket/Properties/VersioningConfiguration/Status", "Suspended", "buckets"),
    ("storage-and-network", "Resources/DataBucket/Properties/LifecycleConfiguration/Rules/0", None, "buckets"),
    ("storage-and-network", "Resources/ArtifactBucketPolicy/Properties/PolicyDocument/Statement/0", None, "buckets"),
    ("storage-and-network", "Resources/DataBucketPolicy/Properties/PolicyDocument/Statement/3/Condition/Null", None, "buckets"),
    ("storage-and-network", "Resources/Key/Properties/EnableKeyRotation", False, "key"),
    ("storage-and-network", "Resources/Key/Properties/KeyPolicy/Statement/2/Condition/ArnEquals", None, "key"),
    ("storage-and-network", "Resources/SubnetB/Properties/MapPublicIpOnLaunch", True, "private_network"),
    ("storage-and-network", "Resources/SubnetA/Properties/Tags", [], "private_network"),
    ("storage-and-network", "Resources/Way", {"Type": "AWS::EC2::NatGateway", "Properties": {}}, "private_network"),
    ("storage-and-network", "Resources/S3Endpoint/Properties/PolicyDocument/Statement/2/Resource/0", {"Fn::Sub": "arn:${AWS::Partition}:s3:::*"}, "s3_endpoint"),
    ("storage-and-network", "Conditions/IsUsEast1", {"Fn::Equals": ["a", "b"]}, "s3_endpoint"),
    ("storage-and-network", "Resources/KmsEndpoint", None, "interface_endpoints"),
    ("storage-and-network", "Resources/EndpointGroup/Properties/SecurityGroupIngress/0/CidrIp", "0.0.0.0/0", "no_way_in"),
]  # fmt: skip


# The defects of the sample that these templates take the place of, and the checks that keep them out. Besides: the template was no strict
# JSON, and had a copy (test_yaml_is_strict, test_shared_blocks_are_the_same); a stack that was created said nothing of its steps
# (state_machine_test.py).
DEFECTS = {
    "a failed step was followed by others on stale data": ["step_failures"],
    "no security configuration, logs without a key": ["security_configuration", "roles_of_cluster", "logs"],
    "a public subnet, shared groups, packages from the internet": ["network_of_cluster", "groups", "private_network", "bootstrap"],
    "an old release, applications that nothing used, a role that may not exist": ["release_label", "applications", "left_out"],
    "listing of all buckets, fixed buckets, no deletion, write access to its own code": ["instance_role", "no_wildcards"],
    "a frozen copy of a managed policy, a fixed partition": ["service_role", "no_fixed_arns", "partition_neutral"],
    "thirty parameters that anything was good for, no outputs": ["parameters", "steps", "outputs_of_cluster"],
    "a cluster that ended after three idle minutes": ["life"],
    "a run that could not be repeated": ["schedule", "run_role"],
    "no Spot": ["fleets", "scaling"],
}


def break_at(template, path, value):
    *way, last = path.split("/")
    node = template
    for part in way:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list):
        last = int(last)
        node[last]  # There must be something to break.
    if value is None:
        del node[last]
    else:
        node[last] = copy.deepcopy(value)


class Faults(unittest.TestCase):
    def test_each_fault_is_noticed_by_its_check(self):
        for name, path, value, check in FAULTS:
            with self.subTest(f"{name}: {path}"):
                template = cfn.load(name)
                break_at(template, path, value)
                found = failures(template, name)
                self.assertIn(check, found)

    def test_a_step_that_is_too_long_is_noticed(self):
        template = cfn.load("emr-cluster")
        template["Parameters"]["ModelParams"]["MaxLength"] = 40000
        stack = cfn.Stack(template, {"ModelParams": "{" + 10000 * "1" + "}"})
        with self.assertRaisesRegex(AssertionError, "characters"):
            checks.step_size(stack)

    def test_each_check_has_a_fault(self):
        known = {check for _, _, _, check in FAULTS} | {"step_size"}
        checked = {check.__name__ for found in checks.STACK_CHECKS.values() for check in found}
        checked |= {check.__name__ for check in checks.TEMPLATE_CHECKS}
        self.assertEqual(checked - known, set())

    def test_each_defect_of_the_sample_has_a_check(self):
        checked = {check.__name__ for found in checks.STACK_CHECKS.values() for check in found}
        checked |= {check.__name__ for check in checks.TEMPLATE_CHECKS}
        for defect, found in DEFECTS.items():
            self.assertLessEqual(set(found), checked, defect)


if __name__ == "__main__":
    unittest.main()
