"""The AWS emulator (ministack) and clients that talk to it."""

import json
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from . import paths, ports
from .keeper import Keeper
from .problem import Problem

REGION = "eu-west-1"
START_SECONDS = 60


class Emulator:
    """A running ministack; its functions inherit `environment`."""

    def __init__(self, keeper: Keeper, run: Path, workmail: str, *, persist: bool = False):
        self.port = ports.free(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        temporary = run / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        self._keeper, self._run = keeper, run
        self._environment = {
            "PATH": f"{paths.BIN}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(run),
            "TMPDIR": str(temporary),
            "STATE_DIR": str(run / "state"),
            "S3_DATA_DIR": str(run / "s3"),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_WORKMAIL": workmail,
            "RUST_BACKTRACE": "1",
            "LOG_LEVEL": "INFO",
            **({"PERSIST_STATE": "1"} if persist else {}),
        }
        self._start()

    def restart(self) -> None:
        """Stops it as a machine that goes down does (SIGTERM), and starts it again; needs `persist`."""
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._start()

    def client(self, service: str):
        """Makes a boto3 client of the emulator."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, read_timeout=120, s3={"addressing_style": "path"}),
        )

    def mails(self) -> list[dict]:
        """Reads the e-mails sent through SES so far, oldest first."""
        with urllib.request.urlopen(f"{self.url}/_ministack/ses/messages", timeout=10) as answer:
            accounts = json.load(answer)["messages"]
        return [mail for mails in accounts.values() for mail in mails]

    def _start(self) -> None:
        self._process = self._keeper.start("ministack", [paths.BIN / "ministack"], env=self._environment, cwd=self._run)
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            self._keeper.check()
            if time.monotonic() > deadline:
                raise Problem("the AWS emulator does not answer", f"see {self._keeper.logs / 'ministack.log'}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False
