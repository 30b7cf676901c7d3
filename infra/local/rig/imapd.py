"""The IMAP server: Dovecot with a configuration of its own, on loopback, over Maildir mailboxes."""

import grp
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from . import paths, ports
from .keeper import Keeper
from .problem import Problem

MASTER_USER, MASTER_PASSWORD = "migrator", "Master-Password-1"


class Imapd:
    """A running Dovecot. `plain` offers STARTTLS too; `tls` is implicit TLS."""

    def __init__(self, keeper: Keeper, run: Path, certificates: Path):
        self.folder = paths.socket_dir(run)
        self.mail = self.folder / "mail"
        self.plain, self.tls = ports.free(2)
        self._users: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.mail.mkdir(parents=True, exist_ok=True)
        self._give(self.mail)
        self._write_users()
        self._write_tokens()
        (self.folder / "masters").write_text(f"{MASTER_USER}:{{PLAIN}}{MASTER_PASSWORD}\n")
        (self.folder / "dovecot.conf").write_text(self._configuration(certificates))
        program = _program()
        keeper.start("dovecot", [program, "-F", "-c", self.folder / "dovecot.conf"])
        deadline = time.monotonic() + 15
        while not (ports.answers(self.plain) and ports.answers(self.tls)):
            keeper.check()
            if time.monotonic() > deadline:
                raise Problem("Dovecot does not answer", f"see {keeper.logs / 'dovecot.log'}")
            time.sleep(0.05)

    def add(self, user: str, password: str) -> Path:
        """Makes a user and returns the home that the mailbox is to be written into (`Maildir` and `control`)."""
        self._users[user] = password
        home = self.mail / user
        home.mkdir(exist_ok=True)
        self._write_users()
        return home

    def let_in(self, user: str, token: str) -> None:
        """Lets a user in with an OAuth access token, and with no other any more."""
        self._tokens[user] = token
        self._write_tokens()

    def keep_out(self, user: str, token: str) -> None:
        """Takes an access token back. Connections that are open stay."""
        if self._tokens.get(user) == token:
            del self._tokens[user]
        self._write_tokens()

    def seal(self, user: str) -> None:
        """Hands the files of a user's mailbox to the account that Dovecot reads them with."""
        home = self.mail / user
        if os.getuid() == 0:
            for folder, _, files in os.walk(home):
                self._give(Path(folder))
                for name in files:
                    self._give(Path(folder) / name)

    def close(self) -> None:
        """Removes sockets and mail."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _give(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)

    def _write_users(self) -> None:
        lines = "".join(f"{user}:{{PLAIN}}{password}::::::\n" for user, password in self._users.items())
        new = self.folder / "users.new"
        new.write_text(lines)
        new.rename(self.folder / "users")

    def _write_tokens(self) -> None:
        # The size tells Dovecot that the file is another one, within one second too.
        lines = "".join(f"{user}:{{PLAIN}}{token}::::::\n" for user, token in self._tokens.items())
        new = self.folder / "tokens.new"
        new.write_text(f"# {'.' * (time.time_ns() // 1000 % 997)}\n{lines}")
        new.rename(self.folder / "tokens")

    def _configuration(self, certificates: Path) -> str:
        me = pwd.getpwuid(os.getuid()).pw_name
        inner = "" if os.getuid() == 0 else (
            f"default_internal_user = {me}\ndefault_login_user = {me}\ndefault_internal_group = {grp.getgrgid(os.getgid()).gr_name}\n")
        mailboxes = "".join(
            f'  mailbox "{name}" {{\n    special_use = \\{use}\n  }}\n'
            for name, use in (("Drafts", "Drafts"), ("Gesendete Elemente", "Sent"), ("Trash", "Trash"), ("Spam", "Junk"), ("Archive", "Archive"))
        )
        return f"""\
base_dir = {self.folder}/base
state_dir = {self.folder}/state
instance_name = mailcrane
listen = 127.0.0.1
protocols = imap
{inner}log_path = /dev/stderr
ssl = yes
ssl_cert = <{certificates}/server.crt
ssl_key = <{certificates}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_master_user_separator = *
mail_location = maildir:~/Maildir:CONTROL=~/control:INDEX=~/index
mail_uid = {self._owner.pw_uid}
mail_gid = {self._owner.pw_gid}
first_valid_uid = 1
last_valid_uid = 0
first_valid_gid = 1
mail_max_userip_connections = 50
maildir_very_dirty_syncs = yes
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}}}
passdb {{
  driver = passwd-file
  mechanisms = xoauth2 oauthbearer
  args = username_format=%u {self.folder}/tokens
  result_failure = return-fail
}}
passdb {{
  driver = passwd-file
  master = yes
  args = {self.folder}/masters
}}
passdb {{
  driver = passwd-file
  args = username_format=%u {self.folder}/users
}}
userdb {{
  driver = static
  args = uid={self._owner.pw_uid} gid={self._owner.pw_gid} home={self.mail}/%u allow_all_users=yes
}}
service imap-login {{
  {"chroot =" if os.getuid() else ""}
  process_min_avail = 2
  inet_listener imap {{
    port = {self.plain}
  }}
  inet_listener imaps {{
    port = {self.tls}
    ssl = yes
  }}
}}
service anvil {{
  {"chroot =" if os.getuid() else ""}
}}
"""


def _program() -> str:
    program = shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not program:
        raise Problem("Dovecot is missing", "run `infra/local/setup.sh`, or as root: apt-get install dovecot-imapd")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    if not version.startswith("2.3."):
        raise Problem(f"Dovecot {version.split()[0] if version else '?'} has another configuration format", "use Dovecot 2.3, as in Debian 12 or Ubuntu 24.04")
    return program
