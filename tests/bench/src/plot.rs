//! A plot of the rates over the distance, as SVG.

use crate::arena::Run;
use crate::mailbox::Kind;
use crate::ratio::median;
use crate::work::Contestant;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 170.0;
const BAR: f64 = 16.0;

/// Draws the medians of the ordinary mailbox: for each distance a bar for each contestant.
pub(crate) fn svg(runs: &[Run]) -> String {
    let mut rates: BTreeMap<(u64, Contestant), Vec<f64>> = BTreeMap::new();
    let wanted = |run: &&Run| run.kind == Kind::Ordinary && run.accounts == 1 && run.lanes == crate::ratio::LANES;
    for run in runs.iter().filter(wanted) {
        rates.entry((run.round_trip_ms, run.contestant)).or_default().push(run.rate());
    }
    let bars: Vec<_> = rates.into_iter().filter_map(|(of, rates)| Some((of, median(rates)?))).collect();
    let most = bars.iter().map(|(_, rate)| *rate).fold(1.0, f64::max);
    let (mut body, mut y, mut group) = (String::new(), 34.0, None);
    for ((ms, contestant), rate) in bars {
        if group != Some(ms) {
            group = Some(ms);
            y += 12.0;
            let _ =
                writeln!(body, "<text x=\"8\" y=\"{:.0}\" font-weight=\"bold\">{ms} ms round trip</text>", y + 12.0);
            y += BAR + 4.0;
        }
        let colour = match contestant {
            Contestant::ToWorkMail | Contestant::ToImap => "#1f6f8b",
            Contestant::Mbsync | Contestant::Imapsync => "#c0603a",
            _ => "#b9b9b9",
        };
        let width = (rate / most * (WIDTH - LEFT - 90.0)).max(1.0);
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{:.0}\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\">{rate:.0}</text>",
            LEFT - 8.0,
            y + 12.0,
            contestant.name(),
            BAR - 3.0,
            LEFT + width + 6.0,
            y + 12.0
        );
        y += BAR;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{:.0}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"22\" font-size=\"15\">Messages a second, one account of ordinary mail</text>\n{body}</svg>\n",
        y + 12.0
    )
}
