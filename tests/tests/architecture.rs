//! Imports point down only: who may depend on whom, read from `cargo metadata`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const FUNCTIONS: [&str; 7] = ["submit", "status", "check", "analyze", "migrate-chunk", "notify", "sweep"];

/// A tool that is never shipped.
const BENCH: &str = "mailcrane-bench";

/// Which of our crates each of our crates may use, besides the testkit in tests.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "mailcrane-core" => &[],
        "mailcrane-mime"
        | "mailcrane-imap"
        | "mailcrane-ews"
        | "mailcrane-aws"
        | "mailcrane-testkit"
        | "mailcrane-providers" => &["mailcrane-core"],
        "mailcrane-lambda" => &["mailcrane-core", "mailcrane-engine"],
        "mailcrane-engine" => &["mailcrane-core", "mailcrane-mime"],
        "mailcrane-ends" => &["mailcrane-core", "mailcrane-imap", "mailcrane-ews", "mailcrane-providers"],
        "workmail" | "mailcrane-tests" => &[],
        BENCH => &["mailcrane-core", "mailcrane-engine", "mailcrane-ends", "mailcrane-testkit"],
        name if FUNCTIONS.contains(&name) => &[
            "mailcrane-core",
            "mailcrane-engine",
            "mailcrane-lambda",
            "mailcrane-aws",
            "mailcrane-ends",
            "mailcrane-imap",
            "mailcrane-ews",
            "mailcrane-providers",
        ],
        _ => return None,
    })
}

fn metadata() -> serde_json::Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Name of each of our crates to what it depends on: (name, kind), where the kind of an ordinary dependency is null.
fn crates() -> BTreeMap<String, Vec<(String, Option<String>)>> {
    let metadata = metadata();
    let of = |package: &serde_json::Value| {
        let text = |v: &serde_json::Value| v.as_str().map(str::to_owned);
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let dependencies = dependencies.map(|d| (text(&d["name"]).unwrap(), text(&d["kind"]))).collect();
        (text(&package["name"]).unwrap(), dependencies)
    };
    metadata["packages"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn imports_point_down_only() {
    let crates = crates();
    let ours: BTreeSet<&String> = crates.keys().collect();
    for (name, dependencies) in &crates {
        let allowed = allowed(name).unwrap_or_else(|| panic!("{name} has no place in the house yet"));
        for (dependency, kind) in dependencies.iter().filter(|(d, _)| ours.contains(d)) {
            let in_tests = kind.as_deref() == Some("dev");
            assert!(in_tests || allowed.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn the_testkit_is_for_tests_only() {
    for (name, dependencies) in crates().into_iter().filter(|(name, _)| name != BENCH) {
        let ships = dependencies.iter().any(|(d, kind)| d == "mailcrane-testkit" && kind.as_deref() != Some("dev"));
        assert!(!ships, "{name} ships the testkit");
    }
}

#[test]
fn core_knows_no_runtime_and_no_network() {
    let crates = crates();
    for (dependency, _) in crates["mailcrane-core"].iter().chain(&crates["mailcrane-mime"]) {
        assert!(!["tokio", "reqwest", "hyper", "async-imap"].contains(&dependency.as_str()), "{dependency}");
    }
}
