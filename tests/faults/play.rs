//! Plays one schedule: from the filled mailbox to the verdict.

use crate::clock::SkewedClock;
use crate::dovecot::Dovecot;
use crate::ends::RealEnds;
use crate::judge::{self, Evidence, Verdict};
use crate::luck::Luck;
use crate::machine::{Factory, Machine};
use crate::post::{self, Job, Post};
use crate::relay::Relay;
use crate::schedule::{Act, Chance, Schedule};
use crate::source::{self, Fate, Mailbox};
use crate::story::Story;
use crate::table::{self, Desk, FailingTable};
use crate::work_mail::StandIn;
use mailcrane_aws::DynamoTable;
use mailcrane_core::id::{AccountNo, MigrationId};
use mailcrane_core::key::SourceId;
use mailcrane_core::ports::source::Security;
use mailcrane_core::record::{Account, Grade, Migration, PassKind, keys};
use mailcrane_core::state::{AccountState, MigrationState};
use mailcrane_engine::control::{self, ControlError};
use mailcrane_engine::ledger;
use mailcrane_engine::world::Parts;
use mailcrane_ews::Gate;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};

/// How long one pass may take at the first pace; then the schedule has failed.
const PATIENCE: Duration = Duration::from_secs(45);

/// How often the scheduled function runs.
const SWEEP: Duration = Duration::from_millis(300);

/// How many processes serve an account.
const PROCESSES: u64 = 5;

/// How often a person tries a stalled account again.
const RETRIES: u32 = 6;

pub(crate) const ACCOUNT: AccountNo = AccountNo(0);

/// The table, the queues and the clock of a person: nothing of it fails.
pub(crate) type Desktop = Parts<DynamoTable, Post, SkewedClock>;

/// What schedules are played in, one after the other.
pub(crate) struct Slot {
    pub(crate) net: Handle,
    pub(crate) dovecot: Arc<Dovecot>,
    pub(crate) stand_in: StandIn,
    pub(crate) desk: Arc<Desk>,
}

/// A schedule under way.
struct Play<'a> {
    slot: &'a Slot,
    schedule: Schedule,
    story: Story,
    mailbox: Mailbox<'a>,
    email: String,
    lucks: Vec<Luck>,
    relay: Relay,
    post: Post,
    person: Desktop,
    runtime: Runtime,
    id: MigrationId,
    migrations: u32,
}

impl Slot {
    /// Plays the schedule of a seed, so many times slower.
    pub(crate) fn play(&self, seed: u64, pace: u32, story: &Story) -> Verdict {
        let schedule = Schedule::draw(seed, pace);
        let user = source::user(seed, pace);
        let email = format!("{user}@example.org");
        story.tell(format!("passes {:?}, {} lanes", schedule.passes, schedule.settings.sizes.lanes));
        let mailbox = Mailbox::fill(&self.dovecot, &user, &schedule);
        self.stand_in.mailbox(&email, schedule.foreign);
        let foreign = self.stand_in.items(&email).into_iter().map(|item| item.id).collect();
        self.stand_in.trouble(&schedule, &email);

        let mut lucks = Lucks { seed, story, all: Vec::new() };
        let chances = schedule.chances.clone();
        let trouble = table::Trouble {
            throttled: lucks.draw(chances.table_throttled),
            answer_lost: lucks.draw(chances.table_answer_lost),
        };
        self.desk.clear(trouble);
        let post = Post::new(post::Trouble {
            send_fails: lucks.draw(chances.send_fails),
            send_answer_lost: lucks.draw(chances.send_answer_lost),
            lost: lucks.draw(chances.delivery_lost),
            twice: lucks.draw(chances.delivered_twice),
            late: lucks.draw(chances.delivered_late),
        });
        let (before, after) = (lucks.draw(chances.table_fails_before), lucks.draw(chances.table_fails_after));
        let relay = |name, to, luck: &Luck| Relay::start(&self.net, name, to, luck);
        let source_port = if schedule.over_tls { self.dovecot.tls_port } else { self.dovecot.port };
        let source_relay = relay("source", loopback(source_port), &lucks.draw(chances.source_cut));
        let table_relay = relay("table", self.desk.address(), &lucks.draw(chances.table_cut));
        let relay = relay("destination", self.stand_in.address(), &lucks.draw(chances.destination_cut));

        let (desk, table_port) = (self.desk.clone(), table_relay.port);
        let (settings, ews_port) = (schedule.settings.clone(), relay.port);
        let (dovecot, over_tls) = (self.dovecot.clone(), schedule.over_tls);
        let factory = Factory {
            seed,
            post: post.clone(),
            settings: settings.clone(),
            table: Box::new(move || FailingTable {
                inner: desk.table(Some(table_port)),
                before: before.clone(),
                after: after.clone(),
            }),
            ends: Box::new(move || {
                let mut source = dovecot.endpoint(if over_tls { Security::Tls } else { Security::None });
                source.port = source_relay.port;
                RealEnds {
                    sources: dovecot.sources(),
                    source,
                    ews: format!("http://127.0.0.1:{ews_port}/EWS/Exchange.asmx"),
                    gate: Arc::new(Gate::new(settings.sizes.requests.0, settings.sizes.requests.1)),
                    settings: settings.clone(),
                }
            }),
            gone: lucks.draw(chances.process_gone),
            frozen: lucks.draw(chances.process_frozen),
        };
        let machine = Machine::start(factory, PROCESSES);

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let person = runtime.block_on(async {
            let (table, clock) = (self.desk.table(None), SkewedClock { ahead: 0 });
            Parts { table, queues: post.clone(), clock, settings: schedule.settings.clone() }
        });
        let id = MigrationId::new("none000000").unwrap();
        let lucks = lucks.all;
        let (story, slot) = (story.clone(), self);
        let mut play =
            Play { slot, schedule, story, mailbox, email, lucks, relay, post, person, runtime, id, migrations: 0 };
        let ended = play.passes();
        machine.stop();
        drop(table_relay);
        play.verdict(ended, foreign)
    }
}

/// Draws the lucks of a schedule and remembers them.
struct Lucks<'a> {
    seed: u64,
    story: &'a Story,
    all: Vec<Luck>,
}

impl Lucks<'_> {
    fn draw(&mut self, (chance, times): Chance) -> Luck {
        let seed = self.seed.wrapping_mul(31).wrapping_add(self.all.len() as u64);
        let luck = Luck::new(seed, chance, times, self.story);
        self.all.push(luck.clone());
        luck
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Play<'_> {
    /// Plays every pass, then calm deltas until everything is there; tells whether it is complete.
    fn passes(&mut self) -> Result<bool, String> {
        self.new_migration();
        for (at, kind) in self.schedule.passes.clone().into_iter().enumerate() {
            self.pass(kind, Some(at))?;
        }
        let changes = |fate| matches!(fate, Fate::Arrived | Fate::Moved);
        let changed = self.mailbox.letters().iter().any(|l| changes(l.fate)) || !self.mailbox.renumbered().is_empty();
        let mut wanted = changed && self.schedule.seed.is_multiple_of(2);
        let swept_up = wanted;
        self.calm();
        for _ in 0..3 {
            if !wanted && self.complete() {
                return Ok(swept_up);
            }
            self.story.tell("a calm delta");
            self.pass(PassKind::Delta, None)?;
            wanted = false;
        }
        if self.complete() { Ok(swept_up) } else { Err(format!("not complete: {}", self.state())) }
    }

    fn calm(&self) {
        for struck in self.slot.stand_in.struck() {
            self.story.tell(struck);
        }
        self.lucks.iter().for_each(Luck::rest);
        self.slot.stand_in.calm();
    }

    fn complete(&self) -> bool {
        let account = self.account();
        account.state == AccountState::Done && account.grade == Some(Grade::Complete)
    }

    /// Plays one pass until the migration rests and nobody has anything to do.
    fn pass(&mut self, kind: PassKind, at: Option<usize>) -> Result<(), String> {
        self.start(kind);
        let begun = Instant::now();
        let acts = self.schedule.acts.iter().filter(|(pass, ..)| Some(*pass) == at);
        let mut acts: Vec<(Duration, Act)> = acts.map(|(_, after, act)| (*after, *act)).collect();
        let (mut swept, mut retries) = (begun, 0);
        loop {
            while acts.first().is_some_and(|(after, _)| begun.elapsed() >= *after) {
                let (_, act) = acts.remove(0);
                self.act(act);
            }
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.post.put(Job::Sweep, 0, Duration::ZERO);
            }
            match self.migration().state {
                MigrationState::Paused => {
                    self.story.tell("paused; goes on");
                    self.person("resume", MigrationState::Running, |w, id| Box::pin(control::resume(w, id)));
                }
                MigrationState::Cancelled => {
                    self.story.tell("cancelled; another migration begins");
                    self.new_migration();
                    self.start(PassKind::Full);
                }
                MigrationState::Finished | MigrationState::FinishedWithErrors | MigrationState::Failed => {
                    let account = self.account();
                    if account.state != AccountState::Stalled {
                        break;
                    }
                    self.story.tell(format!("stalled: {} {}", account.error_code, account.error));
                    retries += 1;
                    if retries > RETRIES {
                        return Err(format!("stalls again and again: {}", self.state()));
                    }
                    self.person("retry", MigrationState::Running, |w, id| Box::pin(control::retry(w, id, ACCOUNT)));
                }
                _ => {}
            }
            if begun.elapsed() > PATIENCE * self.schedule.pace {
                return Err(format!("does not end: {}", self.state()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.story.tell(format!("pass {kind:?} ended: {}", self.state()));
        // What was to happen to the source later happens between the passes.
        for (_, act) in acts {
            if matches!(act, Act::Deliver | Act::Expunge | Act::Move | Act::Renumber) {
                self.act(act);
            }
        }
        Ok(())
    }

    fn act(&self, act: Act) {
        match act {
            Act::Deliver => self.story.tell(self.mailbox.deliver()),
            Act::Expunge => self.story.tell(self.mailbox.expunge()),
            Act::Move => self.story.tell(self.mailbox.shift()),
            Act::Renumber => self.story.tell(self.mailbox.renumber()),
            Act::Pause => self.person("pause", MigrationState::Pausing, |w, id| Box::pin(control::pause(w, id))),
            Act::Cancel => self.person("cancel", MigrationState::Cancelling, |w, id| Box::pin(control::cancel(w, id))),
            Act::Kill => {
                self.slot.stand_in.kill();
                self.relay.turn_to(self.slot.stand_in.address());
                self.slot.stand_in.trouble(&self.schedule, &self.email);
                self.story.tell("WorkMail was killed and is back");
            }
        }
    }

    fn start(&self, kind: PassKind) {
        self.story.tell(format!("start of {kind:?}"));
        // Half of the messages are older than this; of a trial all are too old.
        let before = mailcrane_core::Timestamp::from_second(1_600_000_000 + 30 * 60).ok();
        self.person("start", MigrationState::Running, move |w, id| Box::pin(control::start(w, id, kind, None, before)));
    }

    /// Does something as a person does; what the state does not allow any more is left.
    fn person<'s>(
        &'s self,
        name: &str,
        wanted: MigrationState,
        call: impl Fn(
            &'s Desktop,
            &'s MigrationId,
        ) -> std::pin::Pin<Box<dyn Future<Output = Result<Migration, ControlError>> + 's>>,
    ) {
        for _ in 0..20 {
            match self.runtime.block_on(call(&self.person, &self.id)) {
                Ok(_) => return self.story.tell(format!("a person: {name}")),
                Err(ControlError::Illegal(_) | ControlError::Undoing(_)) => {
                    return self.story.tell(format!("a person: {name} is not possible any more"));
                }
                Err(error) if self.migration().state == wanted => {
                    return self.story.tell(format!("a person: {name} ({error})"));
                }
                Err(_) => {}
            }
        }
        panic!("a person could not {name}");
    }

    /// Takes in a migration with the one account, checked already.
    fn new_migration(&mut self) {
        self.migrations += 1;
        self.id = MigrationId::new(format!("faults{:08x}{:02}", self.schedule.seed, self.migrations)).unwrap();
        let now = mailcrane_core::Timestamp::now();
        let migration = json!({
            "v": 1, "id": self.id, "state": "ready", "created": now, "accounts": 1, "checked": 1,
            "destination": {"kind": "workmail", "access": "user"}, "token_hash": "", "by_operator": true,
        });
        let user = &self.mailbox.user;
        let account = json!({
            "v": 1, "no": 0, "source_id": SourceId::of(user, "localhost"), "state": "ready", "selected": true,
            "source": {"endpoint": {"host": "localhost", "port": 993}, "user": user},
            "destination": {"mailbox": self.email},
        });
        let migration: Migration = serde_json::from_value(migration).unwrap();
        let account: Account = serde_json::from_value(account).unwrap();
        self.runtime.block_on(async {
            let table = &self.person.table;
            while ledger::create(table, keys::migration(&self.id), migration.clone()).await.is_err() {}
            while ledger::create(table, keys::account(&self.id, ACCOUNT), account.clone()).await.is_err() {}
        });
    }

    fn migration(&self) -> Migration {
        let key = keys::migration(&self.id);
        self.runtime.block_on(ledger::get::<Migration>(&self.person.table, &key)).unwrap().record
    }

    fn account(&self) -> Account {
        let key = keys::account(&self.id, ACCOUNT);
        self.runtime.block_on(ledger::get::<Account>(&self.person.table, &key)).unwrap().record
    }

    fn state(&self) -> String {
        let (migration, account) = (self.migration(), self.account());
        let lanes = judge::lanes(&self.runtime, &self.person, &self.id);
        let lanes: Vec<_> =
            lanes.iter().map(|l| format!("{} {} {:?} {}", l.kind.as_str(), l.no, l.state, l.waits_code)).collect();
        format!(
            "{:?}, account {:?} {:?} {} {:?}, lanes {lanes:?}",
            migration.state, account.state, account.grade, account.error_code, account.pass.counters
        )
    }

    fn verdict(self, ended: Result<bool, String>, foreign: std::collections::BTreeSet<String>) -> Verdict {
        let swept_up = match ended {
            Ok(swept_up) => swept_up,
            Err(why) => return Verdict { unfinished: vec![why], ..Verdict::default() },
        };
        // Nothing that was on its way may come any more; what comes all the same is seen.
        std::thread::sleep(self.schedule.latest());
        let evidence = Evidence {
            letters: self.mailbox.letters(),
            planned_anew: self.migrations > 1 || !self.mailbox.renumbered().is_empty(),
            shown: self.mailbox.shown(),
            items: self.slot.stand_in.items(&self.email),
            foreign,
            swept_up,
        };
        judge::judge(&self.runtime, &self.person, &self.id, &evidence)
    }
}
