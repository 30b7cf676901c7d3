"""Deliberately broken engines, each of which the tests must catch: `make mutants`.

A mutant is one replacement in one file of a copy of the tree, which itself is never touched. The crash sweep and the
passes must catch every one; the random schedules (`tests/faults`) those that are marked for them: they judge the end
alone, and a second copy that an engine makes is removed by its verification. A mutant that is not caught fails the run,
and so does one whose place in the code is gone: then the mutant must follow the code.

It builds in the target directory of the tree, since what is not ours is compiled there: build nothing else meanwhile.

    run.py [PART OF A NAME]
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".local" / "mutants"
ENGINE = "shared/engine/src/"

# What is not ours is compiled already; what was broken is forgotten in the end.
TARGET = ROOT / "target"

# How many random schedules a broken engine may survive.
SCHEDULES = 40

# How many seconds the tests may take that take one without a mutant; an engine that runs in a circle is caught by it.
PATIENCE = 240

SWEEP = ["--test", "theatre"]
FAULTS = ["--test", "faults"]


@dataclass
class Mutant:
    """One way to break the engine; `faults`: the random schedules must catch it, too."""

    name: str
    file: str
    old: str
    new: str
    faults: bool = False


MUTANTS = [
    Mutant(
        "recorded before it is stored",
        "copy/copier/reading.rs",
        "                work.open += 1;\n",
        "                work.open += 1;\n                work.resolve(row.clone());\n",
    ),
    Mutant(
        "sent without being intended",
        "copy/work.rs",
        "        self.doubt.is_none() && Some(uid) <= self.slice.record.intended_to\n",
        "        self.doubt.is_none() && (Some(uid) <= self.slice.record.intended_to || true)\n",
    ),
    Mutant(
        "what was intended is not looked for",
        "copy/lease.rs",
        "    } else if settle {\n",
        "    } else if settle && false {\n",
    ),
    Mutant(
        "the generation of a token is not looked at",
        "lane.rs",
        "if lane.generation != token.generation || lane.pass != token.pass {",
        "if lane.pass != token.pass {",
    ),
    Mutant(
        "whoever comes takes a lane that is held",
        "lane.rs",
        "            (free_at > now).then_some(Dropped::Superseded)\n",
        "            (free_at > now && false).then_some(Dropped::Superseded)\n",
    ),
    Mutant(
        "settled without quarantine",
        "copy/lease.rs",
        "            Some(until) if until > now => Candidate::Later(until),\n",
        "            Some(until) if until > now && false => Candidate::Later(until),\n",
    ),
    Mutant(
        "an abandoned slice without quarantine",
        "copy/lease.rs",
        "Candidate::Abandoned(later(end, times.quarantine))",
        "Candidate::Settle",
    ),
    Mutant(
        "a request that outlives its lease",
        "copy/copier/sending.rs",
        "        if lease_left <= features.request_limit || ",
        "        if lease_left.is_zero() && false || ",
    ),
    Mutant(
        "a duplicate by its header alone",
        "copy/decision.rs",
        "        && digest == facts.digest\n",
        "        && (digest == facts.digest || true)\n",
    ),
    Mutant(
        "late copies are left where they are",
        "verify.rs",
        "lane, surplus).await.map_err(ChunkError::from)?? {\n",
        "lane, surplus).await.map_err(ChunkError::from)??.into_iter().take(0) {\n",
        faults=True,
    ),
    Mutant(
        "a planner that lost its lane goes on writing slices",
        "plan/writer.rs",
        "let ours = Write::Check(lane.key.clone(), Expect::Version(lane.version));",
        "let ours = Write::Check(lane.key.clone(), Expect::Anything);",
    ),
    Mutant(
        "a lost continuation is not swept",
        "sweep.rs",
        "    if key.sk.starts_with(\"L#\") {\n",
        "    if key.sk.starts_with(\"L#\") && false {\n",
        faults=True,
    ),
    Mutant(
        "what is given up is not verified",
        "account.rs",
        "        MigrationState::Cancelling if account.has_copied() => After::Verify,\n",
        "",
    ),
    Mutant(
        "undo leaves what was intended and not recorded",
        "undo.rs",
        "self.items.get(id) == Some(key) || self.intended.iter().any(intended)",
        "self.items.get(id) == Some(key) || (self.intended.iter().any(intended) && false)",
    ),
]


def main() -> int:
    """Tries every mutant (or those whose names hold the argument); 0 when all are caught."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    _copy()
    mutants = [mutant for mutant in MUTANTS if wanted in mutant.name]
    if any(mutant.faults for mutant in mutants):
        subprocess.run(["cargo", "build", "-q", "--workspace", "--bin", "workmail"], cwd=ROOT, check=True)
    try:
        results = _judged(mutants)
    finally:
        for built in (TARGET / "debug" / ".fingerprint").glob("mailcrane-engine-*"):
            shutil.rmtree(built)
    survived = sum(result != "caught" for result in results)
    print(f"{len(results) - survived} passed, {survived} failed")
    return 1 if survived or not results else 0


def _judged(mutants: list[Mutant]) -> list[str]:
    """Tries every mutant; returns what became of each trial."""
    results = []
    for mutant in mutants:
        path = COPY / ENGINE / mutant.file
        sound = path.read_text() if path.is_file() else ""
        if sound.count(mutant.old) != 1:
            results.append("gone")
            print(f"  gone      {mutant.name}: its place in {mutant.file} is not there (or there twice)", flush=True)
            continue
        path.write_text(sound.replace(mutant.old, mutant.new))
        for judge, tests in (("sweep", SWEEP), ("faults", FAULTS)):
            if judge == "sweep" or mutant.faults:
                begun = time.monotonic()
                result, by = _try(tests)
                results.append(result)
                print(f"  {result:<9} {mutant.name}, by {judge}: {by} ({time.monotonic() - begun:.0f} s)", flush=True)
        path.write_text(sound)
    return results


def _copy() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, (entry.decode() for entry in listed)):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def _try(tests: list[str]) -> tuple[str, str]:
    """Runs tests over the copy; says whether they fail, and the first sign of it."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "SEEDS": str(SCHEDULES), "RUST_BACKTRACE": "0"}
    environment.pop("SEED", None)
    # The features of the whole workspace, as everything else is built with them.
    command = ["cargo", "test", "-q", "--workspace", *tests]
    build = subprocess.run([*command, "--no-run"], cwd=COPY, env=environment, capture_output=True, text=True, check=False)
    if build.returncode:
        return "unbuilt", build.stderr[-2000:]
    # A session of its own: what does not end is ended with everything it has begun.
    ran = subprocess.Popen(command, cwd=COPY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True, errors="replace", start_new_session=True)
    try:
        told, _ = ran.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(ran.pid, signal.SIGKILL)
        ran.communicate()
        return "caught", "it does not end"
    if ran.returncode == 0:
        return "SURVIVED", "all tests pass"
    signs = re.findall(r"^\d+ schedules: .*|^test (\S+) \.\.\. FAILED|^    ([a-z_]{20,})$", told, re.M)
    summary = re.search(r"^\d+ schedules: .*", told, re.M)
    names = [first or second for first, second in signs if first or second]
    return "caught", summary.group(0) if summary else (names[0] if names else "a test fails")


if __name__ == "__main__":
    sys.exit(main())
