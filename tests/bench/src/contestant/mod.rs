//! The contestants; each runs in a process of its own, so that CPU and memory are its own.

mod bare;
mod mailcrane;
mod others;

use crate::measure;
use crate::work::{Contestant, Report, Work};
use anyhow::Result;

/// Does the work and measures it.
pub(crate) async fn run(work: &Work) -> Result<Report> {
    let mut report = match work.contestant {
        Contestant::ToWorkMail | Contestant::ToImap => mailcrane::run(work).await?,
        Contestant::Mbsync => others::mbsync(work).await?,
        Contestant::Imapsync => others::imapsync(work).await?,
        Contestant::BareFetch => bare::fetch(work).await?,
        Contestant::BareWorkMail => bare::write_work_mail(work).await?,
        Contestant::BareImap => bare::write_imap(work).await?,
    };
    report.whole_cpu = measure::cpu();
    if report.peak == 0 {
        report.peak = measure::peak("self").unwrap_or(0);
    }
    Ok(report)
}
