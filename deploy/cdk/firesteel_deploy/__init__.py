"""The stacks of deploy/cloudformation as an app of the AWS CDK. ../README.md says how to use it."""
