"""Who may do what: the operator key creates, a migration's token reads and controls that migration only."""

import pytest
import requests
from rig import cast
from rig.client import Client, Refused


@pytest.fixture(scope="module")
def two(local):
    """Two small migrations, each with its own token."""
    player = cast.add(local, "access", lambda writer: writer.small(3))
    clients = []
    for _ in range(2):
        client = Client(local.url, local.operator_key)
        clients.append((client, client.create(cast.order(local, [player.account()]))["id"]))
    return clients


@pytest.mark.parametrize(("status", "token"), [(401, ""), (403, "wrong"), (403, "a" * 40)])
def test_nobody_creates_without_the_operator_key(local, status, token):
    answer = requests.post(f"{local.url}/v1/migrations", json={"name": "x"}, timeout=30,
                           headers={"Authorization": f"Bearer {token}"} if token else {})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_token_of_one_migration_opens_no_other(local, two):
    (first, one), (second, other) = two
    assert first.migration(one)["id"] == one
    for method, path in (("GET", ""), ("GET", "/accounts"), ("POST", "/start"), ("DELETE", "")):
        answer = requests.request(method, f"{local.url}/v1/migrations/{other}{path}", json={"at": "now"} if method == "POST" else None,
                                  headers={"Authorization": f"Bearer {first.token}", "Idempotency-Key": "k"}, timeout=30)
        assert answer.status_code in (401, 403, 404), (method, path, answer.text)
    assert second.migration(other)["id"] == other


def test_a_migration_cannot_be_read_without_a_token(local, two):
    for path in ("", "/accounts"):
        answer = requests.get(f"{local.url}/v1/migrations/{two[0][1]}{path}", timeout=30)
        assert answer.status_code in (401, 403, 404)


def test_the_token_does_not_create(local, two):
    with pytest.raises(Refused) as refusal:
        Client(local.url, two[0][0].token).create({"name": "x"})
    assert refusal.value.status in (401, 403)


def test_the_page_is_served_with_a_strict_policy(local):
    answer = requests.get(f"{local.url}/", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "unsafe-inline" not in policy and "unsafe-eval" not in policy


def test_a_post_repeated_with_its_key_creates_nothing_new(local):
    player = cast.add(local, "again", lambda writer: writer.small(2))
    headers = {"Authorization": f"Bearer {local.operator_key}", "Idempotency-Key": "the-same"}
    answers = [requests.post(f"{local.url}/v1/migrations", json=cast.order(local, [player.account()]), headers=headers, timeout=30) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201], answers[1].text
    assert answers[0].json()["id"] == answers[1].json()["id"]
