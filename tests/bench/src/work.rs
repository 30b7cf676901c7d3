//! What a contestant is told, and what it tells.

use crate::mailbox::Kind;
use crate::table::Bill;
use serde::{Deserialize, Serialize};

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contestant {
    /// Mailcrane from IMAP to `WorkMail`.
    ToWorkMail,
    /// Mailcrane from IMAP to IMAP.
    ToImap,
    /// Debian's isync.
    Mbsync,
    /// imapsync, when it is there.
    Imapsync,
    /// Everything is fetched and thrown away, every command sent at once.
    BareFetch,
    /// Everything is sent to `WorkMail` out of memory.
    BareWorkMail,
    /// Everything is appended to IMAP out of memory, no answer waited for.
    BareImap,
}

impl Contestant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ToWorkMail => "mailcrane imap-ews",
            Self::ToImap => "mailcrane imap-imap",
            Self::Mbsync => "mbsync",
            Self::Imapsync => "imapsync",
            Self::BareFetch => "bare fetch",
            Self::BareWorkMail => "bare write ews",
            Self::BareImap => "bare write imap",
        }
    }

    /// Tells whether it is Mailcrane.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::ToWorkMail | Self::ToImap)
    }

    /// Tells whether the destination is `WorkMail`.
    pub(crate) fn writes_work_mail(self) -> bool {
        matches!(self, Self::ToWorkMail | Self::BareWorkMail)
    }
}

/// What is to be copied, through which doors.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) contestant: Contestant,
    pub(crate) kind: Kind,
    /// The mailbox is that many times smaller.
    pub(crate) divisor: usize,
    /// The port that leads to the source.
    pub(crate) source: u16,
    /// The port that leads to the destination.
    pub(crate) destination: u16,
    /// The mailboxes at the destination, each of which gets everything.
    pub(crate) to: Vec<String>,
    /// Connections, lanes of an account.
    pub(crate) lanes: u16,
    /// Requests in flight of one lane.
    pub(crate) requests: usize,
    /// How long a chunk copies.
    pub(crate) chunk_seconds: u64,
    /// Whether a delta over the unchanged mailbox follows.
    pub(crate) delta: bool,
    /// A folder for files of the contestant's own.
    pub(crate) scratch: String,
}

/// What the contestant has measured of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// From the first connection to the end.
    pub(crate) seconds: f64,
    /// Messages a second between the first and the last fifth of what was stored.
    pub(crate) steady: Option<f64>,
    /// How much of the machine's CPU was busy meanwhile, from 0 to 1.
    #[serde(default)]
    pub(crate) steady_busy: Option<f64>,
    /// CPU seconds of what is measured.
    pub(crate) cpu: f64,
    /// CPU seconds of the process from its start to its end, preparations included.
    #[serde(default)]
    pub(crate) whole_cpu: f64,
    /// The most memory, in octets.
    pub(crate) peak: u64,
    /// What the table was asked for.
    pub(crate) bill: Option<Bill>,
    /// Messages sent to queues.
    pub(crate) queued: u64,
    /// What chunks did with their time.
    pub(crate) chunks: Vec<Chunk>,
    /// The same of the delta.
    pub(crate) delta: Vec<Chunk>,
}

/// How an invocation spent its time, in seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) kind: String,
    /// All of it.
    pub(crate) whole: f64,
    /// Before the first message was sent to the destination.
    pub(crate) before: f64,
    /// After the last answer of the destination.
    pub(crate) after: f64,
    /// Whether it goes on with a lane whose time was over.
    pub(crate) continues: bool,
}
