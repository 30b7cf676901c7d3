//! What a seed stands for: a mailbox, a chain of passes, what is done meanwhile, and how often which mishap strikes.

use fastrand::Rng;
use mailcrane_core::record::PassKind;
use mailcrane_core::settings::{Settings, Sizes, Times};
use std::time::Duration;

/// Everything runs a hundred times faster: a lease of 0.9 s, a quarantine of 1.8 s.
const SCALE: f64 = 0.01;

/// One schedule.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    /// How many times slower everything runs than on a machine that keeps up.
    pub(crate) pace: u32,
    pub(crate) settings: Settings,
    pub(crate) folders: Vec<FolderPlan>,
    pub(crate) passes: Vec<PassKind>,
    /// What happens after the start of the pass of that number, from 0.
    pub(crate) acts: Vec<(usize, Duration, Act)>,
    pub(crate) over_tls: bool,
    pub(crate) chances: Chances,
    /// Messages that the destination holds before the first pass.
    pub(crate) foreign: u32,
}

/// A folder of the source and how many messages it holds.
#[derive(Debug, Clone)]
pub(crate) struct FolderPlan {
    /// As Maildir++ spells it; empty for INBOX.
    pub(crate) name: &'static str,
    /// Octets of the messages.
    pub(crate) sizes: Vec<usize>,
    /// How many of the first messages are there twice.
    pub(crate) twins: usize,
}

/// What somebody does while a pass is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A message arrives.
    Deliver,
    /// A message is deleted for good.
    Expunge,
    /// A message is moved to another folder.
    Move,
    /// A folder gets another UIDVALIDITY.
    Renumber,
    /// The migration is paused, and goes on once it rests.
    Pause,
    /// The migration is cancelled, and another one begins.
    Cancel,
    /// WorkMail is killed and comes back.
    Kill,
}

/// How likely a mishap is and how often it may strike.
pub(crate) type Chance = (f64, u32);

/// The chances of every kind of mishap.
#[derive(Debug, Clone)]
pub(crate) struct Chances {
    pub(crate) source_cut: Chance,
    pub(crate) destination_cut: Chance,
    pub(crate) table_cut: Chance,
    pub(crate) table_throttled: Chance,
    pub(crate) table_answer_lost: Chance,
    pub(crate) table_fails_before: Chance,
    pub(crate) table_fails_after: Chance,
    pub(crate) send_fails: Chance,
    pub(crate) send_answer_lost: Chance,
    pub(crate) delivery_lost: Chance,
    pub(crate) delivered_twice: Chance,
    pub(crate) delivered_late: Chance,
    pub(crate) process_gone: Chance,
    pub(crate) process_frozen: Chance,
    pub(crate) answer_lost: Chance,
    pub(crate) effect_late: Chance,
    pub(crate) answer_late: Chance,
    pub(crate) part_of_request: Chance,
    pub(crate) busy: Chance,
    pub(crate) http_error: Chance,
    pub(crate) item_refused: Chance,
    pub(crate) stored_twice: Chance,
}

impl Schedule {
    pub(crate) fn draw(seed: u64, pace: u32) -> Self {
        let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x6d61_696c);
        let folders = folders(&mut random);
        let passes = passes(&mut random);
        let acts = acts(&mut random, passes.len());
        let pick = |random: &mut Rng, of: &[usize]| of[random.usize(0..of.len())];
        let sizes = Sizes {
            slice_messages: pick(&mut random, &[12, 25, 60]) as u64,
            window_messages: pick(&mut random, &[3, 6, 15]),
            window_octets: 64 << 10,
            windows_ahead: random.usize(1..=3),
            memory_octets: 256 << 10,
            lanes: random.u16(1..=3),
            scan_step: 50,
            idle_chunks: 60,
            ..Sizes::default()
        };
        let chunk = Duration::from_millis(random.u64(200..1500)) * pace;
        // A call of the table takes a hundredth of this in earnest: lanes that look again at once would do nothing else.
        let idle = Duration::from_millis(150);
        let times = Times { chunk, idle, ..Times::default().scaled(SCALE * f64::from(pace)) };
        let settings = Settings { times, sizes, ..Settings::default() };
        let (over_tls, foreign) = (random.u8(0..5) == 0, if random.bool() { 0 } else { random.u32(1..20) });
        let chances = Chances::draw(&mut random);
        Self { seed, pace, settings, folders, passes, acts, over_tls, chances, foreign }
    }

    /// Returns how long an effect may be late at most: well within the quarantine.
    pub(crate) fn latest(&self) -> Duration {
        self.settings.times.quarantine.mul_f64(0.6)
    }
}

fn folders(random: &mut Rng) -> Vec<FolderPlan> {
    let names = ["", ".Sent", ".Projekte", ".Projekte.Alt"];
    let number = random.usize(1..=names.len());
    let messages = random.usize(50..=150) / number;
    names.into_iter().take(number).map(|name| folder(random, name, messages.max(8))).collect()
}

fn folder(random: &mut Rng, name: &'static str, messages: usize) -> FolderPlan {
    let octets = |random: &mut Rng| match random.u8(0..100) {
        0..70 => random.usize(300..2_000),
        70..97 => random.usize(2_000..20_000),
        _ => random.usize(60_000..200_000),
    };
    FolderPlan { name, sizes: (0..messages).map(|_| octets(random)).collect(), twins: random.usize(0..5) }
}

fn passes(random: &mut Rng) -> Vec<PassKind> {
    use PassKind::{Delta, Full, Prestage, Trial};
    match random.u8(0..10) {
        0..4 => vec![Full],
        4..7 => vec![Full, Delta],
        7 => vec![Trial, Full],
        8 => vec![Prestage, Full],
        _ => vec![Full, Delta, Delta],
    }
}

fn acts(random: &mut Rng, passes: usize) -> Vec<(usize, Duration, Act)> {
    let kinds = [
        (Act::Deliver, 0.5),
        (Act::Deliver, 0.3),
        (Act::Expunge, 0.4),
        (Act::Expunge, 0.2),
        (Act::Move, 0.35),
        (Act::Renumber, 0.3),
        (Act::Pause, 0.2),
        (Act::Cancel, 0.12),
        (Act::Kill, 0.25),
        (Act::Kill, 0.1),
    ];
    let mut acts = Vec::new();
    for (act, chance) in kinds {
        if random.f64() < chance {
            let at = Duration::from_millis(random.u64(20..1_500));
            acts.push((random.usize(0..passes), at, act));
        }
    }
    acts.sort_by_key(|(pass, at, _)| (*pass, *at));
    acts
}

impl Chances {
    /// Every schedule has a few kinds of mishap, some often, most of them not at all.
    fn draw(random: &mut Rng) -> Self {
        let mut chance = |least: f64, most: f64, times: u32| -> Chance {
            if random.f64() < 0.6 {
                return (0.0, 0);
            }
            (least + random.f64() * (most - least), random.u32(1..=times))
        };
        Self {
            source_cut: chance(0.2, 0.8, 6),
            destination_cut: chance(0.2, 0.8, 6),
            table_cut: chance(0.05, 0.3, 4),
            table_throttled: chance(0.01, 0.1, 8),
            table_answer_lost: chance(0.01, 0.05, 5),
            table_fails_before: chance(0.005, 0.04, 4),
            table_fails_after: chance(0.005, 0.04, 4),
            send_fails: chance(0.05, 0.3, 4),
            send_answer_lost: chance(0.05, 0.3, 4),
            delivery_lost: chance(0.02, 0.1, 2),
            delivered_twice: chance(0.1, 1.0, 40),
            delivered_late: chance(0.1, 0.5, 20),
            process_gone: chance(0.05, 0.4, 4),
            process_frozen: chance(0.03, 0.3, 3),
            answer_lost: chance(0.02, 0.2, 4),
            effect_late: chance(0.02, 0.2, 3),
            answer_late: chance(0.02, 0.1, 2),
            part_of_request: chance(0.02, 0.2, 3),
            busy: chance(0.02, 0.2, 5),
            http_error: chance(0.02, 0.1, 3),
            item_refused: chance(0.005, 0.03, 4),
            stored_twice: chance(0.01, 0.1, 2),
        }
    }
}
