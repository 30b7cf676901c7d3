"""The served description of the API is true: schemathesis makes requests of it, and looks at every answer."""

import os
import re
import subprocess

from rig import cast, paths
from rig.client import Client

# Everything that schemathesis knows to check, but for four things: methods without a route are answered by the gateway and not by us; a
# wrong token is told 404, as a missing migration is; and some rules, such as that a refresh token belongs to one
# mailbox, stand in no schema; an empty body is an empty object, and an unknown format is JSON.
NOT = "negative_data_rejection,unsupported_method,ignored_auth,positive_data_acceptance"


def test_every_answer_is_as_described(local, tmp_path):
    client = Client(local.url, local.operator_key)
    player = cast.add(local, "described", lambda writer: writer.small(2))
    made = client.create(cast.order(local, [player.account()]))
    settings = tmp_path / "schemathesis.toml"
    # The requests meet a real migration and its account; erasing it would leave nothing to meet.
    settings.write_text(f'[parameters]\n"path.id" = "{made["id"]}"\n"path.no" = 0\n\n'
                        '[[operations]]\ninclude-name = "DELETE /v1/migrations/{id}"\nenabled = false\n')
    done = subprocess.run(
        [paths.BIN / "schemathesis", "--config-file", settings, "run", f"{local.url}/v1/openapi.json",
         "--exclude-checks", NOT, "--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "7", "--generation-database", "none",
         "--max-time", "45", "--exclude-path", "/v1/discovery", "--header", f"Authorization: Bearer {local.operator_key}", "--no-color"],
        cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)}, text=True, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    counted = re.search(r"(\d+) generated", done.stdout)
    assert counted and int(counted.group(1)) > 100, done.stdout[-2_000:]
