"""What the templates ask AWS for, held against AWS's own descriptions of its APIs (botocore's), and made in moto.

usage: api_test.py

moto is a smoke test: of a cluster it looks at few properties, and of some resources at none. RunJobFlow called directly keeps
the steps.
"""

import contextlib
import io
import json
import logging
import os
import unittest
import warnings

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")

import boto3  # noqa: E402
import botocore.session  # noqa: E402
import botocore.validate  # noqa: E402
import moto  # noqa: E402

import cfn  # noqa: E402
import checks  # noqa: E402

ROWS = [
    {"Engine": engine, "Architecture": architecture, "OsReleaseLabel": label}
    for engine in ("duckdb", "spark")
    for architecture in ("x86_64", "arm64")
    for label in ("", "2023.9.20251020.0")
]


def api_problems(service, operation, request):
    """What the API would refuse: shapes, types, names, and values that are not in its lists."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    report = botocore.validate.ParamValidator().validate(request, shape)
    problems = [report.generate_report()] if report.has_errors() else []

    def look(node, described, path):
        if described.type_name == "structure" and isinstance(node, dict):
            for key, value in node.items():
                if key in described.members:
                    look(value, described.members[key], f"{path}.{key}")
        elif described.type_name == "list" and isinstance(node, list):
            for index, value in enumerate(node):
                look(value, described.member, f"{path}[{index}]")
        elif described.type_name == "string" and getattr(described, "enum", None) and node not in described.enum:
            problems.append(f"{path}: {node!r} is none of {described.enum}")

    look(request, shape, operation)
    return problems


def requests(row):
    """RunJobFlow as the template has it and as the state machine has it."""
    once, steps = checks.cluster_of(cfn.Stack("emr-cluster", row))
    again, _ = checks.cluster_of(cfn.Stack("scheduled-run", row))
    return {"emr-cluster": {**once, "Steps": steps}, "scheduled-run": again}


class Apis(unittest.TestCase):
    def test_run_job_flow(self):
        for row in ROWS:
            for name, request in requests(row).items():
                with self.subTest(f"{name}, {row}"):
                    self.assertEqual(api_problems("emr", "RunJobFlow", request), [])

    def test_a_wrong_request_is_noticed(self):
        request = requests(ROWS[-1])["emr-cluster"]
        for change in (
            lambda r: r["Steps"][0].update(ActionOnFailure="CANCEL"),
            lambda r: r.update(ScaleDownBehavior="AT_ONCE"),
            lambda r: r["Instances"].update(Subnets=["subnet-1"]),
            lambda r: r["Instances"]["InstanceFleets"][0].update(TargetOnDemandCapacity="1"),
            lambda r: r["Instances"]["InstanceFleets"][2]["LaunchSpecifications"]["SpotSpecification"].update(
                AllocationStrategy="cheapest"
            ),
        ):
            broken = json.loads(json.dumps(request))
            change(broken)
            self.assertEqual(len(api_problems("emr", "RunJobFlow", broken)), 1)

    def test_tasks_of_the_state_machine(self):
        """Each task that is an operation of an API has parameters that the operation takes."""
        states = cfn.Stack("scheduled-run").only("AWS::StepFunctions::StateMachine")["Definition"]["States"]
        integrations = {
            "aws-sdk:sfn:listExecutions": ("stepfunctions", "ListExecutions"),
            "aws-sdk:emr:runJobFlow": ("emr", "RunJobFlow"),
            "aws-sdk:emr:describeCluster": ("emr", "DescribeCluster"),
            "aws-sdk:s3:getObject": ("s3", "GetObject"),
            "sns:publish": ("sns", "Publish"),
            "elasticmapreduce:terminateCluster": None,
            "elasticmapreduce:addStep.sync": None,
        }
        seen = set()
        for name, state in states.items():
            if state["Type"] != "Task":
                continue
            integration = state["Resource"].removeprefix("arn:aws:states:::")
            seen.add(integration)
            request = checks.evaluate(state["Parameters"])
            if "OsReleaseLabel" in request:
                request["OSReleaseLabel"] = request.pop("OsReleaseLabel")
            if ":sfn:" in integration:
                # Integrations write all names like this; this API begins them with a small letter.
                request = {key[0].lower() + key[1:]: value for key, value in request.items()}
            with self.subTest(name):
                if integrations[integration]:
                    self.assertEqual(api_problems(*integrations[integration], request), [])
                elif integration.endswith("addStep.sync"):
                    self.assertEqual(set(request), {"ClusterId", "Step"})
                    steps = {"JobFlowId": "j-1", "Steps": [request["Step"]]}
                    self.assertEqual(api_problems("emr", "AddJobFlowSteps", steps), [])
                else:
                    self.assertEqual(set(request), {"ClusterId"})
        self.assertEqual(seen, set(integrations))

    def test_the_role_has_a_right_for_each_task(self):
        sids = checks.by_sid(cfn.Stack("scheduled-run"), "RunRole")
        allowed = {action for one in sids.values() for action in checks.as_list(one["Action"])}
        self.assertLessEqual(
            {
                "states:ListExecutions",
                "elasticmapreduce:RunJobFlow",
                "elasticmapreduce:AddTags",
                "elasticmapreduce:PutAutoTerminationPolicy",
                "elasticmapreduce:PutManagedScalingPolicy",
                "elasticmapreduce:AddJobFlowSteps",
                "elasticmapreduce:DescribeStep",
                "elasticmapreduce:CancelSteps",
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:TerminateJobFlows",
                "iam:PassRole",
                "events:PutTargets",
                "events:PutRule",
                "events:DescribeRule",
                "s3:GetObject",
                "sns:Publish",
                "kms:Decrypt",
                "kms:GenerateDataKey",
            },
            allowed,
        )

    def test_launch_template(self):
        for row in ({}, {"Market": "spot", "Architecture": "arm64"}):
            data = cfn.Stack("single-instance", row).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
            for disk in data["BlockDeviceMappings"]:
                disk["Ebs"]["VolumeSize"] = int(disk["Ebs"]["VolumeSize"])
            request = {"LaunchTemplateName": "x", "LaunchTemplateData": data}
            self.assertEqual(api_problems("ec2", "CreateLaunchTemplate", request), [])


class Moto(unittest.TestCase):
    """Stacks as moto makes them."""

    def setUp(self):
        logging.disable(logging.WARNING)
        self.addCleanup(logging.disable, logging.NOTSET)
        warnings.simplefilter("ignore")
        mock = moto.mock_aws()
        mock.start()
        self.addCleanup(mock.stop)

    def create(self, name, template, row=None):
        values = {key: value for key, value in cfn.NEEDED.items() if key in template["Parameters"]}
        values.update(row or {})
        client = boto3.client("cloudformation")
        with contextlib.redirect_stdout(io.StringIO()):
            client.create_stack(
                StackName=name,
                TemplateBody=json.dumps(template),
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
                Capabilities=["CAPABILITY_IAM"],
            )
        stack, = client.describe_stacks(StackName=name)["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def test_cluster(self):
        for row in ROWS:
            name = "-".join(value for value in row.values() if value).replace("_", "-").replace(".", "-")
            with self.subTest(name):
                outputs = self.create(name, cfn.load("emr-cluster"), row)
                emr = boto3.client("emr")
                cluster = emr.describe_cluster(ClusterId=outputs["ClusterId"])["Cluster"]
                self.assertEqual((cluster["Name"], cluster["ReleaseLabel"]), (name, "emr-spark-8.1.0"))
                iam = boto3.client("iam")
                role = iam.get_role(RoleName=cluster["ServiceRole"])["Role"]
                trust, = role["AssumeRolePolicyDocument"]["Statement"]
                self.assertEqual(trust["Principal"], {"Service": "elasticmapreduce.amazonaws.com"})
                made = boto3.client("cloudformation").describe_stack_resource(
                    StackName=name, LogicalResourceId="SecurityConfiguration"
                )
                text = emr.describe_security_configuration(Name=made["StackResourceDetail"]["PhysicalResourceId"])
                self.assertIn("EnableInTransitEncryption", str(text["SecurityConfiguration"]))

    def test_steps_of_run_job_flow_are_read_back(self):
        for row in ROWS:
            request = requests(row)["emr-cluster"]
            wanted = request["Steps"]
            # moto refuses what EMR makes of these, or doesn't know it.
            for key in ("OSReleaseLabel", "SecurityConfiguration"):
                request.pop(key, None)
            emr = boto3.client("emr")
            cluster = emr.run_job_flow(**request)["JobFlowId"]
            found = emr.list_steps(ClusterId=cluster)["Steps"]
            self.assertEqual(len(found), 4)
            # EMR lists the last one first.
            for step, read in zip(wanted, found if found[0]["Name"] == wanted[0]["Name"] else found[::-1]):
                self.assertEqual(read["Name"], step["Name"])
                self.assertEqual(read["ActionOnFailure"], step["ActionOnFailure"])
                self.assertEqual(read["Config"]["Jar"], step["HadoopJarStep"]["Jar"])
                self.assertEqual(read["Config"]["Args"], step["HadoopJarStep"]["Args"])

    def test_repeated_runs(self):
        outputs = self.create("shop", cfn.load("scheduled-run"), {"Schedule": "rate(1 day)", "NotificationEmail": "a@example.com"})
        machine = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"])
        self.assertEqual(machine["name"], "shop")

    def test_buckets_and_network(self):
        template = cfn.load("storage-and-network")
        # moto has no Fn::Cidr.
        for name, block in (("SubnetA", "10.64.0.0/22"), ("SubnetB", "10.64.4.0/22")):
            template["Resources"][name]["Properties"]["CidrBlock"] = block
        outputs = self.create("net", template)
        s3 = boto3.client("s3")
        bucket = outputs["OutputPrefix"].split("/")[2]
        rule, = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        self.assertEqual(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms")
        self.assertTrue(boto3.client("kms").get_key_rotation_status(KeyId=outputs["KeyArn"])["KeyRotationEnabled"])
        subnets = boto3.client("ec2").describe_subnets(SubnetIds=outputs["SubnetIds"].split(","))["Subnets"]
        self.assertEqual({subnet["VpcId"] for subnet in subnets}, {outputs["VpcId"]})
        self.assertEqual({subnet["CidrBlock"] for subnet in subnets}, {"10.64.0.0/22", "10.64.4.0/22"})

    def test_instance(self):
        template = cfn.load("single-instance")
        ec2 = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
        # moto does not look into the launch template for the image.
        image = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["x86_64"]}])["Images"][0]["ImageId"]
        template["Resources"]["Instance"]["Properties"]["ImageId"] = image
        outputs = self.create("one", template, {"VpcId": vpc, "SubnetIds": subnet})
        found = ec2.describe_launch_template_versions(LaunchTemplateId=outputs["LaunchTemplateId"])["LaunchTemplateVersions"]
        self.assertEqual(found[0]["LaunchTemplateData"]["MetadataOptions"]["HttpTokens"], "required")


if __name__ == "__main__":
    unittest.main()
