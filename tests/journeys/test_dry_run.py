"""A dry run of a start tells what would happen, and then just that happens."""

from rig import cast
from rig.client import watch

LIMIT = 180


def items(local) -> dict[str, str]:
    """Everything that the tables hold, but for what passing time alone changes."""
    dynamo, found = local.emulator.client("dynamodb"), {}
    for table in dynamo.list_tables()["TableNames"]:
        for page in dynamo.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                key = str(sorted((name, str(value)) for name, value in item.items() if name.lower() in ("pk", "sk")))
                if "RATE#" not in key and "ADMISSION" not in key:
                    found[f"{table} {key}"] = str(sorted(item.items()))
    return found


def test_a_dry_run_tells_what_the_start_does_and_changes_nothing(local, client):
    player = cast.add(local, "dry", lambda writer: writer.mixed(120, oddities=False), seed=41)
    made = client.create(cast.order(local, [player.account()], name="dry"))
    cast.settled(lambda: client.call("GET", f"migrations/{made['id']}")["state"] != "ready")
    left_out = next(name for name in player.contents.folders if name != "INBOX")
    client.call("PATCH", f"migrations/{made['id']}", {"options": {"exclude_folders": [left_out]}})
    ours = lambda: {key: item for key, item in items(local).items() if made["id"] in key}  # noqa: E731
    before = ours()
    told = client.call("POST", f"migrations/{made['id']}/start", {"dry_run": True})
    assert ours() == before and len(before) > 3
    assert client.call("GET", f"migrations/{made['id']}")["state"] == "ready"
    assert told["refusals"] == [] and told["accounts"] == {"copied": 1, "unticked": 0, "check_failed": 0, "uncounted": 0}
    assert told["messages"] == player.contents.messages, "the analysis counted before the folder was left out"
    fates = {"/".join(one["path"]): one for one in told["folders"]}
    assert fates[left_out]["skipped"] and not fates[left_out]["destination_path"]

    client.call("POST", f"migrations/{made['id']}/start", {"at": "now"})
    assert watch(client, made["id"], limit=LIMIT)["state"] == "finished"
    folders = client.rows(f"migrations/{made['id']}/accounts/0/folders")
    become = {"/".join(one["path"]): (one["destination_path"], bool(one.get("skipped"))) for one in folders}
    for path, fate in fates.items():
        destination, skipped = become[path]
        assert skipped == bool(fate["skipped"]), path
        assert skipped or destination == fate["destination_path"], path
    again = client.call("POST", f"migrations/{made['id']}/delta", {"dry_run": True})
    assert again["refusals"] == [] and again["at_most"]
