"""Deploys the real `template.yaml` with our own binaries into the emulator."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import paths, remedies
from .emulator import Emulator
from .problem import Problem

STACK = "mailcrane"
CODE_BUCKET = "code"


@dataclass
class Deployed:
    """What the stack's outputs and resources are called."""

    outputs: dict[str, str]
    resources: dict[str, str]

    def function(self, name: str) -> str:
        """Names a function by its crate, for instance `migrate-chunk`."""
        return f"{STACK}-{name}"


def deploy(emulator: Emulator, parameters: dict[str, str], binaries: Path) -> Deployed:
    """Uploads the binaries, creates the stack and mends what the emulator leaves undone."""
    template = load(paths.TEMPLATE)
    _upload(emulator, template, binaries)
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=1000),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    except Exception as error:
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = [f"{e['LogicalResourceId']}: {e['ResourceStatusReason']}" for e in events if e.get("ResourceStatusReason")]
        raise Problem("the stack was not created\n" + "\n".join(reasons[:5]), "see ministack.log beside the stack") from error
    stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    deployed = Deployed(
        {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])},
        {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources},
    )
    remedies.apply(emulator, template, deployed.resources, parameters)
    return deployed


def functions(template: dict) -> dict[str, str]:
    """Maps the logical name of each function to the crate that it is built from."""
    return {
        name: resource["Metadata"]["BuildProperties"]["Binary"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def load(path: Path) -> dict:
    """Reads a template; short intrinsics (`!Ref x`) become their long form (`{"Ref": "x"}`)."""
    return yaml.load(path.read_text(), Loader=_Loader)


def _upload(emulator: Emulator, template: dict, binaries: Path) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name, crate in functions(template).items():
        program = binaries / crate
        if not program.is_file():
            raise Problem(f"{program} is missing", "build first: cargo build --workspace")
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, program.read_bytes())
        s3.put_object(Bucket=CODE_BUCKET, Key=f"{crate}.zip", Body=package.getvalue())
        template["Resources"][name]["Properties"]["CodeUri"] = {"Bucket": CODE_BUCKET, "Key": f"{crate}.zip"}


class _Loader(yaml.SafeLoader):
    """YAML with the intrinsics of CloudFormation."""


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, which CloudFormation does not take."""

    def ignore_aliases(self, data) -> bool:
        return True


def _intrinsic(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)
