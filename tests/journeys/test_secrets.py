"""Nothing that must not be told is told: passwords nowhere in clear, and hostile names harmless wherever they come out."""

import base64
import csv
import io
from datetime import UTC, datetime

import pytest
import requests
from rig import cast
from rig.client import Client, watch

LIMIT = 120
NAMES = ["x<script>alert(1)", "=cmd()|'calc'!A1", '"quoted" \'and\' more', "\u202egpj.exe", "@SUM(A1)"]
SUBJECT = "=cmd() <script>alert(2)</script> \u202eevil"
FUNCTIONS = ("submit", "status", "check", "analyze", "migrate-chunk", "notify", "sweep")


def hostile(writer):
    """A mailbox whose folders and subjects want to be run; one message is too large, so that the protocol names its folder."""
    writer.small(2)
    for number, name in enumerate(NAMES):
        received = datetime(2025, 1, 1 + number, tzinfo=UTC)
        head = f"From: a@example.net\r\nTo: b@example.net\r\nSubject: =?utf-8?b?{base64.b64encode(SUBJECT.encode()).decode()}?=\r\n" \
               f"Date: {received:%a, %d %b %Y %H:%M:%S +0000}\r\n"
        for twin in range(2):
            writer.store(name, f"{head}Message-ID: <hostile{number}@example.net>\r\n\r\nhello\r\n".encode(), received)
    return writer.mailbox


@pytest.fixture(scope="module")
def told(local):
    """A migration with every kind of secret; all that the API answered, and the secrets."""
    answers = []
    player = cast.add(local, "secretive", hostile, seed=77)
    client = Client(local.url, local.operator_key)
    account = player.account()
    account["source"]["password"] = "Wrong-secret-7"
    account["destination"]["password"] = player.password
    order = cast.order(local, [account], name=NAMES[0], access="user")
    made = client.create(order)
    base, headers = f"{local.url}/v1/migrations/{made['id']}", {"Authorization": f"Bearer {made['token']}"}

    def call(method, path, body=None):
        answer = requests.request(method, base + path, json=body, headers=headers, timeout=60)
        answers.append(answer.text)
        return answer

    cast.settled(lambda: call("GET", "").json()["state"] != "ready")
    assert call("GET", "/accounts/0").json()["error_code"] == "source.wrong_password"
    assert call("PATCH", "/accounts/0", {"source": {"password": player.source_password}}).status_code == 200
    call("PATCH", "/accounts/0", {"source": {"passwort": "Typed-secret-8", "password": 7}})
    assert call("POST", "/start", {"at": "now"}).status_code == 202
    ended = watch(client, made["id"], limit=LIMIT)
    assert ended["state"].startswith("finished"), ended
    for path in ("", "/accounts", "/accounts/0", "/accounts/0/folders", "/accounts/0/protocol", "/accounts/0/manifest", "/permissions"):
        assert call("GET", path).status_code == 200, path
    tables = {what: requests.get(f"{base}/accounts/0/{what}?format=csv", headers=headers, timeout=60).text for what in ("protocol", "manifest")}
    passwords = [player.source_password, player.password, "Wrong-secret-7", "Typed-secret-8"]
    passwords += temporary(local, answers)
    return {"answers": [*answers, *tables.values()], "tables": tables, "passwords": passwords, "made": made, "player": player}


def temporary(local, answers):
    """Has a mailbox created and its password reset; returns both passwords. What is answered after that is kept too."""
    newcomer = cast.homeless(local, "secretive-newcomer", lambda writer: writer.small(2))
    client = Client(local.url, local.operator_key)
    made = client.create(cast.order(local, [newcomer.account()]))
    path, passwords = f"migrations/{made['id']}", []
    for reset in (False, True):
        told = client.call("POST", f"{path}/mailboxes", {"mailboxes": [{"account": 0}], "reset": reset}, key=True)["mailboxes"][0]
        passwords.append(told["temporary_password"])
    cast.settled(lambda: client.migration(made["id"])["state"] != "ready")
    answers.append(str(client.call("POST", f"{path}/mailboxes", {"mailboxes": [{"account": 0}]}, key=True)))
    client.call("POST", f"{path}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"].startswith("finished")
    answers.extend(str(client.call("GET", f"{path}{what}")) for what in ("", "/accounts/0", "/accounts/0/protocol", "/permissions"))
    return passwords


def printed(local):
    """All that the functions and the servers printed."""
    logs = local.emulator.client("logs")
    for name in FUNCTIONS:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/mailcrane-{name}"):
            yield from (f"{name}: {event['message']}" for event in page["events"])
    for file in (local.run / "logs").glob("*.log"):
        yield f"{file.name}: {file.read_text(errors='replace')}"


def stored(local):
    """Every item of both tables, every object, and every message that still stands in a queue."""
    tables = local.emulator.client("dynamodb")
    for name in tables.list_tables()["TableNames"]:
        for page in tables.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                yield f"{name}: {item}"
    bucket = local.emulator.client("s3")
    for name in (one["Name"] for one in bucket.list_buckets()["Buckets"]):
        for found in bucket.list_objects_v2(Bucket=name).get("Contents", []):
            yield f"{name}: {bucket.get_object(Bucket=name, Key=found['Key'])['Body'].read()!r}"
    queues = local.emulator.client("sqs")
    for url in queues.list_queues().get("QueueUrls", []):
        for message in queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", []):
            yield f"{url}: {message['Body']}"


def forms(secret):
    """A secret as it is, and in base64 from each of the three places where it may begin."""
    yield secret
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        yield coded[4 if shift else 0:].rstrip("=")[:-1]


def holders(texts, secrets):
    texts = list(texts)
    # In one piece it is searched in seconds, whatever other journeys left behind.
    whole = "\n".join(texts)
    wanted = [form for secret in secrets for form in forms(secret) if form in whole]
    return [text[:200] for text in texts if any(form in text for form in wanted)]


def test_no_password_is_printed_stored_answered_or_mailed(local, told):
    lines, items = list(printed(local)), list(stored(local))
    mails = [str(mail) for mail in local.emulator.mails()]
    assert len(lines) > 50 and len(items) > 20 and mails, "there is something to search"
    # A search that finds nothing must be one that can find: these are there.
    assert holders(items, [told["player"].mailbox]) and holders(mails, [told["made"]["token"]])
    for texts in (lines, items, mails, told["answers"]):
        assert holders(texts, told["passwords"]) == []


def test_tokens_and_keys_are_neither_printed_nor_stored(local, told):
    keys = [told["made"]["token"], local.operator_key]
    assert holders(printed(local), keys) == []
    assert holders(stored(local), keys) == []
    assert holders(told["answers"], keys) == []


def test_no_name_of_a_folder_and_no_subject_is_printed(local, told):
    for line in printed(local):
        if line.split(":")[0] in FUNCTIONS:
            assert not [name for name in [*NAMES, "alert(2)", told["player"].mailbox] if name in line], line[:300]


def test_hostile_names_are_no_formulas_in_tables(told):
    for what, text in told["tables"].items():
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) > 1, what
        assert len({len(row) for row in rows}) == 1, f"{what}: a name broke its row"
        wrong = [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert wrong == [], what
    assert "cmd()" in told["tables"]["manifest"], "the folder is there, harmless"


def test_hostile_names_are_text_in_mails(local, told):
    mails = [mail for mail in local.emulator.mails() if told["made"]["id"] in str(mail)]
    assert mails
    for mail in mails:
        assert "<script>" not in mail["BodyHtml"]
        assert "\u202e" not in mail["BodyHtml"] + mail["BodyText"] + mail["Subject"]
        assert "\n" not in mail["Subject"]
