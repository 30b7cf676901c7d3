"""The whole local stack: started in order, ended whole."""

import fcntl
import os
import shutil
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

from . import certificates, paths, ports
from .clock import Clock, scale_queues
from .deploy import deploy
from .emulator import Emulator
from .front import Front
from .imapd import Imapd
from .keeper import Keeper
from .problem import Problem
from .standin import ADMINISTRATOR, ADMINISTRATOR_PASSWORD, ORGANIZATION, Standin


class Stack:
    """The servers of one run; `url` is the door of the web page and API."""

    def __init__(self, name: str, *, port: int | None = None, time_scale: float = 1.0, chunk_seconds: int = 20,
                 lanes: int = 8, accounts: int = 4, binaries: Path = paths.TARGET, record: Path | None = None, persist: bool = False,
                 parameters: dict[str, str] | None = None, say=lambda text: None):
        self.run = paths.RUN / name
        self._claim(name)
        self._closers = [self._release]
        try:
            say("starting the IMAP server and the WorkMail stand-in")
            self.keeper = Keeper(self.run / "logs")
            self._closers.append(self.keeper.close)
            authority = certificates.write(self.run / "certificates")
            self.authority = self.run / "certificates" / "authority.pem"
            self.authority.write_text(authority)
            self.imapd = Imapd(self.keeper, self.run, self.run / "certificates")
            self._closers.append(self.imapd.close)
            self.standin = Standin(self.keeper, binaries / "workmail", self.run, record)
            say("starting the AWS emulator")
            self.emulator = Emulator(self.keeper, self.run, self.standin.url, persist=persist)
            self.front = Front(port or ports.free(1)[0], self.emulator.port)
            self._closers.append(self.front.close)
            self.url = self.front.url
            say("deploying template.yaml")
            self.deployed = deploy(self.emulator, {
                "Architecture": "x86_64" if os.uname().machine == "x86_64" else "arm64",
                "WorkMailOrganizationId": ORGANIZATION,
                "WorkMailEwsUrl": self.standin.ews,
                "WorkMailCreateMailboxes": "true",
                "OversizeRescue": "true",
                "WorkMailAdminEmail": ADMINISTRATOR,
                "WorkMailAdminPassword": ADMINISTRATOR_PASSWORD,
                "PublicUrl": self.url,
                "MailFrom": "mailcrane@example.org",
                "MailReplyTo": "help@example.org",
                "AllowPrivateHosts": "true",
                "ExtraCaPem": authority,
                "ChunkSeconds": str(chunk_seconds),
                "ChunkConcurrency": str(lanes),
                "MaxActiveAccounts": str(accounts),
                "TimeScale": str(time_scale),
                "LogLevel": os.environ.get("RUST_LOG", "info"),
                **(parameters or {}),
            }, binaries)
            self.front.api = self.deployed.outputs["HttpApiId"]
            self.operator_key = self.emulator.client("secretsmanager").get_secret_value(
                SecretId=self.deployed.outputs["OperatorKeySecretArn"])["SecretString"]
            self._verify_sender()
            if time_scale < 1:
                scale_queues(self.emulator, time_scale, 10 + 2 * chunk_seconds)
                clock = Clock(self.emulator, self.deployed.function("sweep"), time_scale)
                self._closers.append(clock.close)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends every process, newest first; safe to call twice."""
        while self._closers:
            self._closers.pop()()

    def _claim(self, name: str) -> None:
        """Makes the folder of this run its own; the lock on `NAME.pid` lasts as long as this process."""
        paths.RUN.mkdir(parents=True, exist_ok=True)
        self._pid_file = (paths.RUN / f"{name}.pid").open("a+")
        try:
            fcntl.flock(self._pid_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Problem(f"a stack named {name} is running already", "wait for its end, or: make stop") from error
        self._pid_file.truncate(0)
        self._pid_file.write(str(os.getpid()))
        self._pid_file.flush()
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir()

    def _release(self) -> None:
        for name in ("tmp", "s3", "state"):
            shutil.rmtree(self.run / name, ignore_errors=True)
        self._pid_file.close()

    def _verify_sender(self) -> None:
        """Verifies the sender in the emulator, as an operator does once in SES."""
        ses = self.emulator.client("ses")
        for identity in ("mailcrane@example.org", "example.org"):
            (ses.verify_email_identity(EmailAddress=identity) if "@" in identity else ses.verify_domain_identity(Domain=identity))


def running(pid_file: Path) -> int | None:
    """Returns the process that owns a stack, when it is alive."""
    with pid_file.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(file.read() or 0) or None
    return None


def stop_all() -> int:
    """Ends every running stack of this tree; returns how many there were."""
    pids = [pid for file in paths.RUN.glob("*.pid") if (pid := running(file))]
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for pid in pids:
        for _ in range(200):
            if not Path(f"/proc/{pid}").exists():
                break
            threading.Event().wait(0.1)
    return len(pids)


@contextmanager
def stack(name: str, **options):
    """Runs a stack for the length of a block; SIGTERM, SIGHUP and Ctrl-C end it alike."""
    def end(*_):
        raise KeyboardInterrupt

    before = {kind: signal.signal(kind, end) for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    started = Stack(name, **options)
    try:
        yield started
    finally:
        started.close()
        for kind, handler in before.items():
            signal.signal(kind, handler)
