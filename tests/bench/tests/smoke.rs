//! The bench itself works: every contestant copies a few messages and all of them arrive.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::process::Command;

#[test]
fn every_contestant_that_is_there_copies_everything() {
    let out = std::env::temp_dir().join(format!("mailcrane-bench-smoke-{}", std::process::id()));
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    // A run whose messages are not all at the destination ends the bench with an error.
    let bench = bench.args(["copy", "smoke", "--only", "ordinary 0 ms", "--out"]).arg(&out).output().unwrap();
    assert!(bench.status.success(), "{}", String::from_utf8_lossy(&bench.stderr));
    let results = std::fs::read(out.join("smoke.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    let runs = results["runs"].as_array().unwrap();
    let who: Vec<&str> = runs.iter().map(|run| run["contestant"].as_str().unwrap()).collect();
    for contestant in ["to_work_mail", "to_imap", "bare_fetch", "bare_work_mail", "bare_imap"] {
        assert!(who.contains(&contestant), "{who:?}");
    }
    assert!(std::fs::read_to_string(out.join("smoke.svg")).unwrap().contains("mailcrane imap-ews"));
    std::fs::remove_dir_all(&out).unwrap();
}
