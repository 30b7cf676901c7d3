//! The machine that runs functions: each process is a thread with a runtime, connections and a clock of its own.
//!
//! Between two invocations nothing of a process goes on, as on Lambda. A process that is gone takes its connections
//! with it; one that is frozen goes on later as if nothing had happened.

use crate::clock::SkewedClock;
use crate::ends::RealEnds;
use crate::luck::Luck;
use crate::post::{Job, Post};
use crate::table::FailingTable;
use fastrand::Rng;
use mailcrane_aws::DynamoTable;
use mailcrane_core::settings::Settings;
use mailcrane_engine::world::{Parts, World as _, later};
use mailcrane_engine::{chunk, sweep};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

pub(crate) type World = Parts<FailingTable<DynamoTable>, Post, SkewedClock>;

/// The main thread of a function has so much, too.
const STACK: usize = 8 << 20;

/// What processes are made of.
pub(crate) struct Factory {
    pub(crate) seed: u64,
    pub(crate) post: Post,
    pub(crate) settings: Settings,
    pub(crate) table: Box<dyn Fn() -> FailingTable<DynamoTable> + Send + Sync>,
    pub(crate) ends: Box<dyn Fn() -> RealEnds + Send + Sync>,
    pub(crate) gone: Luck,
    pub(crate) frozen: Luck,
}

/// Running processes.
pub(crate) struct Machine {
    factory: Arc<Factory>,
    threads: Vec<JoinHandle<()>>,
}

/// How an invocation ended.
enum Ran {
    Well,
    Failed(String),
    Gone,
}

impl Machine {
    pub(crate) fn start(factory: Factory, processes: u64) -> Self {
        let factory = Arc::new(factory);
        let begin = |number| {
            let factory = factory.clone();
            std::thread::Builder::new().stack_size(STACK).spawn(move || factory.serve(number)).unwrap()
        };
        let threads = (0..processes).map(begin).collect();
        Self { factory, threads }
    }

    /// No invocation begins any more; waits for those that are under way.
    pub(crate) fn stop(self) {
        self.factory.post.close();
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

impl Factory {
    /// Makes processes, one after the other, until the queues are closed.
    fn serve(&self, number: u64) {
        let mut random = Rng::with_seed(self.seed ^ (number + 1).wrapping_mul(0x5851_f42d_4c95_7f2d));
        let most = i64::try_from(self.settings.times.takeover.as_millis() / 2).unwrap();
        while self.process(random.i64(-most..=most), &mut random) {}
    }

    /// Serves deliveries until the process is gone (`true`) or the queues are closed.
    fn process(&self, ahead: i64, random: &mut Rng) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (world, ends) = runtime.block_on(async { (self.world(ahead), (self.ends)()) });
        while let Some((job, tries)) = self.post.take() {
            let again = Duration::from_millis(random.u64(20..400));
            match runtime.block_on(self.invoke(&world, &ends, &job)) {
                Ran::Well => {}
                Ran::Failed(why) => {
                    self.gone.tell(format!("{}: failed: {why}", name(&job)));
                    self.put_back(job, tries, again);
                }
                Ran::Gone => {
                    self.put_back(job, tries, again);
                    return true;
                }
            }
        }
        false
    }

    pub(crate) fn world(&self, ahead: i64) -> World {
        let (table, queues) = ((self.table)(), self.post.clone());
        Parts { table, queues, clock: SkewedClock { ahead }, settings: self.settings.clone() }
    }

    fn put_back(&self, job: Job, tries: u32, after: Duration) {
        if !matches!(job, Job::Sweep) {
            self.post.put(job, tries + 1, after);
        }
    }

    async fn invoke(&self, world: &World, ends: &RealEnds, job: &Job) -> Ran {
        let limit = self.settings.times.chunk + self.settings.times.reserve * 4;
        let deadline = later(world.now(), limit);
        let work = async {
            let done = match job {
                Job::Chunk(token) => Box::pin(chunk::run(world, ends, token, deadline)).await.map_err(|e| chain(&e)),
                Job::Sweep => Box::pin(sweep::run(world, deadline)).await.map(|_| ()).map_err(|e| chain(&e)),
                Job::Dead(token) => {
                    let body = serde_json::to_string(token).unwrap();
                    Box::pin(sweep::dead_letter(world, &body)).await.map_err(|e| chain(&e))
                }
            };
            done.map_or_else(Ran::Failed, |()| Ran::Well)
        };
        self.lives(Box::pin(work), job, limit).await
    }

    /// Lets an invocation run until its end, its time limit, or what the schedule has for its process.
    async fn lives(&self, mut work: std::pin::Pin<Box<impl Future<Output = Ran>>>, job: &Job, limit: Duration) -> Ran {
        let begun = Instant::now();
        let ms = Duration::from_millis;
        let gone = self.gone.strikes().map(|mut random| ms(random.u64(0..800)));
        let mut frost = self.frozen.strikes().map(|mut random| {
            // Long enough for the lease to be taken over; what was sent before still falls into the quarantine.
            let long = if random.u8(0..3) > 0 { random.u64(1_000..2_000) } else { random.u64(50..900) };
            (begun + ms(random.u64(0..500)), ms(long))
        });
        let end = begun + gone.unwrap_or(limit).min(limit);
        loop {
            let freezes = frost.map_or(end, |(at, _)| at);
            tokio::select! {
                biased;
                () = sleep_until(end) => {
                    let why = if gone.is_some() { "killed" } else { "killed at its time limit" };
                    self.gone.tell(format!("{}: process {why} after {:?}", name(job), begun.elapsed()));
                    return Ran::Gone;
                }
                () = sleep_until(freezes), if frost.is_some() => {
                    if let Some((_, long)) = frost.take() {
                        self.frozen.tell(format!("{}: process frozen for {long:?}", name(job)));
                        // The thread is the process: nothing of it goes on, its connections included.
                        std::thread::sleep(long);
                    }
                }
                ran = &mut work => return ran,
            }
        }
    }
}

fn name(job: &Job) -> String {
    match job {
        Job::Chunk(token) => {
            format!("chunk of {} {}, generation {}", token.kind.as_str(), token.lane, token.generation.0)
        }
        Job::Sweep => "sweep".to_owned(),
        Job::Dead(token) => format!("dead letter of {} {}", token.kind.as_str(), token.lane),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
