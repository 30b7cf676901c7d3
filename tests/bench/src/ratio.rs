//! What is asked of the figures, and whether it holds.

use crate::arena::Run;
use crate::cost;
use crate::mailbox::Kind;
use crate::scale::Scale;
use crate::start::Start;
use crate::work::Contestant;
use serde::Serialize;

/// One demand.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    pub(crate) asked: String,
    pub(crate) measured: String,
    /// Nothing when it could not be judged.
    pub(crate) holds: Option<bool>,
}

/// The lanes of an account.
pub(crate) const LANES: u16 = 4;

/// All runs of one bench.
pub(crate) struct Figures<'a> {
    pub(crate) runs: &'a [Run],
    pub(crate) scale: &'a [Scale],
    pub(crate) starts: &'a [Start],
}

pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl Figures<'_> {
    fn of(&self, contestant: Contestant, kind: Kind, ms: u64, accounts: usize, lanes: u16) -> Vec<&Run> {
        let fits = |run: &&Run| {
            run.contestant == contestant
                && run.kind == kind
                && run.round_trip_ms == ms
                && run.accounts == accounts
                && run.lanes == lanes
                && run.foreign == 0
        };
        self.runs.iter().filter(fits).collect()
    }

    fn rate(&self, contestant: Contestant, ms: u64) -> Option<f64> {
        median(self.of(contestant, Kind::Ordinary, ms, 1, LANES).iter().map(|run| run.rate()).collect())
    }

    fn middle(&self, kind: Kind, ms: u64) -> Option<&Run> {
        let mut runs = self.of(Contestant::ToWorkMail, kind, ms, 1, LANES);
        runs.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
        runs.get(runs.len() / 2).copied()
    }

    /// The model of costs at 30 ms.
    pub(crate) fn costs(&self) -> Option<cost::Model> {
        Some(cost::Model::of(self.middle(Kind::Small, 100)?, self.middle(Kind::Ordinary, 100)?))
    }

    /// Seconds that a hand-over costs: from the last answer of one chunk to the first message of the next.
    pub(crate) fn hand_over(&self) -> Option<f64> {
        let chunks = || self.runs.iter().filter(|run| run.round_trip_ms == 100).flat_map(|run| &run.report.chunks);
        let copying = || chunks().filter(|chunk| chunk.kind == "copy" && chunk.before < chunk.whole);
        let before = median(copying().filter(|c| c.continues).map(|c| c.before).collect())?;
        let after = median(copying().map(|chunk| chunk.after).collect())?;
        Some(before + after)
    }

    fn versus(&self, asked: &str, a: Option<f64>, b: Option<f64>, least: f64) -> Ratio {
        let measured = match (a, b) {
            (Some(a), Some(b)) => format!("{:.2} ({a:.0} against {b:.0} msg/s)", a / b),
            _ => "not measured".to_owned(),
        };
        Ratio { asked: asked.to_owned(), measured, holds: a.zip(b).map(|(a, b)| a / b >= least) }
    }

    fn most(asked: &str, measured: Option<f64>, unit: &str, most: f64) -> Ratio {
        let text = measured.map_or("not measured".to_owned(), |value| format!("{value:.4} {unit}"));
        Ratio { asked: asked.to_owned(), measured: text, holds: measured.map(|value| value <= most) }
    }

    /// Every demand with its figure.
    pub(crate) fn ratios(&self) -> Vec<Ratio> {
        use Contestant::{BareFetch, BareWorkMail, Mbsync, ToImap, ToWorkMail};
        let mbsync = self.rate(Mbsync, 30);
        let limit = self.rate(BareFetch, 30).zip(self.rate(BareWorkMail, 30)).map(|(a, b)| a.min(b));
        let steady = |ms| {
            median(self.of(ToWorkMail, Kind::Small, ms, 1, LANES).iter().filter_map(|run| run.report.steady).collect())
        };
        #[expect(clippy::cast_precision_loss, reason = "shown in MB")]
        let peak = |kind| {
            let runs = self.of(ToWorkMail, kind, 30, 1, 1);
            runs.iter().map(|run| run.report.peak as f64 / 1e6).max_by(f64::total_cmp)
        };
        let start = self.starts.iter().filter_map(|start| start.milliseconds).max_by(f64::total_cmp);
        let largest = |size: fn(&Start) -> f64| self.starts.iter().map(size).max_by(f64::total_cmp);
        let cost = self.costs().map(|model| model.gigabyte(55.0).whole());
        let eight = |contestant| {
            let runs = self.of(contestant, Kind::Ordinary, 30, 8, LANES);
            runs.iter().map(|run| run.rate()).max_by(f64::total_cmp)
        };
        vec![
            self.versus("imap-imap at 30 ms >= 10 x mbsync", self.rate(ToImap, 30), mbsync, 10.0),
            self.versus("imap-ews at 30 ms >= 0.5 x the slower bare limit", self.rate(ToWorkMail, 30), limit, 0.5),
            self.versus("imap-ews at 30 ms >= 5 x mbsync", self.rate(ToWorkMail, 30), mbsync, 5.0),
            self.versus("small messages, steady: 100 ms >= 0.75 x 0 ms", steady(100), steady(0), 0.75),
            self.at_once(ToWorkMail, "imap-ews"),
            self.versus(
                "8 accounts at once, imap-ews, >= 0.5 x the bare write of 8",
                eight(ToWorkMail),
                eight(BareWorkMail),
                0.5,
            ),
            self.at_once(ToImap, "imap-imap"),
            Self::most("peak memory of a chunk, ordinary mail <= 96 MB", peak(Kind::Ordinary), "MB", 96.0),
            Self::most("the same, messages of 20 MB <= 124 MB", peak(Kind::Large), "MB", 124.0),
            Self::most("hand-over at 100 ms <= 1 % of 240 s", self.hand_over(), "s", 2.4),
            Self::most("start of a function to its first /next <= 30 ms", start, "ms", 30.0),
            Self::most("largest binary <= 15 MB", largest(|start| start.megabytes), "MB", 15.0),
            Self::most("largest binary, deflated <= 6 MB", largest(|start| start.deflated), "MB", 6.0),
            Self::most("cost per GB at 55 KB a message <= $0.01", cost, "$", 0.01),
            self.delta(),
            self.versus("copying beside 50,000 foreign messages >= 0.9 of without", self.beside(), steady(0), 0.9),
            Self::most("memory that those take <= 64 MB", self.beside_memory(), "MB", 64.0),
            self.flat(),
            Self::most(
                "no key takes more than 300 writes/s",
                self.scale.iter().map(|scale| scale.hottest).max_by(f64::total_cmp),
                "writes/s",
                300.0,
            ),
        ]
    }

    /// What eight accounts at once come to, beside one.
    fn at_once(&self, contestant: Contestant, way: &str) -> Ratio {
        let one = self.rate(contestant, 30);
        let eight = self.of(contestant, Kind::Ordinary, 30, 8, LANES);
        // The rate and what was left of the CPU are those of one run.
        let best = eight.iter().max_by(|a, b| a.rate().total_cmp(&b.rate()));
        let asked = format!("8 accounts at once, {way}, >= 5 x one account, or no CPU is left");
        let mut ratio = self.versus(&asked, best.map(|run| run.rate()), one, 5.0);
        if let Some(run) = best {
            // What begins and ends alone leaves CPU over; while all copy, none may be left.
            let copying = run.report.steady_busy.unwrap_or(run.busy);
            let [copying_shown, busy, own] = [copying, run.busy, run.own].map(|share| share * 100.0);
            ratio.measured = format!(
                "{}, CPU {copying_shown:.0} % busy while all copied, {busy:.0} % over all, {own:.0} % with this bench",
                ratio.measured
            );
            ratio.holds = ratio.holds.map(|holds| holds || copying >= 0.9);
        }
        ratio
    }

    fn foreign(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.foreign > 0)
    }

    /// The steady rate into a folder that holds messages of somebody else.
    fn beside(&self) -> Option<f64> {
        median(self.foreign().filter_map(|run| run.report.steady).collect())
    }

    /// What these cost of memory, in MB.
    #[expect(clippy::cast_precision_loss, reason = "shown in MB")]
    fn beside_memory(&self) -> Option<f64> {
        let peak = |run: &Run| run.report.peak as f64 / 1e6;
        let with = median(self.foreign().map(peak).collect())?;
        let without =
            median(self.of(Contestant::ToWorkMail, Kind::Small, 0, 1, LANES).into_iter().map(peak).collect())?;
        Some((with - without).max(0.0))
    }

    /// Chunk time of a delta over a mailbox that has not changed.
    fn delta(&self) -> Ratio {
        let run = self.runs.iter().find(|run| !run.report.delta.is_empty());
        let seconds = run.map(|run| run.report.delta.iter().map(|chunk| chunk.whole).sum());
        let messages = run.map_or(0, |run| run.messages);
        Self::most(&format!("a delta over {messages} messages unchanged <= 3 s of chunks"), seconds, "s", 3.0)
    }

    /// Control-plane cost of an account over sizes of a migration.
    fn flat(&self) -> Ratio {
        let asked = "cost of an account is flat within a tenth, 10 to the most accounts".to_owned();
        let costs: Vec<f64> =
            self.scale.iter().filter(|scale| scale.messages == 200).map(|scale| scale.dollars).collect();
        let most = costs.iter().copied().max_by(f64::total_cmp);
        let least = costs.iter().copied().min_by(f64::total_cmp);
        let Some((most, least)) = most.zip(least) else {
            return Ratio { asked, measured: "not measured".to_owned(), holds: None };
        };
        let measured = format!("{:.3} (${least:.6} to ${most:.6})", most / least);
        Ratio { asked, measured, holds: Some(most / least <= 1.1) }
    }
}
