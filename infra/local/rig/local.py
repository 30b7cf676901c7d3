"""make local: the stack stays up until Ctrl-C or `make stop`; real IMAP servers may be entered."""

import time

from . import cast, outbox, paths, ports
from .build import build
from .stack import stack

PORT = 8420


def run(port: int) -> int:
    """Starts everything, prints where it is, and waits."""
    ports.wanted(port, f"make local PORT={port + 1}")
    build()
    with stack("local", port=port, chunk_seconds=60, say=lambda text: print(f"  {text}", flush=True)) as local:
        players = [
            cast.add(local, "anna", lambda writer: writer.mixed(600, oversize=True), seed=1),
            cast.add(local, "ben", lambda writer: writer.mixed(300, oddities=False), seed=2),
        ]
        print(f"""
  web page         {local.url}/
  operator key     {local.operator_key}
  IMAP server      127.0.0.1 port {local.imapd.tls} (TLS), {local.imapd.plain} (STARTTLS or none)
  WorkMail         {local.standin.ews}  (stand-in; control: {local.standin.url}/_workmail/health)
  AWS              {local.emulator.url}  (AWS_ENDPOINT_URL, region eu-west-1, any credentials)
  mails            {paths.LOCAL / "mails"}
  logs             {local.keeper.logs}
""")
        for player in players:
            print(f"  mailbox          {player.source} / {player.source_password}  ->  {player.mailbox} / {player.password}")
        print(f"\n  terminal client  MAILCRANE_URL={local.url} MAILCRANE_KEY={local.operator_key} infra/local/mailcrane --help")
        print("\n  Ctrl-C or `make stop` ends it.", flush=True)
        known = 0
        while True:
            time.sleep(1)
            local.keeper.check()
            mails = local.emulator.mails()
            if len(mails) > known:
                for subject, path in outbox.write(mails, paths.LOCAL / "mails")[known:]:
                    print(f"  mail: {subject}\n        {path}", flush=True)
                known = len(mails)
