"""Starts one stand-in per test module and records every envelope."""

import json
import os
import pathlib
import subprocess

# exchangelib sends a Bearer token over plain HTTP only when told so; here it does not leave the machine.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import boto3
import davmail
import pytest
import requests
from exchangelib import BASIC, DELEGATE, Account, Configuration, Credentials, EWSTimeZone
from exchangelib.version import EXCHANGE_2010_SP2, Version

ROOT = pathlib.Path(__file__).resolve().parents[2]
PASSWORD = "Correct-Horse-1"
ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
ANNA, BEN, MOVER = "anna@example.org", "ben@example.org", "mover@example.org"


class StandIn:
    """A running stand-in with its three interfaces."""

    def __init__(self, url, folder):
        self.url, self.folder = url, folder
        self.ews = url + "/EWS/Exchange.asmx"
        self.workmail = boto3.client(
            "workmail",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="AKIAEXAMPLE",
            aws_secret_access_key="secret",
        )

    def control(self, method, path, body=None):
        """Calls the control API."""
        answer = requests.request(method, f"{self.url}/_workmail/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def account(self, user, mailbox=None, password=PASSWORD):
        """Opens a mailbox with a user's password, one's own or another's."""
        configuration = Configuration(
            service_endpoint=self.ews,
            credentials=Credentials(user, password),
            auth_type=BASIC,
            version=Version(build=EXCHANGE_2010_SP2),
        )
        return Account(
            mailbox or user,
            config=configuration,
            autodiscover=False,
            access_type=DELEGATE,
            default_timezone=EWSTimeZone("UTC"),
        )

    def call(self, operation, **parameters):
        """Calls the management API for the organisation."""
        return getattr(self.workmail, operation)(OrganizationId=ORGANIZATION, **parameters)


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    """The folder in which all envelopes of this run are kept."""
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def stand_in(request, tmp_path_factory, records):
    binary = pathlib.Path(os.environ.get("WORKMAIL_BIN", ROOT / "target/debug/workmail"))
    if not binary.exists():
        pytest.fail(f"{binary} is missing: run `cargo build -p workmail`, or name the binary in WORKMAIL_BIN")
    folder = tmp_path_factory.mktemp("workmail")
    seed = {
        "organization": {"migration_admin": MOVER},
        "users": [{"email": address, "password": PASSWORD} for address in (ANNA, BEN, MOVER)],
    }
    (folder / "seed.json").write_text(json.dumps(seed))
    record = records / request.module.__name__.rsplit(".", 1)[-1]
    process = subprocess.Popen(
        [binary, "--listen", "127.0.0.1:0", "--data", folder / "data", "--seed", folder / "seed.json", "--record", record],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("workmail ready http://127.0.0.1:"), line
        yield StandIn(line.split()[-1], folder)
    finally:
        process.terminate()
        process.wait(timeout=10)


def pytest_terminal_summary(terminalreporter):
    """Says when a judge is missing."""
    if not davmail.command():
        terminalreporter.write_line(davmail.NOTICE)
