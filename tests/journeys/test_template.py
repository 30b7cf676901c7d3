"""What `template.yaml` must say, whatever an emulator enforces: queues, recursion, least privilege."""

import re
import subprocess

import pytest
from rig import paths
from rig.deploy import functions, load

TEMPLATE = load(paths.TEMPLATE)
RESOURCES = TEMPLATE["Resources"]
SELF_QUEUING = {"check": "CheckQueue", "analyze": "AnalyzeQueue", "migrate-chunk": "MigrateQueue"}


def of_type(kind):
    return {name: resource["Properties"] for name, resource in RESOURCES.items() if resource["Type"] == kind}


def role_statements(logical):
    for policy in RESOURCES[logical]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


def role_of(crate):
    name = next(n for n, c in functions(TEMPLATE).items() if c == crate)
    return RESOURCES[name]["Properties"]["Role"]["Fn::GetAtt"][0]


def as_list(value):
    return value if isinstance(value, list) else [value]


def targets(crate, action):
    return {r["Fn::GetAtt"][0] for s in role_statements(role_of(crate)) if action in as_list(s["Action"]) for r in as_list(s["Resource"])}


def sources(crate):
    name = next(n for n, c in functions(TEMPLATE).items() if c == crate)
    events = RESOURCES[name]["Properties"].get("Events", {}).values()
    return {e["Properties"]["Queue"]["Fn::GetAtt"][0]: e["Properties"] for e in events if e["Type"] == "SQS"}


def test_recursion_is_allowed_on_exactly_the_functions_that_queue_to_themselves():
    allowed = {crate for name, crate in functions(TEMPLATE).items() if RESOURCES[name]["Properties"].get("RecursiveLoop") == "Allow"}
    by_policy = {crate for crate in functions(TEMPLATE).values() if set(sources(crate)) & targets(crate, "sqs:SendMessage")}
    assert allowed == by_policy == set(SELF_QUEUING)


def test_every_queue_has_a_dead_letter_queue_that_sweep_reads():
    queues = of_type("AWS::SQS::Queue")
    dead = {q["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for q in queues.values() if "RedrivePolicy" in q}
    assert dead == {name for name, q in queues.items() if "RedrivePolicy" not in q}
    assert dead == set(sources("sweep"))
    assert len(dead) == 4


@pytest.mark.parametrize("crate", sorted(functions(TEMPLATE).values()))
def test_a_queue_hides_a_message_for_as_long_as_its_reader_may_run(crate):
    name = next(n for n, c in functions(TEMPLATE).items() if c == crate)
    limit = RESOURCES[name]["Properties"]["Timeout"]
    for queue in sources(crate):
        assert RESOURCES[queue]["Properties"]["VisibilityTimeout"] >= limit, queue


@pytest.mark.parametrize("crate", sorted(functions(TEMPLATE).values()))
def test_a_mapping_reports_failed_items_and_its_role_may_read_exactly_those_queues(crate):
    for queue, mapping in sources(crate).items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], queue
    assert targets(crate, "sqs:ReceiveMessage") == set(sources(crate))


def test_chunks_come_one_at_a_time_and_never_by_reserved_concurrency():
    mapping = sources("migrate-chunk")["MigrateQueue"]
    assert mapping["BatchSize"] == 1
    assert "MaximumConcurrency" in mapping["ScalingConfig"]
    assert all("ReservedConcurrentExecutions" not in RESOURCES[name]["Properties"] for name in functions(TEMPLATE))


@pytest.mark.parametrize("role", sorted(of_type("AWS::IAM::Role")))
def test_no_policy_grants_a_star(role):
    assert "ManagedPolicyArns" not in RESOURCES[role]["Properties"]
    for statement in role_statements(role):
        for action in as_list(statement["Action"]):
            assert "*" not in action, (role, statement["Sid"])
        for resource in as_list(statement["Resource"]):
            text = resource if isinstance(resource, str) else str(*resource.values())
            # Objects of the one bucket have no names beforehand.
            assert "*" not in text or text == "${Bucket.Arn}/*", (role, statement["Sid"], text)


def test_each_function_has_a_role_and_a_log_group_of_its_own():
    roles = {crate: role_of(crate) for crate in functions(TEMPLATE).values()}
    assert len(set(roles.values())) == len(roles) == 7
    logs = {g["LogGroupName"]["Fn::Sub"] for g in of_type("AWS::Logs::LogGroup").values()}
    assert {f"/aws/lambda/${{AWS::StackName}}-{crate}" for crate in roles} <= logs
    assert all("RetentionInDays" in g for g in of_type("AWS::Logs::LogGroup").values())


def test_only_functions_that_open_credentials_may_decrypt():
    """`submit` seals and repeats a token; `notify` puts the token into the link; the others sign in."""
    may_decrypt = {crate for crate in functions(TEMPLATE).values() if targets(crate, "kms:Decrypt")}
    assert may_decrypt == {"submit", "check", "analyze", "migrate-chunk", "notify"}
    may_read = {crate for crate in functions(TEMPLATE).values() if "SecretsTable" in targets(crate, "dynamodb:GetItem")}
    assert may_read == may_decrypt | {"sweep"}


def test_secrets_have_no_backup_and_the_main_table_has():
    main, secrets = RESOURCES["MainTable"]["Properties"], RESOURCES["SecretsTable"]["Properties"]
    assert main["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert "PointInTimeRecoverySpecification" not in secrets
    for table in (main, secrets):
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        assert table["TimeToLiveSpecification"]["Enabled"] is True


def test_the_bucket_is_encrypted_and_closed():
    bucket = RESOURCES["Bucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def test_exports_expire_and_rescued_messages_stay():
    rules = RESOURCES["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule.get("Prefix") for rule in rules if "ExpirationInDays" in rule] == ["exports/"]


def test_nobody_creates_a_user_unless_that_is_switched_on():
    conditional = [s["Fn::If"] for p in RESOURCES["SubmitRole"]["Properties"]["Policies"] for s in p["PolicyDocument"]["Statement"] if "Fn::If" in s]
    allowed = {action for condition, statement, _ in conditional if condition == "CreatesMailboxes" for action in as_list(statement["Action"])}
    powers = {"workmail:CreateUser", "workmail:RegisterToWorkMail", "workmail:ResetPassword"}
    assert powers <= allowed
    always = {a for role in of_type("AWS::IAM::Role") for s in role_statements(role) for a in as_list(s["Action"]) if s not in [c[1] for c in conditional]}
    assert not powers & always
    assert TEMPLATE["Parameters"]["WorkMailCreateMailboxes"]["Default"] == "false"
    assert TEMPLATE["Parameters"]["OversizeRescue"]["Default"] == "false"


def test_secrets_in_parameters_are_not_echoed():
    for name, parameter in TEMPLATE["Parameters"].items():
        if re.search("password|secret|key$", name, re.IGNORECASE):
            assert parameter.get("NoEcho") is True, name


def test_every_workspace_function_is_deployed():
    crates = {path.parent.name for path in (paths.ROOT / "functions").glob("*/Cargo.toml")}
    assert set(functions(TEMPLATE).values()) == crates


@pytest.mark.parametrize("command", [["cfn-lint", "template.yaml"], ["sam", "validate", "--lint", "--template", "template.yaml", "--region", "eu-west-1"]])
def test_the_linters_pass(command):
    environment = {"PATH": f"{paths.BIN}:/usr/bin:/bin", "HOME": str(paths.LOCAL), "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run([str(paths.BIN / command[0]), *command[1:]], cwd=paths.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
