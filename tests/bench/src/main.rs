//! The bench: Mailcrane, what people use today and the bare limits, side by side on the same work.
//!
//! `make bench` runs everything and `make bench QUICK=1` small mailboxes; the results lie in `tests/bench/results`.
//! Each run is a process of its own between servers behind links of a round trip; what lies at the destination
//! afterwards is counted, and a run that is not complete fails the bench.

#![allow(clippy::indexing_slicing, reason = "a bench stops at what it does not expect")]

mod arena;
mod contestant;
mod cost;
mod dovecot;
mod mailbox;
mod measure;
mod plot;
mod ratio;
mod relay;
mod report;
mod scale;
mod start;
mod suite;
mod table;
mod work;
mod work_mail;

use anyhow::{Context as _, Result};
use arena::Run;
use ratio::Figures;
use scale::Scale;
use std::path::{Path, PathBuf};
use suite::Scope;

/// Accounts and messages of each that are simulated.
const SCALES: [(u32, u32); 5] = [(10, 200), (100, 200), (1_000, 200), (10_000, 200), (20, 100_000)];

const USAGE: &str = "usage: bench full|quick|smoke [--out FOLDER] [--release FOLDER]   everything
       bench copy full|quick|smoke [--out FOLDER] [--only TEXT]    only what is copied
       bench scale ACCOUNTS MESSAGES                               one simulation";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(PathBuf::from)
    };
    let out = option("--out");
    let only = option("--only").map(|only| only.to_string_lossy().into_owned());
    let release = option("--release").unwrap_or_else(|| PathBuf::from("target/release"));
    let words: Vec<&str> = arguments.iter().map(String::as_str).take_while(|word| !word.starts_with("--")).collect();
    match words.as_slice() {
        ["contestant", work] => {
            let report = runtime()?.block_on(Box::pin(contestant::run(&serde_json::from_str(work)?)))?;
            println!("{}", serde_json::to_string(&report)?);
            Ok(())
        }
        ["scale", accounts, messages] => {
            println!("{}", serde_json::to_string_pretty(&scale::play(accounts.parse()?, messages.parse()?)?)?);
            Ok(())
        }
        ["copy", scope] => bench(scope, only.as_deref(), out.as_deref(), &[], &release),
        [scope @ ("quick" | "smoke")] => bench(scope, None, out.as_deref(), &SCALES[..2], &release),
        ["full"] => bench("full", None, out.as_deref(), &SCALES, &release),
        _ => anyhow::bail!("{USAGE}"),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Plays the simulations at the same time: their clocks are their own.
fn simulate(scales: &[(u32, u32)]) -> Result<Vec<Scale>> {
    let played = std::thread::scope(|scope| {
        let begin = |&(accounts, messages): &(u32, u32)| scope.spawn(move || scale::play(accounts, messages));
        let threads: Vec<_> = scales.iter().map(begin).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    played.into_iter().map(|one| one.map_err(|_panic| anyhow::anyhow!("a simulation panicked"))?).collect()
}

fn bench(name: &str, only: Option<&str>, out: Option<&Path>, scales: &[(u32, u32)], release: &Path) -> Result<()> {
    let scope = match name {
        "full" => Scope::FULL,
        "quick" => Scope::QUICK,
        "smoke" => Scope::SMOKE,
        _ => anyhow::bail!("{USAGE}"),
    };
    // First what takes no time, and would be a pity to fail over in the end.
    let starts = if only.is_none() { start::all(release)? } else { Vec::new() };
    println!("{}", report::heading());
    let tell = |run: &Run| println!("{}", report::line(run));
    let runs = runtime()?.block_on(Box::pin(suite::run(scope, only, tell)))?;
    let scale = simulate(scales)?;
    let figures = Figures { runs: &runs, scale: &scale, starts: &starts };
    println!("{}", report::summary(&figures));
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        report::write(&out.join(format!("{name}.json")), &figures, name).context("writing the results")?;
        std::fs::write(out.join(format!("{name}.svg")), plot::svg(&runs))?;
    }
    Ok(())
}
