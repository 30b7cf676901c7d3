//! The programme of a bench: who does what, at which distance, how often.

use crate::arena::{Arena, Bout, Run};
use crate::mailbox::{Kind, Mailbox};
use crate::ratio::LANES;
use crate::work::Contestant;
use anyhow::Result;
use std::time::Duration;

/// Requests in flight of one lane.
const REQUESTS: usize = 16;
/// Messages of somebody else at the destination.
const FOREIGN: usize = 50_000;
/// How long a chunk copies.
const CHUNK: u64 = 240;
/// The same where hand-overs are measured.
const SHORT_CHUNK: u64 = 3;

/// How large a bench is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    /// Mailboxes are that many times smaller.
    pub(crate) divisor: usize,
    /// How often each contestant runs.
    pub(crate) times: usize,
}

impl Scope {
    pub(crate) const FULL: Self = Self { divisor: 1, times: 3 };
    pub(crate) const QUICK: Self = Self { divisor: 10, times: 1 };
    /// For the test that the bench itself works.
    pub(crate) const SMOKE: Self = Self { divisor: 200, times: 1 };
}

/// Runs everything, or what contains `only` in its title; a contestant that is not on the machine is left out.
pub(crate) async fn run(scope: Scope, only: Option<&str>, mut tell: impl FnMut(&Run)) -> Result<Vec<Run>> {
    use Contestant::{BareFetch, BareImap, BareWorkMail, Imapsync, Mbsync, ToImap, ToWorkMail};
    let draw = |kind| Mailbox::draw(kind, scope.divisor);
    let (ordinary, small, large, many) = (draw(Kind::Ordinary), draw(Kind::Small), draw(Kind::Large), draw(Kind::Many));
    let bout = |contestant, mailbox, ms| Bout {
        contestant,
        mailbox,
        divisor: scope.divisor,
        round_trip: Duration::from_millis(ms),
        accounts: 1,
        lanes: LANES,
        requests: REQUESTS,
        chunk_seconds: CHUNK,
        foreign: 0,
        delta: false,
    };
    let mut bouts = Vec::new();
    let today = [(Mbsync, "mbsync"), (Imapsync, "imapsync")];
    let today = today.into_iter().filter(|(_, program)| is_there(program)).map(|(contestant, _)| contestant);
    let all: Vec<Contestant> =
        [ToWorkMail, ToImap, BareFetch, BareWorkMail, BareImap].into_iter().chain(today).collect();
    for ms in [30, 0, 100] {
        // The judged distance runs as often as asked; the others show the course.
        let times = if ms == 30 { scope.times } else { 1 };
        for _ in 0..times {
            bouts.extend(all.iter().map(|contestant| bout(*contestant, &ordinary, ms)));
        }
    }
    for _ in 0..scope.times.min(2) {
        bouts.extend([0, 100].map(|ms| bout(ToWorkMail, &small, ms)));
        bouts.push(Bout { foreign: FOREIGN / scope.divisor, ..bout(ToWorkMail, &small, 0) });
        bouts.extend(
            [ToWorkMail, ToImap, BareWorkMail]
                .map(|contestant| Bout { accounts: 8, ..bout(contestant, &ordinary, 30) }),
        );
    }
    bouts.push(bout(ToImap, &small, 100));
    bouts.push(Bout { lanes: 1, ..bout(ToWorkMail, &ordinary, 30) });
    bouts.push(Bout { lanes: 1, ..bout(ToWorkMail, &large, 30) });
    bouts.push(Bout { lanes: 1, chunk_seconds: SHORT_CHUNK, ..bout(ToWorkMail, &small, 100) });
    bouts.push(Bout { delta: true, ..bout(ToWorkMail, &many, 0) });
    bouts.retain(|bout| only.is_none_or(|only| bout.title().contains(only)));
    let mut mailboxes = vec![&ordinary, &small, &large, &many];
    mailboxes.retain(|mailbox| bouts.iter().any(|bout| bout.mailbox.kind == mailbox.kind));
    let mut arena = Arena::open(&mailboxes).await?;
    // The server numbers its messages and fills its caches before anything counts.
    for mailbox in mailboxes {
        arena.run(bout(BareFetch, mailbox, 0)).await?;
    }
    let mut runs = Vec::new();
    for bout in bouts {
        for last in [false, true] {
            match arena.run(bout).await {
                Ok(run) => {
                    tell(&run);
                    runs.push(run);
                    break;
                }
                // One contestant's bad luck is told and does not end the others' day; that of ours ends it.
                Err(error) if last && bout.contestant.is_ours() => return Err(error),
                Err(error) => eprintln!("{} failed: {error:#}", bout.title()),
            }
        }
    }
    Ok(runs)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}
