"""make demo: three mailboxes move through the deployed functions, with trouble on the way, and the result is proved."""

import shutil
import sys
import time

from . import cast, chaos, outbox, paths
from .build import build
from .client import OUTCOMES, Bar, Client, watch
from .stack import Stack, stack

sys.path.append(str(paths.ROOT / "tests"))

LIMIT_SECONDS = 300
TIME_SCALE = 0.05


def run() -> int:
    """Runs the demo; 0 only when every message is accounted for."""
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - begun:5.1f} s  {text}", flush=True)

    print("\nMailcrane demo: three mailboxes, one of them awkward, move into (a stand-in of) Amazon WorkMail.\n")
    build(say)
    with stack("demo", time_scale=TIME_SCALE, chunk_seconds=5, say=say) as local:
        say("filling three mailboxes of the IMAP server")
        players = cast.demo(local)
        say(f"{sum(p.contents.messages for p in players):,} messages, 1995 to 2026, in {sum(len(p.contents.folders) for p in players)} folders")
        local.standin.call("PUT", "knobs/all", {"latency_ms": 20, "item_ms": 4})
        client = Client(local.url, local.operator_key)
        accounts = [player.account(master=number > 0) for number, player in enumerate(players)]
        made = client.create(cast.order(local, accounts, name="Demo"))
        client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
        say(f"migration {made['id']} submitted and started; status page while this runs:")
        print(f"           {made['status_url']}\n")
        trouble = Trouble(local, Bar())
        ended = watch(client, made["id"], trouble.bar, on_look=trouble.look, limit=LIMIT_SECONDS)
        print()
        sound = _account_for(client, made["id"], players, ended)
        sound &= _prove(local, players, trouble)
        sound &= _permissions(local, players)
        _mails(local)
        print(f"\n  {'Every message is accounted for.' if sound else 'NOT every message is accounted for.'}"
              f"  ({time.monotonic() - begun:.0f} s in all)\n")
        return 0 if sound else 1


class Trouble:
    """What goes wrong on the way: one invocation is killed, one burst of throttling comes."""

    def __init__(self, local: Stack, bar: Bar):
        self.local, self.bar = local, bar
        self.killed = self.throttled = False

    def look(self, migration: dict) -> None:
        """Makes trouble when its time has come."""
        totals = migration.get("totals", {})
        share = sum(totals.get(name, 0) for name in OUTCOMES) / totals["found"] if totals.get("found") else 0
        if not self.killed and share > 0.2:
            pid = chaos.kill_one(self.local.keeper.group, self.local.deployed.function("migrate-chunk"))
            self.killed = pid is not None
            if self.killed:
                self.bar.say(f"⚡ process {pid} of migrate-chunk was killed in the middle of its work")
        if not self.throttled and share > 0.5:
            self.throttled = True
            self.local.standin.call("POST", "rules", {
                "operation": "CreateItem", "level": "fault", "code": "ErrorServerBusy", "back_off_ms": 400, "count": 6})
            self.bar.say("⚡ WorkMail answers \"server busy\" six times: everyone waits as long as it asks")


def _account_for(client: Client, number: str, players, ended: dict) -> bool:
    """Prints each account with its counts and exceptions; True when nothing failed or is open."""
    print(f"  {'mailbox':<22}{'found':>7}{'copied':>8}{'duplicate':>11}{'skipped':>9}{'failed':>8}   grade")
    sound = ended["state"] in ("finished", "finished_with_errors")
    for player, account in zip(players, client.rows(f"migrations/{number}/accounts")):
        totals = account["totals"]
        print(f"  {player.mailbox:<22}{totals['found']:>7}{totals['copied']:>8}{totals['duplicate']:>11}"
              f"{totals['skipped']:>9}{totals['failed']:>8}   {account.get('grade') or '-'}")
        sound &= totals["found"] == player.contents.messages == sum(totals[name] for name in OUTCOMES)
        sound &= totals["failed"] == 0 and str(account.get("grade", "")).startswith("complete")
        for line in client.rows(f"migrations/{number}/accounts/{account['no']}/protocol"):
            if "duplicate" not in str(line.get("code", "")):
                print(f"      {line.get('folder', '')}: {line.get('message') or line.get('reason') or line.get('code')}")
        if player is players[0]:
            _folders(client, number, account)
    return sound


def _folders(client: Client, number: str, account: dict) -> None:
    for folder in client.rows(f"migrations/{number}/accounts/{account['no']}/folders"):
        totals = folder.get("totals", folder)
        path = folder.get("path") or folder.get("name")
        print(f"      {('/'.join(path) if isinstance(path, list) else path):<44}{totals.get('found', ''):>6}{totals.get('copied', ''):>7}")


def _prove(local: Stack, players, trouble: Trouble) -> bool:
    """Compares source and destination by programs that are not ours."""
    from journeys import compare

    print("\n  imaplib reads the source, exchangelib the destination:")
    sound = trouble.killed and trouble.throttled
    for player in players:
        of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
        found = compare.differences(of, compare.destination(local.standin.ews, player.mailbox, player.password))
        same = player.untouched()
        sound &= not found and same
        print(f"      {player.mailbox:<22}{'equal' if not found else f'{len(found)} differences'}: {sum(of.letters.values())} messages; "
              f"source {'untouched' if same else 'CHANGED'}")
        for line in found[:5]:
            print(f"        {line}")
    return sound & _gateway(local, players)


def _gateway(local: Stack, players) -> bool:
    """Compares once more by IMAP through DavMail, when it is installed."""
    from journeys import compare
    from judges import davmail

    if not davmail.command():
        return True
    print("\n  imaplib reads both sides, the destination through DavMail:")
    sound = True
    with davmail.gateway(local.standin.ews, local.run / "davmail") as port:
        for player in players:
            of = compare.source("127.0.0.1", local.imapd.plain, player.source, player.source_password)
            found = davmail.differences(of, davmail.read(port, player.mailbox, player.password))
            sound &= not found
            print(f"      {player.mailbox:<22}{'equal' if not found else f'{len(found)} differences'}")
            for line in found[:5]:
                print(f"        {line}")
    return sound


def _permissions(local: Stack, players) -> bool:
    """Shows the permissions that were granted, and that none is left."""
    left = cast.settled(lambda: local.standin.call("GET", "permissions"))
    granted = [e for e in local.standin.call("GET", "log?limit=100000&operation=PutMailboxPermissions") if e["status"] == 200]
    revoked = [e for e in local.standin.call("GET", "log?limit=100000&operation=DeleteMailboxPermissions") if e["status"] == 200]
    print(f"\n  permissions of the migration administrator: {len(granted)} granted, {len(revoked)} taken back, {len(left)} left")
    return len(granted) >= len(players) and not left


def _mails(local: Stack) -> None:
    folder = paths.LOCAL / "demo-mails"
    shutil.rmtree(folder, ignore_errors=True)
    print("\n  status mails (open the files in a browser):")
    for subject, path in outbox.write(local.emulator.mails(), folder):
        print(f"      {subject}\n        {path}")
