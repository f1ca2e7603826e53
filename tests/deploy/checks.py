"""What must hold of the templates: one function for each thing, which takes stacks and fails by an AssertionError.

templates_test.py runs them on the templates as they are, and on templates that were broken in one place, where the right one
must fail.
"""

import json
import re

import cfn

EMR_TAG = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
STEPS = ["data-preprocessing", "feature-engineering", "feature-engineering", "model-training"]
# Actions that IAM can't bind to a resource, and the key policy, where "*" is the key itself.
UNBOUND = {
    "elasticmapreduce:RunJobFlow",
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}


def equal(actual, expected, what):
    assert actual == expected, f"{what}: {actual!r} instead of {expected!r}"


def as_list(value):
    return value if isinstance(value, list) else [value]


def is_spark(stack):
    return stack.values["Engine"] == "spark"


# --- the cluster (spec, section 6) ----------------------------------------------------------------------------------


def cluster_of(stack):
    """The request of EMR's API by which a stack's cluster is made, steps left out, and the steps."""
    if stack.of_type("AWS::EMR::Cluster"):
        request = cfn.run_job_flow(stack.only("AWS::EMR::Cluster"))
        return request, request.pop("Steps")
    states = stack.only("AWS::StepFunctions::StateMachine")["Definition"]["States"]
    request = evaluate(states["Start the cluster"]["Parameters"])
    if "OsReleaseLabel" in request:
        request["OSReleaseLabel"] = request.pop("OsReleaseLabel")
    steps = [state["Parameters"]["Step"] for state in states.values() if ":addStep" in state.get("Resource", "")]
    return request, steps


def evaluate(node):
    """The value of a task's parameters as far as the templates need it: numbers that come from text."""
    if isinstance(node, list):
        return [evaluate(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {}
    for key, value in node.items():
        if key.endswith(".$"):
            number = re.fullmatch(r"States\.StringToJson\('([0-9]+)'\)", value)
            result[key[:-2]] = int(number[1]) if number else value
        else:
            result[key] = evaluate(value)
    return result


def release_label(stack):
    request, _ = cluster_of(stack)
    parameter = stack.template["Parameters"]["ReleaseLabel"]
    equal(parameter["Default"], "emr-spark-8.1.0", "the default of ReleaseLabel")
    equal(parameter["AllowedValues"], ["emr-spark-8.1.0", "emr-spark-8.0.0"], "the values of ReleaseLabel")
    equal(request["ReleaseLabel"], stack.values["ReleaseLabel"], "ReleaseLabel")
    pinned = stack.values["OsReleaseLabel"]
    equal(request.get("OSReleaseLabel"), pinned or None, "OSReleaseLabel")


def applications(stack):
    request, _ = cluster_of(stack)
    equal(request["Applications"], [{"Name": "Spark"}], "Applications")


def life(stack):
    request, _ = cluster_of(stack)
    instances = request["Instances"]
    # The state machine terminates its clusters itself.
    stays = not stack.of_type("AWS::EMR::Cluster") or stack.values.get("Workbench") == "true"
    equal(instances["KeepJobFlowAliveWhenNoSteps"], stays, "KeepJobFlowAliveWhenNoSteps")
    equal(instances["TerminationProtected"], False, "TerminationProtected")
    equal(instances.get("UnhealthyNodeReplacement"), True if is_spark(stack) else None, "UnhealthyNodeReplacement")
    equal(request["AutoTerminationPolicy"], {"IdleTimeout": 3600}, "AutoTerminationPolicy")
    equal(request["ScaleDownBehavior"], "TERMINATE_AT_TASK_COMPLETION", "ScaleDownBehavior")
    equal(request.get("StepConcurrencyLevel", 1), 1, "StepConcurrencyLevel")


def fleets(stack):
    request, _ = cluster_of(stack)
    instances = request["Instances"]
    for key in ("MasterInstanceType", "SlaveInstanceType", "InstanceCount", "InstanceGroups", "Ec2SubnetId"):
        assert key not in instances, f"{key} beside fleets"
    assert not any(key.endswith("InstanceGroup") for key in instances), "groups beside fleets"
    by_kind = {fleet["InstanceFleetType"]: fleet for fleet in instances["InstanceFleets"]}
    equal(list(by_kind), ["MASTER", "CORE", "TASK"] if is_spark(stack) else ["MASTER"], "the fleets")
    equal(by_kind["MASTER"]["TargetOnDemandCapacity"], 1, "primary nodes")
    assert "TargetSpotCapacity" not in by_kind["MASTER"], "the primary node on Spot"
    for kind, fleet in by_kind.items():
        names = [config["InstanceType"] for config in fleet["InstanceTypeConfigs"]]
        assert 3 <= len(set(names)) == len(names) <= 5, f"{kind}: {names}"
        arm = [bool(re.match(r"[a-z]+[0-9]+g", name)) for name in names]
        equal(set(arm), {stack.values["Architecture"] == "arm64"}, f"{kind}: {names}, on arm64")
        equal({name.split(".")[1] for name in names}, {stack.values["InstanceSize"]}, f"{kind}: sizes")
        # Memory for each core is what the letter says.
        equal({name[0] for name in names}, {"m"}, f"{kind}: kinds")
        specifications = fleet["LaunchSpecifications"]
        if kind == "TASK":
            assert fleet["TargetSpotCapacity"] >= 1 and "TargetOnDemandCapacity" not in fleet, "task nodes not on Spot"
            spot = specifications["SpotSpecification"]
            equal(spot["AllocationStrategy"], "price-capacity-optimized", "the strategy of Spot")
            equal(spot["TimeoutAction"], "SWITCH_TO_ON_DEMAND", "TimeoutAction")
            assert 5 <= spot["TimeoutDurationMinutes"] <= 1440, "TimeoutDurationMinutes"
        else:
            assert fleet["TargetOnDemandCapacity"] >= 1, f"{kind} not on demand"
            strategy = specifications["OnDemandSpecification"]["AllocationStrategy"]
            assert strategy in ("lowest-price", "prioritized"), strategy
        if kind != "MASTER":
            equal({config["WeightedCapacity"] for config in fleet["InstanceTypeConfigs"]}, {1}, f"{kind}: weights")
    equal(request["EbsRootVolumeSize"] <= 100, True, "the size of the root volume within EMR's limit")


def scaling(stack):
    request, _ = cluster_of(stack)
    if not is_spark(stack):
        assert "ManagedScalingPolicy" not in request, "scaling of one node"
        return
    limits = request["ManagedScalingPolicy"]["ComputeLimits"]
    equal(limits["UnitType"], "InstanceFleetUnits", "UnitType")
    core = next(f for f in request["Instances"]["InstanceFleets"] if f["InstanceFleetType"] == "CORE")
    count = core["TargetOnDemandCapacity"]
    equal(limits["MinimumCapacityUnits"], count, "MinimumCapacityUnits")
    equal(limits["MaximumCoreCapacityUnits"], count, "MaximumCoreCapacityUnits: growth goes to task nodes")
    equal(limits["MaximumOnDemandCapacityUnits"], count, "MaximumOnDemandCapacityUnits: growth goes to Spot")
    equal(limits["MaximumCapacityUnits"], int(stack.values["MaxWorkers"]), "MaximumCapacityUnits")
    assert int(stack.template["Parameters"]["MaxWorkers"]["MinValue"]) > count, "a limit without room for task nodes"


def logs(stack):
    request, _ = cluster_of(stack)
    equal(request["LogUri"], stack.values["LogPrefix"] + "/", "LogUri")
    equal(request["LogEncryptionKmsKeyId"], stack.values["KeyArn"], "LogEncryptionKmsKeyId")


def left_out(stack):
    request, _ = cluster_of(stack)
    for key in ("VisibleToAllUsers", "AutoScalingRole", "SessionEnabled", "CustomAmiId", "KerberosAttributes"):
        assert key not in request, f"{key} is there"
    assert "Ec2KeyName" not in request["Instances"], "a key pair"


def tags(stack):
    request, _ = cluster_of(stack)
    assert EMR_TAG in request["Tags"], request["Tags"]


def network_of_cluster(stack):
    request, _ = cluster_of(stack)
    instances = request["Instances"]
    equal(instances["Ec2SubnetIds"], stack.values["SubnetIds"], "Ec2SubnetIds")
    groups = ["EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "ServiceAccessSecurityGroup"]
    named = [instances.get(key) for key in groups]
    equal(named, ["<PrimaryGroup.GroupId>", "<WorkerGroup.GroupId>", "<ServiceGroup.GroupId>"], "the groups, all of this stack")


def roles_of_cluster(stack):
    request, _ = cluster_of(stack)
    equal(request["ServiceRole"], "<ServiceRole>", "ServiceRole")
    equal(request["JobFlowRole"], "<InstanceProfile>", "JobFlowRole")
    equal(stack.resources["InstanceProfile"]["Properties"]["Roles"], ["<InstanceRole>"], "the profile's role")
    equal(request["SecurityConfiguration"], "<SecurityConfiguration>", "SecurityConfiguration")


def bootstrap(stack):
    request, _ = cluster_of(stack)
    action, = request["BootstrapActions"]
    values = stack.values
    script = action["ScriptBootstrapAction"]
    equal(script["Path"], f"{values['ArtifactPrefix']}/bootstrap-{values['BootstrapSha256']}.sh", "the bootstrap script")
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[values["Architecture"]]
    package = f"{values['ArtifactPrefix']}/firesteel-{values['PackageVersion']}-linux-{machine}.tar.gz"
    wanted = ["--artifact", package, "--sha256", values["ArtifactSha256"], "--prefix", "/opt/firesteel"]
    equal(script["Args"], wanted, "the arguments of the bootstrap script")


def s3a_encryption(stack):
    request, _ = cluster_of(stack)
    wanted = {"fs.s3a.encryption.algorithm": "SSE-KMS", "fs.s3a.encryption.key": stack.values["KeyArn"]}
    if is_spark(stack):
        equal(request["Configurations"], [{"Classification": "core-site", "Properties": wanted}], "Configurations")
    else:
        assert "Configurations" not in request, "settings of Spark without Spark"


def create_order(stack):
    """The rules of the groups are there before EMR looks, and go after the cluster."""
    name = "Cluster" if "Cluster" in stack.resources else "Run"
    rules = [*stack.of_type("AWS::EC2::SecurityGroupIngress"), *stack.of_type("AWS::EC2::SecurityGroupEgress")]
    equal(sorted(stack.resources[name]["DependsOn"]), sorted(rules), f"what {name} waits for")


# --- the steps (section 5) ------------------------------------------------------------------------------------------


def steps(stack):
    _, found = cluster_of(stack)
    equal([step["HadoopJarStep"]["Args"][1] for step in found], STEPS, "the steps, in order")
    out = stack.values["OutputPrefix"]
    source = stack.values["InputPrefix"]
    paths = [
        {
            "--shipping-logs": f"{source}/shipping_logs",
            "--product-description": f"{source}/product_descriptions",
            "--output": f"{out}/data_preprocessing",
        },
        {"--dataframe": f"{out}/data_preprocessing/training", "--output": f"{out}/feature_engineering/training"},
        {
            "--dataframe": f"{out}/data_preprocessing/validation",
            "--pipeline-model": f"{out}/feature_engineering/training/pipeline_model",
            "--output": f"{out}/feature_engineering/validation",
        },
        {
            "--training-dataset": f"{out}/feature_engineering/training/dataframe",
            "--validation-dataset": f"{out}/feature_engineering/validation/dataframe",
            "--output": f"{out}/model_training",
            "--model-type": stack.values["ModelType"],
            "--model-params": stack.values["ModelParams"],
        },
    ]
    engine = {"--engine": "duckdb"}
    if is_spark(stack):
        engine = {"--engine": "spark", "--spark-remote": "local", "--spark-master": "yarn"}
    common = {"--s3-region": stack.pseudo["AWS::Region"], "--s3-kms-key-id": stack.values["KeyArn"], **engine}
    for step, flags in zip(found, paths):
        jar = step["HadoopJarStep"]
        equal(jar["Jar"], "command-runner.jar", "Jar")
        equal(jar["Args"][0], "/opt/firesteel/bin/firesteel", "the program")
        rest = jar["Args"][2:]
        equal(dict(zip(rest[::2], rest[1::2])), {**flags, **common}, f"{step['Name']}: flags")
        equal(len(rest), 2 * len({**flags, **common}), f"{step['Name']}: the number of arguments")


def step_failures(stack):
    _, found = cluster_of(stack)
    for step in found:
        action = step["ActionOnFailure"]
        equal(action, stack.values.get("ActionOnFailure", "CANCEL_AND_WAIT"), f"{step['Name']}: ActionOnFailure")
        assert action in ("CANCEL_AND_WAIT", "TERMINATE_CLUSTER"), f"{step['Name']}: {action}"
    if "ActionOnFailure" in stack.template["Parameters"]:
        parameter = stack.template["Parameters"]["ActionOnFailure"]
        equal(parameter["Default"], "CANCEL_AND_WAIT", "the default of ActionOnFailure")
        equal(parameter["AllowedValues"], ["CANCEL_AND_WAIT", "TERMINATE_CLUSTER"], "the values of ActionOnFailure")


def step_size(stack):
    """EMR's limit, whatever the parameters are: each as long as it may be."""
    _, found = cluster_of(stack)
    for step in found:
        texts = [value for _, value in cfn.walk(step) if isinstance(value, str)]
        assert sum(map(len, texts)) < 10240, f"{step['Name']}: {sum(map(len, texts))} characters"


# --- encryption and the metadata service (section 9) -----------------------------------------------------------------


def security_configuration(stack):
    key = stack.values["KeyArn"]
    archive = stack.values["CertificateArchive"]
    certificates = {"CertificateProviderType": "EMR"}
    if archive:
        certificates = {"CertificateProviderType": "PEM", "S3Object": f"{stack.values['ArtifactPrefix']}/{archive}"}
    wanted = {
        "EncryptionConfiguration": {
            "EnableAtRestEncryption": True,
            "AtRestEncryptionConfiguration": {
                "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": key},
                "LocalDiskEncryptionConfiguration": {
                    "EncryptionKeyProviderType": "AwsKms",
                    "AwsKmsKey": key,
                    "EnableEbsEncryption": True,
                },
            },
            "EnableInTransitEncryption": True,
            "InTransitEncryptionConfiguration": {"TLSCertificateConfiguration": certificates},
        },
        "InstanceMetadataServiceConfiguration": {
            "MinimumInstanceMetadataServiceVersion": 2,
            "HttpPutResponseHopLimit": 1,
        },
    }
    equal(stack.only("AWS::EMR::SecurityConfiguration")["SecurityConfiguration"], wanted, "the security configuration")


# --- permissions (section 7) ----------------------------------------------------------------------------------------


def statements(stack, role=None):
    """(where, statement) of all policies of roles, or of one."""
    for name, resource in stack.of_type("AWS::IAM::Role").items():
        if role in (None, name):
            for policy in resource["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    yield f"{name}, {statement['Sid']}", statement


def by_sid(stack, role):
    found = [statement for _, statement in statements(stack, role)]
    names = [statement["Sid"] for statement in found]
    assert len(set(names)) == len(names), f"{role}: {names}"
    return dict(zip(names, found))


def arn(stack, url, suffix=""):
    return f"arn:{stack.pseudo['AWS::Partition']}:s3:::" + url.removeprefix("s3://") + suffix


def bucket_arn(stack, url):
    return arn(stack, "s3://" + url.split("/")[2])


def key_of(url):
    return url.split("/", 3)[3]


def service_role(stack):
    role = stack.resources["ServiceRole"]["Properties"]
    pseudo = stack.pseudo
    equal(
        role["ManagedPolicyArns"],
        [f"arn:{pseudo['AWS::Partition']}:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"],
        "the service role's managed policies",
    )
    trust, = role["AssumeRolePolicyDocument"]["Statement"]
    equal(trust["Principal"], {"Service": f"elasticmapreduce.{pseudo['AWS::URLSuffix']}"}, "who takes the service role")
    source = f"arn:{pseudo['AWS::Partition']}:elasticmapreduce:{pseudo['AWS::Region']}:{pseudo['AWS::AccountId']}:*"
    equal(
        trust["Condition"],
        {"StringEquals": {"aws:SourceAccount": pseudo["AWS::AccountId"]}, "ArnLike": {"aws:SourceArn": source}},
        "the condition of the service role's trust",
    )
    sids = by_sid(stack, "ServiceRole")
    equal(
        sids["PassTheInstanceRole"],
        {
            "Sid": "PassTheInstanceRole",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "<InstanceRole.Arn>",
            "Condition": {"StringEquals": {"iam:PassedToService": f"ec2.{pseudo['AWS::URLSuffix']}"}},
        },
        "PassRole of the service role",
    )
    equal(sids["UseTheKey"]["Resource"], stack.values["KeyArn"], "the service role's key")
    grant = sids["GrantTheKeyToDisks"]
    equal((grant["Action"], grant["Resource"]), ("kms:CreateGrant", stack.values["KeyArn"]), "grants")
    equal(grant["Condition"], {"Bool": {"kms:GrantIsForAWSResource": "true"}}, "the condition of grants")
    endpoint = {"MakeTheEndpoint", "UseTaggedNetworkForTheEndpoint", "TagTheEndpoint"}
    made = stack.values["EmrEndpoint"] == "made-by-emr"
    equal(set(sids), {"PassTheInstanceRole", "UseTheKey", "GrantTheKeyToDisks"} | (endpoint if made else set()), "the statements")
    if made:
        tag = {"for-use-with-amazon-emr-managed-policies": "true"}
        equal(sids["MakeTheEndpoint"]["Action"], "ec2:CreateVpcEndpoint", "MakeTheEndpoint")
        equal(
            sids["MakeTheEndpoint"]["Condition"],
            {"StringEquals": {f"aws:RequestTag/{name}": value for name, value in tag.items()}},
            "MakeTheEndpoint",
        )
        used = sids["UseTaggedNetworkForTheEndpoint"]
        equal(used["Action"], ["ec2:CreateVpcEndpoint", "ec2:ModifyVpcEndpoint"], "UseTaggedNetworkForTheEndpoint")
        equal(
            used["Condition"],
            {"StringEquals": {f"aws:ResourceTag/{name}": value for name, value in tag.items()}},
            "UseTaggedNetworkForTheEndpoint",
        )
        equal(sids["TagTheEndpoint"]["Condition"], {"StringEquals": {"ec2:CreateAction": "CreateVpcEndpoint"}}, "TagTheEndpoint")


def instance_role(stack):
    values = stack.values
    source, out, log, artifact = (values[f"{name}Prefix"] for name in ("Input", "Output", "Log", "Artifact"))
    wanted = {
        "ReadInputAndPackage": ("Allow", ["s3:GetObject"], [arn(stack, source, "/*"), arn(stack, artifact, "/*")], None),
        "ReadAndWriteOutput": (
            "Allow",
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [arn(stack, out, "/*")],
            None,
        ),
        "WriteLogs": ("Allow", ["s3:PutObject"], [arn(stack, log, "/*")], None),
        "ListInput": (
            "Allow",
            ["s3:ListBucket"],
            [bucket_arn(stack, source)],
            {"StringLike": {"s3:prefix": key_of(source) + "/*"}},
        ),
        "ListOutput": (
            "Allow",
            ["s3:ListBucket"],
            [bucket_arn(stack, out)],
            {"StringLike": {"s3:prefix": key_of(out) + "/*"}},
        ),
        "ListUploads": ("Allow", ["s3:ListBucketMultipartUploads"], [bucket_arn(stack, out)], None),
        "LocateBuckets": (
            "Allow",
            ["s3:GetBucketLocation"],
            [bucket_arn(stack, url) for url in (source, out, artifact, log)],
            None,
        ),
        "UseTheKey": (
            "Allow",
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"],
            [values["KeyArn"]],
            None,
        ),
        "NeverWriteThePackage": (
            "Deny",
            ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            [arn(stack, artifact, "/*")],
            None,
        ),
    }
    found = {
        sid: (one["Effect"], as_list(one["Action"]), as_list(one["Resource"]), one.get("Condition"))
        for sid, one in by_sid(stack, "InstanceRole").items()
    }
    for sid in wanted:
        equal(found.get(sid), wanted[sid], f"the instance role, {sid}")
    equal(set(found), set(wanted), "the statements of the instance role")
    managed = stack.resources["InstanceRole"]["Properties"].get("ManagedPolicyArns")
    sessions = stack.values.get("SessionManager") == "true"
    ssm = [f"arn:{stack.pseudo['AWS::Partition']}:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    equal(managed, ssm if sessions else None, "managed policies of the instance role")
    trust, = stack.resources["InstanceRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    equal(trust["Principal"], {"Service": f"ec2.{stack.pseudo['AWS::URLSuffix']}"}, "who takes the instance role")


def no_wildcards(stack):
    """No action and no resource is '*', but for actions that can't be bound; nobody may do everything of a service."""
    for where, statement in statements(stack):
        actions = as_list(statement["Action"])
        for action in actions:
            assert "*" not in action, f"{where}: {action}"
        if "*" in as_list(statement["Resource"]):
            assert set(actions) <= UNBOUND, f"{where}: {sorted(set(actions) - UNBOUND)} on everything"
        assert "NotAction" not in statement and "NotResource" not in statement, where


def nothing_of_emr_on_instances(stack):
    for where, statement in statements(stack, "InstanceRole"):
        for action in as_list(statement["Action"]):
            assert action.split(":")[0] in ("s3", "kms"), f"{where}: {action}"


def passed_roles(stack):
    for where, statement in statements(stack):
        if "iam:PassRole" in as_list(statement["Action"]):
            equal(as_list(statement["Action"]), ["iam:PassRole"], where)
            assert re.fullmatch(r"<(Instance|Service)Role\.Arn>", statement["Resource"]), f"{where}: {statement['Resource']}"
            assert set(statement["Condition"]["StringEquals"]) == {"iam:PassedToService"}, where


def trusts(stack):
    """Services that act for others say for whom."""
    for name, role in stack.of_type("AWS::IAM::Role").items():
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            service = statement["Principal"]["Service"]
            assert statement["Action"] == "sts:AssumeRole", name
            if not service.startswith("ec2."):
                equal(
                    statement["Condition"]["StringEquals"]["aws:SourceAccount"], stack.pseudo["AWS::AccountId"], f"{name}: {service}"
                )


def policy_versions(stack):
    for path, node in cfn.walk(stack.resources):
        if path and path[-1] in ("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy"):
            equal(node["Version"], "2012-10-17", "/".join(map(str, path)))


# --- the network (section 8) ----------------------------------------------------------------------------------------


def groups(stack):
    """The groups of a cluster: its nodes reach one another, EMR's endpoint, and 443 and 80; nobody else reaches them."""
    found = stack.of_type("AWS::EC2::SecurityGroup")
    equal(sorted(found), ["PrimaryGroup", "ServiceGroup", "WorkerGroup"], "the groups")
    for name, group in found.items():
        properties = group["Properties"]
        assert EMR_TAG in properties["Tags"], f"{name} has not EMR's tag"
        assert "SecurityGroupIngress" not in properties, f"{name}: rules within the group keep it from being deleted"
        assert properties["SecurityGroupEgress"], f"{name} would be allowed everything"
        for rule in properties["SecurityGroupEgress"]:
            assert rule["IpProtocol"] == "tcp" and rule["FromPort"] == rule["ToPort"] in (80, 443), f"{name}: {rule}"
    ingress = {
        (one["GroupId"], one["SourceSecurityGroupId"], one["IpProtocol"], one["FromPort"], one["ToPort"])
        for one in (rule["Properties"] for rule in stack.of_type("AWS::EC2::SecurityGroupIngress").values())
    }
    nodes = ["<PrimaryGroup.GroupId>", "<WorkerGroup.GroupId>"]
    wanted = {
        (to, source, protocol, low, high)
        for to in nodes
        for source in nodes
        for protocol, low, high in (("tcp", 0, 65535), ("udp", 0, 65535), ("icmp", -1, -1))
    } | {("<ServiceGroup.GroupId>", source, "tcp", 443, 443) for source in nodes}
    equal(ingress, wanted, "the rules of the groups")
    egress = {
        (one["GroupId"], one["DestinationSecurityGroupId"], one["IpProtocol"])
        for one in (rule["Properties"] for rule in stack.of_type("AWS::EC2::SecurityGroupEgress").values())
    }
    equal(egress, {(source, to, "-1") for source in nodes for to in nodes}, "the outbound rules of the groups")
    out = stack.resources["PrimaryGroup"]["Properties"]["SecurityGroupEgress"]
    assert any(rule["FromPort"] == 443 for rule in out), "the primary node can't reach EMR's endpoint"


def no_way_in(stack):
    """No rule lets anybody in from an address, but for the endpoints from within the VPC; no port 22."""
    rules = [r["Properties"] for r in stack.of_type("AWS::EC2::SecurityGroupIngress").values()]
    for group in stack.of_type("AWS::EC2::SecurityGroup").values():
        rules += group["Properties"].get("SecurityGroupIngress", [])
    for rule in rules:
        assert "CidrIpv6" not in rule, rule
        if "CidrIp" in rule:
            equal((rule["CidrIp"], rule["FromPort"], rule["ToPort"]), (stack.values.get("VpcCidr"), 443, 443), "a rule")


# --- all templates --------------------------------------------------------------------------------------------------


def partition_neutral(stack):
    """Resolved for China, nothing names AWS's own partition or domain."""
    if stack.pseudo["AWS::Partition"] == "aws":
        return
    for path, node in cfn.walk(stack.resources):
        if isinstance(node, str) and "arn:" in node:
            assert not re.search(r"arn:aws:(?!kms:eu-central-1)", node), f"{'/'.join(map(str, path))}: {node}"


def no_fixed_arns(template):
    for path, node in cfn.walk(template):
        if isinstance(node, str) and path[0] != "Metadata" and path[-1] != "AllowedPattern":
            assert not re.search(r"arn:(aws|\*)", node), f"{'/'.join(map(str, path))}: {node}"


def parameters(template):
    """Few, typed, described, constrained, and all of them used and grouped."""
    found = template["Parameters"]
    assert len(found) <= 24, f"{len(found)} parameters"
    text = json.dumps({key: value for key, value in template.items() if key not in ("Parameters", "Metadata")})
    groups_of = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups_of for name in group["Parameters"]]
    equal(sorted(grouped), sorted(found), "the parameters of the groups")
    for name, parameter in found.items():
        assert len(parameter["Description"]) > 9, f"{name}: no description"
        kind = parameter["Type"]
        bound = {"AllowedValues", "AllowedPattern"} if kind == "String" else {"MinValue"} if kind == "Number" else set()
        assert not bound or bound & set(parameter), f"{name}: anything is allowed"
        if kind == "Number":
            assert "MaxValue" in parameter, f"{name}: no largest value"
        if "AllowedPattern" in parameter:
            assert "ConstraintDescription" in parameter, f"{name}: no description of what is allowed"
            assert parameter["AllowedPattern"].startswith("^") and parameter["AllowedPattern"].endswith("$"), name
        used = re.search(rf'"Ref": "{name}"|\$\{{{name}\}}|"Fn::ValueOf": \["{name}"', text)
        assert used, f"{name} is used nowhere"


def outputs(stack):
    template = stack.template
    for name, output in template["Outputs"].items():
        assert output["Description"], name
    for name in ("OutputPrefix", "KeyArn"):
        assert stack.outputs[name], name
    assert any("log" in name.lower() for name in stack.outputs), "no output says where the logs are"


def outputs_of_cluster(stack):
    values = stack.values
    wanted = {
        "ClusterId": "<Cluster>",
        "OutputPrefix": values["OutputPrefix"],
        "LogPrefix": values["LogPrefix"] + "/<Cluster>",
        "KeyArn": values["KeyArn"],
    }
    equal(stack.outputs, wanted, "the outputs")


def no_secrets(template):
    for path, node in cfn.walk(template):
        if isinstance(node, str):
            assert not re.search(r"AKIA[0-9A-Z]{16}|secretsmanager:[a-z0-9-]+:[0-9]{12}", node), path
    for name in template["Parameters"]:
        assert not re.search(r"(?i)password|secret|token|accesskey", name), name


# --- buckets, key and network ---------------------------------------------------------------------------------------


def buckets(stack):
    found = stack.of_type("AWS::S3::Bucket")
    equal(sorted(found), ["ArtifactBucket", "DataBucket", "LogBucket"], "the buckets")
    policies = {p["Properties"]["Bucket"]: p["Properties"]["PolicyDocument"] for p in stack.of_type("AWS::S3::BucketPolicy").values()}
    for name, bucket in found.items():
        equal((bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]), ("Retain", "Retain"), f"{name}: what a deletion does")
        properties = bucket["Properties"]
        encryption, = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key.Arn>"}
        equal(encryption, {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": default}, f"{name}: encryption")
        equal(set(properties["PublicAccessBlockConfiguration"].values()), {True}, f"{name}: public access")
        equal(len(properties["PublicAccessBlockConfiguration"]), 4, f"{name}: public access")
        equal(properties["VersioningConfiguration"], {"Status": "Enabled"}, f"{name}: versions")
        equal(properties["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}], f"{name}: owner")
        rules = properties["LifecycleConfiguration"]["Rules"]
        equal({rule["Status"] for rule in rules}, {"Enabled"}, f"{name}: lifecycle")
        aborts = [rule["AbortIncompleteMultipartUpload"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
        equal(aborts, [{"DaysAfterInitiation": 1}], f"{name}: uploads that were left open")
        expired = [int(rule["ExpirationInDays"]) for rule in rules if "ExpirationInDays" in rule]
        equal(expired, [int(stack.values["LogDays"])] if name == "LogBucket" else [], f"{name}: days")
        old = [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules if "NoncurrentVersionExpiration" in rule]
        equal(list(map(int, old)), [int(stack.values["OldVersionDays"])], f"{name}: days of old versions")
        bucket_policy(name, {s["Sid"]: s for s in policies[f"<{name}>"]["Statement"]})


def bucket_policy(name, sids):
    all_of_it = [f"<{name}.Arn>", f"<{name}.Arn>/*"]
    wanted = {
        "OnlyTls": (["s3:*"], all_of_it, {"Bool": {"aws:SecureTransport": "false"}}),
        "OnlyTls12": (["s3:*"], all_of_it, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        "NoOtherEncryption": (
            ["s3:PutObject"],
            all_of_it[1:],
            {
                "Null": {"s3:x-amz-server-side-encryption": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
            },
        ),
        "NoOtherKey": (
            ["s3:PutObject"],
            all_of_it[1:],
            {
                "Null": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "false"},
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "<Key.Arn>"},
            },
        ),
    }
    equal(set(sids), set(wanted), f"{name}: the statements of its policy")
    for sid, (actions, resources, condition) in wanted.items():
        one = sids[sid]
        equal((one["Effect"], one["Principal"]), ("Deny", "*"), f"{name}, {sid}")
        equal((as_list(one["Action"]), as_list(one["Resource"])), (actions, resources), f"{name}, {sid}")
        equal(one["Condition"], condition, f"{name}, {sid}")


def key(stack):
    resource = stack.resources["Key"]
    equal((resource["DeletionPolicy"], resource["UpdateReplacePolicy"]), ("Retain", "Retain"), "what a deletion does")
    properties = resource["Properties"]
    equal(properties["EnableKeyRotation"], True, "rotation")
    by_name = {one["Sid"]: one for one in properties["KeyPolicy"]["Statement"]}
    equal(set(by_name), {"IamDecides", "LogGroupsOfTheAccount", "SpotOfTheAccount", "SpotGrantsItToDisks"}, "the key's policy")
    pseudo = stack.pseudo
    root = f"arn:{pseudo['AWS::Partition']}:iam::{pseudo['AWS::AccountId']}:root"
    equal(by_name["IamDecides"]["Principal"], {"AWS": root}, "who may decide over the key")
    log = by_name["LogGroupsOfTheAccount"]
    groups_arn = f"arn:{pseudo['AWS::Partition']}:logs:{pseudo['AWS::Region']}:{pseudo['AWS::AccountId']}:log-group:*"
    equal(log["Condition"], {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups_arn}}, "the key for logs")
    role = root.replace(":root", ":role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    only = {"StringEquals": {"kms:CallerAccount": pseudo["AWS::AccountId"]}, "ArnEquals": {"aws:PrincipalArn": role}}
    equal(by_name["SpotOfTheAccount"]["Condition"], only, "the key for Spot")
    grants = by_name["SpotGrantsItToDisks"]
    equal(grants["Condition"], {**only, "Bool": {"kms:GrantIsForAWSResource": "true"}}, "grants for Spot")
    equal(grants["Action"], "kms:CreateGrant", "grants for Spot")
    for one in (log, by_name["SpotOfTheAccount"]):
        assert not any("*" in action or "Grant" in action for action in as_list(one["Action"])), f"the key, {one['Sid']}"


def private_network(stack):
    vpc = stack.only("AWS::EC2::VPC")
    assert vpc["EnableDnsSupport"] and vpc["EnableDnsHostnames"], "names of endpoints"
    assert EMR_TAG in vpc["Tags"], "the VPC has not EMR's tag"
    subnets = stack.of_type("AWS::EC2::Subnet")
    equal(len(subnets), 2, "subnets")
    equal(len({s["Properties"]["AvailabilityZone"] for s in subnets.values()}), 2, "zones")
    equal(len({s["Properties"]["CidrBlock"] for s in subnets.values()}), 2, "blocks of addresses")
    for name, subnet in subnets.items():
        assert EMR_TAG in subnet["Properties"]["Tags"], f"{name} has not EMR's tag"
        equal(subnet["Properties"]["MapPublicIpOnLaunch"], False, f"{name}: public addresses")
    routed = {r["Properties"]["SubnetId"] for r in stack.of_type("AWS::EC2::SubnetRouteTableAssociation").values()}
    equal(routed, {f"<{name}>" for name in subnets}, "subnets with the route table")
    for kind in ("InternetGateway", "NatGateway", "Route", "EgressOnlyInternetGateway"):
        assert not stack.of_type(f"AWS::EC2::{kind}"), f"a way to the internet: {kind}"


def s3_endpoint(stack):
    endpoint = stack.resources["S3Endpoint"]["Properties"]
    region = stack.pseudo["AWS::Region"]
    equal(endpoint["VpcEndpointType"], "Gateway", "the endpoint of S3")
    equal(endpoint["ServiceName"], f"com.amazonaws.{region}.s3", "the endpoint of S3")
    equal(endpoint["RouteTableIds"], ["<RouteTable>"], "the endpoint of S3")
    start = f"arn:{stack.pseudo['AWS::Partition']}:s3:::"
    ours, foreign = set(), {}
    for statement in endpoint["PolicyDocument"]["Statement"]:
        equal(statement["Effect"], "Allow", statement["Sid"])
        actions = as_list(statement["Action"])
        assert not any("*" in action for action in actions), statement["Sid"]
        for resource in as_list(statement["Resource"]):
            name = resource.removeprefix(start).split("/")[0]
            assert "*" not in name, f"{statement['Sid']}: {resource}"
            if name.startswith("<") or name == stack.values["InputBucket"]:
                ours.add(name)
                account = {"StringEquals": {"aws:PrincipalAccount": stack.pseudo["AWS::AccountId"]}}
                equal(statement["Condition"], account, statement["Sid"])
            else:
                foreign.setdefault(name, set()).update(actions)
    wanted = {f"<{name}Bucket.Arn>" for name in ("Data", "Artifact", "Log")}
    equal(ours, wanted | ({stack.values["InputBucket"]} - {""}), "our buckets")
    instance = "bucket-" if region == "ap-southeast-2" else ""
    names = {f"al2023-repos-{region}-de612dc2", f"repo.{region}.emr.amazonaws.com", f"cloudformation-waitcondition-{region}"}
    if stack.values["EmrEndpoints"] == "true":
        names |= {f"aws157-instance-data-{instance}{n}-prod-{region}" for n in (0, 1)}
        names |= {"aws157-logs-prod" if region == "us-east-1" else f"aws157-logs-prod-{region}", f"prod.{region}.appinfo.src"}
    equal(set(foreign), names, "AWS's own buckets")
    equal(foreign[f"al2023-repos-{region}-de612dc2"], {"s3:GetObject"}, "what is allowed of packages")
    equal(foreign[f"cloudformation-waitcondition-{region}"], {"s3:PutObject"}, "what is allowed of signals")


def interface_endpoints(stack):
    region = stack.pseudo["AWS::Region"]
    found = {}
    for name, endpoint in stack.of_type("AWS::EC2::VPCEndpoint").items():
        properties = endpoint["Properties"]
        if properties["VpcEndpointType"] == "Interface":
            found[properties["ServiceName"]] = properties
            equal(properties["PrivateDnsEnabled"], True, f"{name}: private names")
            equal(properties["SubnetIds"], ["<SubnetA>", "<SubnetB>"], f"{name}: subnets")
            equal(properties["SecurityGroupIds"], ["<EndpointGroup>"], f"{name}: group")
    wanted = set()
    if stack.values["EmrEndpoints"] == "true":
        wanted |= {f"aws.api.{region}.emr-service-cell01"}
        wanted |= {f"com.amazonaws.{region}.{name}" for name in ("kms", "sts", "secretsmanager")}
        assert EMR_TAG in found[f"aws.api.{region}.emr-service-cell01"]["Tags"], "EMR's endpoint has not EMR's tag"
    if stack.values["SessionEndpoints"] == "true":
        wanted |= {f"com.amazonaws.{region}.{name}" for name in ("ssm", "ssmmessages")}
    equal(set(found), wanted, "the interface endpoints")
    group = stack.resources["EndpointGroup"]["Properties"]
    rule, = group["SecurityGroupIngress"]
    equal((rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]), ("tcp", 443, 443, stack.values["VpcCidr"]), "443")
    assert EMR_TAG in group["Tags"], "the endpoints' group has not EMR's tag"


# --- repeated runs --------------------------------------------------------------------------------------------------


def run_role(stack):
    sids = by_sid(stack, "RunRole")
    pseudo = stack.pseudo
    cluster = f"arn:{pseudo['AWS::Partition']}:elasticmapreduce:{pseudo['AWS::Region']}:{pseudo['AWS::AccountId']}:cluster/*"
    own = pseudo["AWS::StackName"]
    equal(sids["StartClusters"]["Condition"], {"StringEquals": {"aws:RequestTag/firesteel-run": own}}, "StartClusters")
    work = sids["WorkWithItsClusters"]
    equal(work["Condition"], {"StringEquals": {"elasticmapreduce:ResourceTag/firesteel-run": own}}, "WorkWithItsClusters")
    equal((work["Resource"], sids["SetUpClusters"]["Resource"]), (cluster, cluster), "the clusters")
    equal(sids["PassTheServiceRole"]["Resource"], "<ServiceRole.Arn>", "PassTheServiceRole")
    equal(sids["PassTheInstanceRole"]["Resource"], "<InstanceRole.Arn>", "PassTheInstanceRole")
    metrics = arn(stack, stack.values["OutputPrefix"], "/model_training/validation/metrics.json")
    equal((sids["ReadTheMetrics"]["Action"], sids["ReadTheMetrics"]["Resource"]), ("s3:GetObject", metrics), "ReadTheMetrics")
    equal(sids["UseTheKey"]["Resource"], stack.values["KeyArn"], "UseTheKey")
    request, _ = cluster_of(stack)
    assert {"Key": "firesteel-run", "Value": own} in request["Tags"], "the tag that the role goes by"


def run_records(stack):
    machine = stack.only("AWS::StepFunctions::StateMachine")
    equal(machine["StateMachineType"], "STANDARD", "the type")
    logging = machine["LoggingConfiguration"]
    equal((logging["Level"], logging["IncludeExecutionData"]), ("ALL", True), "logging")
    log = stack.only("AWS::Logs::LogGroup")
    equal(log["KmsKeyId"], stack.values["KeyArn"], "the key of the log")
    assert log["RetentionInDays"] > 0, "the log is kept for ever"
    equal(stack.only("AWS::SNS::Topic")["KmsMasterKeyId"], stack.values["KeyArn"], "the key of the topic")


def schedule(stack):
    equal(len(stack.of_type("AWS::Scheduler::Schedule")), 1 if stack.values["Schedule"] else 0, "schedules")
    equal(len(stack.of_type("AWS::SNS::Subscription")), 1 if stack.values["NotificationEmail"] else 0, "subscriptions")
    if stack.values["Schedule"]:
        timer = stack.only("AWS::Scheduler::Schedule")
        equal(timer["ScheduleExpression"], stack.values["Schedule"], "when")
        equal((timer["Target"]["Arn"], timer["Target"]["RoleArn"]), ("<Run>", "<TimerRole.Arn>"), "what")
        start, = [statement for _, statement in statements(stack, "TimerRole")]
        equal((start["Action"], start["Resource"]), ("states:StartExecution", "<Run>"), "what the timer may do")


# --- one instance ---------------------------------------------------------------------------------------------------


def launch_template(stack):
    data = stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    equal(
        data["MetadataOptions"], {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}, "metadata"
    )
    equal(data["InstanceInitiatedShutdownBehavior"], "terminate", "what a shutdown does")
    assert "KeyName" not in data, "a key pair"
    image = "{{resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-" + stack.values["Architecture"] + "}}"
    equal(data["ImageId"], image, "the image")
    family = "m7g" if stack.values["Architecture"] == "arm64" else "m7i"
    equal(data["InstanceType"], f"{family}.{stack.values['InstanceSize']}", "the type")
    device, = data["BlockDeviceMappings"]
    disk = device["Ebs"]
    equal((disk["Encrypted"], disk["DeleteOnTermination"], disk["VolumeType"]), (True, True, "gp3"), "the disk")
    spot = stack.values["Market"] == "spot"
    equal(disk["KmsKeyId"], stack.values["KeyArn"], "the key of the disk")
    market = {
        "MarketType": "spot",
        "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
    }
    equal(data.get("InstanceMarketOptions"), market if spot else None, "Spot")
    equal(data["SecurityGroupIds"], ["<Group.GroupId>"], "the group")
    equal(data["IamInstanceProfile"], {"Arn": "<InstanceProfile.Arn>"}, "the profile")
    group = stack.only("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group, "somebody may call the instance"
    rule, = group["SecurityGroupEgress"]
    equal((rule["FromPort"], rule["ToPort"]), (443, 443), "what the instance may call")


def one_instance(stack):
    instance = stack.only("AWS::EC2::Instance")
    equal(instance["SubnetId"], stack.values["SubnetIds"][0], "the subnet")
    equal(
        instance["LaunchTemplate"],
        {"LaunchTemplateId": "<LaunchTemplate>", "Version": "<LaunchTemplate.LatestVersionNumber>"},
        "the launch template",
    )
    wait = stack.only("AWS::CloudFormation::WaitCondition")
    equal((wait["Handle"], wait["Timeout"], wait["Count"]), ("<Signal>", stack.values["TimeLimit"], 1), "what the stack waits for")
    assert len(stack.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]) < 16384, "EC2's limit of user data"


CLUSTER = [
    release_label,
    applications,
    life,
    fleets,
    scaling,
    logs,
    left_out,
    tags,
    network_of_cluster,
    roles_of_cluster,
    bootstrap,
    s3a_encryption,
    create_order,
    steps,
    step_failures,
    step_size,
    security_configuration,
    service_role,
    nothing_of_emr_on_instances,
    groups,
]
EVERYWHERE = [no_wildcards, passed_roles, trusts, policy_versions, partition_neutral, no_way_in, outputs]
STACK_CHECKS = {
    "emr-cluster": [*CLUSTER, instance_role, outputs_of_cluster, *EVERYWHERE],
    "scheduled-run": [*CLUSTER, instance_role, run_role, run_records, schedule, *EVERYWHERE],
    "single-instance": [instance_role, nothing_of_emr_on_instances, launch_template, one_instance, *EVERYWHERE],
    "storage-and-network": [buckets, key, private_network, s3_endpoint, interface_endpoints, *EVERYWHERE],
}
TEMPLATE_CHECKS = [no_fixed_arns, parameters, no_secrets]
