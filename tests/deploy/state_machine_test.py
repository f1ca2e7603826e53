"""The state machine of scheduled-run.yaml: its shape, and what it does when things go wrong, as moto's interpreter runs it.

usage: state_machine_test.py
"""

import copy
import json
import logging
import os
import time
import unittest

os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")

import boto3  # noqa: E402
import moto  # noqa: E402
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (  # noqa: E402
    state_task_service_unsupported as unsupported,
)
from moto.stepfunctions.parser.backend import execution_worker  # noqa: E402
from moto.stepfunctions.parser.mocking import mock_config  # noqa: E402

import cfn  # noqa: E402

STEPS = [
    "Data preprocessing",
    "Feature engineering (training)",
    "Feature engineering (validation)",
    "Model training",
]
TERMINATE = "Terminate the cluster"
ENDS = {"Succeed", "Fail"}


def definition(row=None):
    return cfn.Stack("scheduled-run", row).only("AWS::StepFunctions::StateMachine")["Definition"]


def ways_out(state):
    """(to, whether by an error) of all transitions."""
    for choice in state.get("Choices", []):
        yield choice["Next"], False
    for catch in state.get("Catch", []):
        yield catch["Next"], True
    for key in ("Next", "Default"):
        if key in state:
            yield state[key], False


def shape_problems(machine):
    states = machine["States"]
    problems = []
    reached, todo = set(), [machine["StartAt"]]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        if name not in states:
            problems.append(f"{name}: there is no such state")
            continue
        reached.add(name)
        todo += [to for to, _ in ways_out(states[name])]
    problems += [f"{name}: is never reached" for name in sorted(set(states) - reached)]
    for name, state in states.items():
        if len(name) > 80:
            problems.append(f"{name}: is too long a name")
        if state["Type"] in ENDS:
            continue
        if not any(True for _ in ways_out(state)):
            problems.append(f"{name}: leads nowhere")
        if state["Type"] == "Task":
            if [catch["ErrorEquals"] for catch in state.get("Catch", [])] != [["States.ALL"]]:
                problems.append(f"{name}: does not catch all errors")
            if "TimeoutSeconds" not in state:
                problems.append(f"{name}: may take for ever")
    problems += [f"{name}: has a cluster and ends without {TERMINATE}" for name in sorted(unterminated(states))]
    if "TimeoutSeconds" in machine:
        problems.append("a limit for the whole ends a run without terminating the cluster")
    return problems


def unterminated(states):
    """The ends that are reached from a cluster that was started without passing the state that terminates it."""
    todo, seen = [to for to, is_error in ways_out(states["Start the cluster"]) if not is_error], set()
    while todo:
        name = todo.pop()
        if name in seen or name == TERMINATE or name not in states:
            continue
        seen.add(name)
        todo += [to for to, _ in ways_out(states[name])]
    return {name for name in seen if states[name]["Type"] in ENDS}


class Shape(unittest.TestCase):
    def test_shape(self):
        for row in ({}, {"Engine": "spark"}):
            self.assertEqual(shape_problems(definition(row)), [])

    def test_the_steps_follow_one_another(self):
        states = definition()["States"]
        for name, following in zip(["Start the cluster", *STEPS], [*STEPS, "Read the metrics"]):
            self.assertEqual(states[name]["Next"], following)
        for name in STEPS:
            self.assertTrue(states[name]["Resource"].endswith(":addStep.sync"), name)
            self.assertEqual(states[name]["Parameters"]["Step"]["Name"], name)
        self.assertTrue(states[TERMINATE]["Resource"].endswith(":terminateCluster"))
        self.assertEqual(states[TERMINATE]["Retry"][0]["ErrorEquals"], ["States.ALL"])

    def test_faults_are_noticed(self):
        def change(words, edit):
            machine = definition()
            edit(machine)
            self.assertTrue(any(words in problem for problem in shape_problems(machine)), shape_problems(machine))

        change("does not catch", lambda m: m["States"]["Model training"].pop("Catch"))
        change("for ever", lambda m: m["States"]["Model training"].pop("TimeoutSeconds"))
        change("ends without", lambda m: m["States"]["Model training"]["Catch"][0].update(Next="Failed"))
        change("ends without", lambda m: m["States"]["Read the metrics"].update(Next="Done"))
        change("never reached", lambda m: m["States"]["Data preprocessing"].update(Next="Model training"))
        change("no such state", lambda m: m["States"]["Data preprocessing"].update(Next="Gone"))
        change("leads nowhere", lambda m: m["States"]["Begin"].pop("Next"))
        change("limit for the whole", lambda m: m.update(TimeoutSeconds=3600))


class Throw:
    def __init__(self, error, cause="because"):
        self.error, self.cause = error, cause


def responses(state, answers):
    mocked = []
    for index, answer in enumerate(answers):
        if isinstance(answer, Throw):
            mocked.append(mock_config.MockedResponseThrow(index, index, answer.error, answer.cause))
        else:
            mocked.append(mock_config.MockedResponseReturn(index, index, answer))
    return mock_config.StateMockedResponses(state, state, mocked)


# What each task answers if all goes well.
WELL = {
    "Look for other runs": [{"Executions": []}],
    "Start the cluster": [{"JobFlowId": "j-1", "ClusterArn": "arn"}],
    **{name: [{"Step": {"Status": {"State": "COMPLETED"}}}] for name in STEPS},
    "Read the metrics": [{"Body": '{"rmse": 0.5}'}],
    "See what became of the cluster": [
        {"Cluster": {"Status": {"State": "TERMINATED", "StateChangeReason": {"Code": "BOOTSTRAP_FAILURE"}}}}
    ],
    TERMINATE: [{"Cluster": {}}],
    "Tell of the success": [{"MessageId": "1"}],
    "Tell of the failure": [{"MessageId": "1"}],
    "Tell that the cluster may still run": [{"MessageId": "1"}],
}


class Run:
    """One execution with given answers of the tasks: the states it passed, what the tasks were asked, how it ended."""

    def __init__(self, answers=None, given="{}", machine=None):
        machine = machine or definition()
        for retry in machine["States"][TERMINATE]["Retry"]:
            retry.update(IntervalSeconds=1, BackoffRate=1.0)
        cases = [responses(state, found) for state, found in {**WELL, **(answers or {})}.items()]
        self.case = mock_config.MockTestCase("run", "case", cases)
        client = boto3.client("stepfunctions")
        name = f"run-{time.monotonic_ns()}"
        arn = client.create_state_machine(
            name=name, definition=json.dumps(machine), roleArn="arn:aws:iam::111122223333:role/run"
        )["stateMachineArn"]
        # moto has the mocks of AWS's own local interpreter, but no way to hand them in.
        original = execution_worker.ExecutionWorker.__init__

        def with_case(worker, *args, **options):
            original(worker, *args, **{**options, "mock_test_case": self.case})

        execution_worker.ExecutionWorker.__init__ = with_case
        try:
            execution = client.start_execution(stateMachineArn=arn, input=given)["executionArn"]
            deadline = time.monotonic() + 60
            while (state := client.describe_execution(executionArn=execution))["status"] == "RUNNING":
                if time.monotonic() > deadline:
                    raise AssertionError("the execution does not end")
                time.sleep(0.02)
        finally:
            execution_worker.ExecutionWorker.__init__ = original
        self.status, self.error, self.cause = state["status"], state.get("error"), state.get("cause")
        self.output = json.loads(state["output"]) if "output" in state else None
        events = client.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        self.states = [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]
        self.asked = {}
        current = None
        for event in events:
            if "stateEnteredEventDetails" in event:
                current = event["stateEnteredEventDetails"]["name"]
            if "taskScheduledEventDetails" in event:
                self.asked.setdefault(current, []).append(json.loads(event["taskScheduledEventDetails"]["parameters"]))


class Runs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        logging.disable(logging.CRITICAL)
        # moto knows the services that it mocks and no others that are waited for; with mocks there is nothing to wait for.
        cls.patterns = set(unsupported._SUPPORTED_INTEGRATION_PATTERNS)
        unsupported._SUPPORTED_INTEGRATION_PATTERNS.clear()
        unsupported._SUPPORTED_INTEGRATION_PATTERNS.add(unsupported.ResourceCondition.Sync)
        cls.mock = moto.mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
        cls.mock.start()

    @classmethod
    def tearDownClass(cls):
        cls.mock.stop()
        unsupported._SUPPORTED_INTEGRATION_PATTERNS.update(cls.patterns)
        logging.disable(logging.NOTSET)

    def assert_terminated(self, run):
        self.assertIn(TERMINATE, run.states)
        self.assertEqual({request["ClusterId"] for request in run.asked[TERMINATE]}, {"j-1"})

    def told(self, run, state):
        self.assertIn(state, run.states)
        return json.loads(run.asked[state][0]["Message"])

    def test_all_is_well(self):
        for row in ({}, {"Engine": "spark"}):
            run = Run(machine=definition(row))
            self.assertEqual((run.status, run.error), ("SUCCEEDED", None), run.cause)
            self.assertEqual([name for name in run.states if name in STEPS], STEPS)
            self.assertLess(run.states.index(STEPS[-1]), run.states.index(TERMINATE))
            self.assert_terminated(run)
            self.assertEqual(run.output["Metrics"], {"Validation": {"rmse": 0.5}})
            self.assertEqual(run.output["Output"], "s3://shop-data/2024/output")
            self.assertEqual(run.output["LastStep"], {"Name": "Model training"})
            told = self.told(run, "Tell of the success")
            self.assertEqual({**told, "Told": {"MessageId": "1"}}, run.output)
            request, = run.asked["Start the cluster"]
            if row:
                self.assertEqual(request["ManagedScalingPolicy"]["ComputeLimits"]["MaximumCapacityUnits"], 10)
            self.assertEqual(
                run.asked["Read the metrics"],
                [{"Bucket": "shop-data", "Key": "2024/output/model_training/validation/metrics.json"}],
            )

    def test_a_step_that_fails_stops_the_rest_and_the_cluster(self):
        for index, name in enumerate(STEPS):
            with self.subTest(name):
                run = Run({name: [Throw("ElasticMapReduce.StepFailed", f"{name} broke")]})
                self.assertEqual((run.status, run.error), ("FAILED", "Run.Failed"))
                self.assertEqual(run.cause, f"ElasticMapReduce.StepFailed: {name} broke")
                self.assertEqual([state for state in run.states if state in STEPS], STEPS[: index + 1])
                self.assert_terminated(run)
                message = self.told(run, "Tell of the failure")
                self.assertEqual(message["Failure"], {"Error": "ElasticMapReduce.StepFailed", "Cause": f"{name} broke"})
                self.assertEqual(message["Cluster"]["Seen"]["Status"]["StateChangeReason"]["Code"], "BOOTSTRAP_FAILURE")

    def test_a_cluster_that_does_not_start(self):
        run = Run({"Start the cluster": [Throw("Emr.InvalidRequestException", "no such subnet")]})
        self.assertEqual((run.status, run.cause), ("FAILED", "Emr.InvalidRequestException: no such subnet"))
        self.assertNotIn(TERMINATE, run.states)
        self.assertNotIn(STEPS[0], run.states)
        self.told(run, "Tell of the failure")

    def test_what_only_informs_may_fail(self):
        run = Run({"Read the metrics": [Throw("S3.NoSuchKeyException")]})
        self.assertEqual(run.status, "SUCCEEDED")
        self.assert_terminated(run)
        run = Run({"Read the metrics": [{"Body": "no JSON"}]})
        self.assertEqual(run.status, "SUCCEEDED")
        self.assert_terminated(run)
        run = Run({"Tell of the success": [Throw("Sns.KmsAccessDeniedException")]})
        self.assertEqual(run.status, "SUCCEEDED")
        run = Run(
            {
                STEPS[0]: [Throw("ElasticMapReduce.StepFailed")],
                "See what became of the cluster": [Throw("Emr.InternalServerException")],
                "Tell of the failure": [Throw("Sns.KmsAccessDeniedException")],
            }
        )
        self.assertEqual((run.status, run.cause), ("FAILED", "ElasticMapReduce.StepFailed: because"))
        self.assert_terminated(run)

    def test_termination_is_tried_again(self):
        run = Run({TERMINATE: [Throw("ElasticMapReduce.ThrottlingException"), {"Cluster": {}}]})
        self.assertEqual(run.status, "SUCCEEDED")
        self.assertEqual(len(run.asked[TERMINATE]), 2)

    def test_a_cluster_that_can_not_be_terminated_is_told_of(self):
        run = Run({TERMINATE: [Throw("ElasticMapReduce.AccessDeniedException", "not allowed")] * 6})
        self.assertEqual((run.status, run.error), ("FAILED", "Run.ClusterLeft"))
        self.assertEqual(run.cause, "ElasticMapReduce.AccessDeniedException: not allowed")
        self.assertEqual(self.told(run, "Tell that the cluster may still run")["Cluster"]["Id"], "j-1")

    def test_the_older_run_goes_on(self):
        mine = "arn:aws:states:eu-central-1:111122223333:execution:shop:mine"
        other = mine + "-not"
        machine = definition()
        # moto tells an execution no name.
        machine["States"]["Begin"]["Parameters"] = {"Output": "s3://shop-data/2024/output", "Execution": mine}
        for listed, goes_on in (([mine], True), ([other, mine], True), ([mine, other], False), ([other], False), ([], True)):
            with self.subTest(listed):
                answer = {"Executions": [{"ExecutionArn": found, "Status": "RUNNING"} for found in listed]}
                run = Run({"Look for other runs": [answer]}, machine=copy.deepcopy(machine))
                if goes_on:
                    self.assertEqual(run.status, "SUCCEEDED")
                    continue
                self.assertEqual((run.status, run.error), ("FAILED", "Run.Failed"))
                self.assertEqual(run.cause, f"Run.Overlaps: {other} is still running and writes the same output")
                self.assertNotIn("Start the cluster", run.states)
                self.told(run, "Tell of the failure")

    def test_any_input_will_do(self):
        for given in ("{}", '"text"', "[1]", '{"Failure": {"Error": "x"}}', '{"Cluster": {"Id": "j-of-another"}}'):
            run = Run(given=given)
            self.assertEqual(run.status, "SUCCEEDED", given)
            self.assert_terminated(run)


if __name__ == "__main__":
    unittest.main()
