"""Deliberately broken engines, each of which the crash sweep or the passes must catch: `make mutants`.

A mutant is one replacement in one file of a copy of the tree. A mutant that no test catches fails the run, and so does
one whose place in the code is gone: then the mutant must follow the code.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / ".local" / "mutants"
ENGINE = "shared/engine/src/"

MUTANTS = [
    (
        "recorded before it is stored",
        "copy/copier/reading.rs",
        "                work.open += 1;\n",
        "                work.open += 1;\n                work.resolve(row.clone());\n",
    ),
    (
        "what was intended is not looked for",
        "copy/lease.rs",
        "    if settle {\n",
        "    if settle && false {\n",
    ),
    (
        "the generation of a token is not looked at",
        "lane.rs",
        "if lane.generation != token.generation || lane.pass != token.pass {",
        "if lane.pass != token.pass {",
    ),
    (
        "settled without quarantine",
        "copy/lease.rs",
        "            Some(until) if until > now => Candidate::Later(until),\n",
        "            Some(until) if until > now && false => Candidate::Later(until),\n",
    ),
    (
        "an abandoned slice without quarantine",
        "copy/lease.rs",
        "Candidate::Abandoned(later(end, times.quarantine))",
        "Candidate::Settle",
    ),
    (
        "a duplicate by its header alone",
        "copy/decision.rs",
        "        && digest == facts.digest\n",
        "        && (digest == facts.digest || true)\n",
    ),
    (
        "late copies are left where they are",
        "verify.rs",
        "    for item in surplus(destination, target, folder, &doubled, &kept).await? {\n",
        "    for item in surplus(destination, target, folder, &doubled, &kept).await?.into_iter().take(0) {\n",
    ),
    (
        "a planner that lost its lane goes on writing slices",
        "plan/planner.rs",
        "            let mut writes = vec![ours.clone()];\n",
        "            let mut writes = Vec::new();\n            let _ = &ours;\n",
    ),
    (
        "a lost continuation is not swept",
        "sweep.rs",
        "    if key.sk.starts_with(\"L#\") {\n",
        "    if key.sk.starts_with(\"L#\") && false {\n",
    ),
]


def main() -> int:
    """Tries every mutant (or those whose names hold the argument); 0 when all are caught."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, (entry.decode() for entry in listed)):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)
    caught = survived = 0
    for name, file, old, new in MUTANTS:
        if wanted not in name:
            continue
        begun, path = time.monotonic(), COPY / ENGINE / file
        sound = path.read_text()
        if sound.count(old) != 1:
            print(f"  gone      {name}: its place in {file} is not there (or there twice)")
            survived += 1
            continue
        path.write_text(sound.replace(old, new))
        what = _try()
        path.write_text(sound)
        seconds = time.monotonic() - begun
        print(f"  {what:<9} {name} ({seconds:.0f} s)", flush=True)
        caught, survived = caught + (what == "caught"), survived + (what != "caught")
    print(f"{caught} passed, {survived} failed")
    return 1 if survived or not caught else 0


def _try() -> str:
    tests = ["cargo", "test", "-q", "-p", "mailcrane-engine", "--test", "passes", "--test", "crash_sweep", "--no-fail-fast"]
    build = subprocess.run([*tests, "--no-run"], cwd=COPY, capture_output=True, text=True, check=False)
    if build.returncode:
        print(build.stderr[-2000:])
        return "unbuilt"
    ran = subprocess.run(tests, cwd=COPY, capture_output=True, text=True, check=False, timeout=900)
    return "caught" if ran.returncode else "SURVIVED"


if __name__ == "__main__":
    sys.exit(main())
