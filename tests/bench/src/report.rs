//! The table on the terminal and the results file.

use crate::arena::Run;
use crate::cost::{Cost, SIZES};
use crate::ratio::{Figures, Ratio};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// The line above the runs.
pub(crate) fn heading() -> String {
    format!(
        "{:20} {:9} {:>5} {:>4} {:>5} {:>8} {:>7} {:>7} {:>6} {:>7} {:>6} {:>6} {:>6} {:>6} {:>5} {:>5} {:>20}",
        "who",
        "mailbox",
        "ms",
        "acc.",
        "lanes",
        "msg/s",
        "MB/s",
        "s",
        "CPU s",
        "peak MB",
        "trips",
        "table",
        "queue",
        "idle s",
        "busy",
        "own",
        "CPU s: from, to, link"
    )
}

/// One run. What chunks did not spend on copying is told as `idle`; `busy` is the whole machine, `own` this bench.
#[expect(clippy::cast_precision_loss, reason = "shown in MB")]
pub(crate) fn line(run: &Run) -> String {
    let report = &run.report;
    let bill = report.bill.unwrap_or_default();
    let idle: f64 = report.chunks.iter().filter(|c| c.kind == "copy").map(|c| c.before + c.after).sum();
    format!(
        "{:20} {:9} {:>5} {:>4} {:>5} {:>8.0} {:>7.1} {:>7.2} {:>6.2} {:>7.0} {:>6} {:>6} {:>6} {:>6.2} {:>4.0}% {:>4.0}% {:>20}",
        run.contestant.name(),
        format!("{:?}", run.kind).to_lowercase(),
        run.round_trip_ms,
        run.accounts,
        run.lanes,
        run.rate(),
        run.octets as f64 / 1e6 / report.seconds.max(0.001),
        report.seconds,
        report.cpu,
        report.peak as f64 / 1e6,
        run.round_trips,
        bill.writes + bill.transactions,
        report.queued,
        idle,
        run.busy * 100.0,
        run.own * 100.0,
        format!("{:.2}, {:.2}, {:.2}", run.cpu.source, run.cpu.destination, run.cpu.links)
    )
}

/// The costs, the simulation, the functions and the ratios.
pub(crate) fn summary(figures: &Figures<'_>) -> String {
    let mut lines = Vec::new();
    if let Some(model) = figures.costs() {
        lines.push(
            "\ncost at AWS list price      a GB: compute + table + queues + keys         4,000 messages".to_owned(),
        );
        for kilobytes in SIZES {
            let (gigabyte, mailbox) = (model.gigabyte(kilobytes), model.mailbox(kilobytes));
            let Cost { compute, table, queues, keys } = gigabyte;
            lines.push(format!(
                "{kilobytes:5} KB a message   ${:.4} = {compute:.4} + {table:.4} + {queues:.5} + {keys:.5}   ${:.4}",
                gigabyte.whole(),
                mailbox.whole()
            ));
        }
    }
    if !figures.scale.is_empty() {
        lines.push(
            "\naccounts x messages   calls   $/account   last, h   an account, s   hottest key, writes/s".to_owned(),
        );
    }
    for scale in figures.scale {
        lines.push(format!(
            "{:8} x {:7}   {:6.1}   {:.6}   {:8.2}   {:5.1} to {:5.1}   {:6.2} ({})",
            scale.accounts,
            scale.messages,
            scale.calls,
            scale.dollars,
            scale.last / 3600.0,
            scale.shortest,
            scale.longest,
            scale.hottest,
            scale.hottest_key
        ));
    }
    for start in figures.starts {
        let first = start.milliseconds.map(|ms| format!(", first /next after {ms:.1} ms")).unwrap_or_default();
        lines.push(format!(
            "{:14} {:5.1} MB, {:4.1} MB deflated{first}",
            start.function, start.megabytes, start.deflated
        ));
    }
    lines.push(String::new());
    for Ratio { asked, measured, holds } in figures.ratios() {
        let verdict = match holds {
            Some(true) => "pass",
            Some(false) => "FALLS SHORT",
            None => "not judged",
        };
        lines.push(format!("{verdict:14} {asked}: {measured}"));
    }
    lines.join("\n")
}

/// Writes everything as JSON.
pub(crate) fn write(path: &Path, figures: &Figures<'_>, scope: &str) -> Result<()> {
    let costs: Vec<Value> = figures.costs().map_or_else(Vec::new, |model| {
        let line = |kb: f64| json!({"kilobytes": kb, "gigabyte": model.gigabyte(kb), "mailbox": model.mailbox(kb)});
        SIZES.map(line).to_vec()
    });
    let value = json!({
        "scope": scope,
        "cores": std::thread::available_parallelism()?.get(),
        "optimized": !cfg!(debug_assertions),
        "ratios": figures.ratios(),
        "costs": costs,
        "scale": figures.scale,
        "functions": figures.starts,
        "runs": figures.runs,
    });
    std::fs::write(path, serde_json::to_string_pretty(&value)? + "\n")?;
    Ok(())
}
