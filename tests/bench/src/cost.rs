//! What a run would cost on AWS, by list price, and how that depends on the size of a message.

use crate::arena::Run;
use crate::table::Bill;
use serde::Serialize;

/// Lambda on arm64, a GB second (us-east-1 and eu-west-1).
const GB_SECOND: f64 = 0.000_013_333_4;
/// The memory that the template gives the function, in GB.
const MEMORY: f64 = 0.5;
/// An invocation of a function.
const INVOCATION: f64 = 0.20e-6;
/// DynamoDB on demand, a write request unit (us-east-1).
const WRITE_UNIT: f64 = 0.625e-6;
/// The same for reading.
const READ_UNIT: f64 = 0.125e-6;
/// An SQS request; a message takes three: sent, received, deleted.
const QUEUE_REQUEST: f64 = 0.40e-6;
/// A KMS request; a chunk opens its credentials once.
const KEY_REQUEST: f64 = 3.0e-6;

/// The sizes of a message that are told, in KB.
pub(crate) const SIZES: [f64; 4] = [5.0, 20.0, 55.0, 318.0];

/// The parts of a price, in dollars.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Cost {
    pub(crate) compute: f64,
    pub(crate) table: f64,
    pub(crate) queues: f64,
    pub(crate) keys: f64,
}

impl Cost {
    pub(crate) fn whole(&self) -> f64 {
        self.compute + self.table + self.queues + self.keys
    }

    fn map(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            compute: f(self.compute, other.compute),
            table: f(self.table, other.table),
            queues: f(self.queues, other.queues),
            keys: f(self.keys, other.keys),
        }
    }
}

/// What a run of Mailcrane would have cost.
#[expect(clippy::cast_precision_loss, reason = "a price needs no exact count")]
pub(crate) fn of(run: &Run) -> Cost {
    let report = &run.report;
    let seconds: f64 = report.chunks.iter().map(|chunk| chunk.whole).sum();
    let (chunks, bill) = (report.chunks.len() as f64, report.bill.unwrap_or_default());
    Cost {
        compute: seconds * MEMORY * GB_SECOND + chunks * INVOCATION,
        table: bill.write_units as f64 * WRITE_UNIT + bill.read_units as f64 * READ_UNIT,
        queues: report.queued as f64 * 3.0 * QUEUE_REQUEST,
        keys: chunks * KEY_REQUEST,
    }
}

/// What a table and queues would have cost.
#[expect(clippy::cast_precision_loss, reason = "a price needs no exact count")]
pub(crate) fn control(bill: &Bill, queued: u64) -> f64 {
    bill.write_units as f64 * WRITE_UNIT + bill.read_units as f64 * READ_UNIT + queued as f64 * 3.0 * QUEUE_REQUEST
}

/// Splits the cost of two runs, one of small and one of ordinary messages, into a part for each message and one for
/// each octet.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Model {
    message: Cost,
    octet: Cost,
}

impl Model {
    #[expect(clippy::cast_precision_loss, reason = "a price needs no exact count")]
    pub(crate) fn of(small: &Run, ordinary: &Run) -> Self {
        let (a, b) = (of(small), of(ordinary));
        let (am, ao) = (small.messages as f64, small.octets as f64);
        let (bm, bo) = (ordinary.messages as f64, ordinary.octets as f64);
        let whole = am * bo - bm * ao;
        // What comes out below nothing is noise: then the octets cost all of the ordinary run.
        let octet = a.map(b, |a, b| ((am * b - bm * a) / whole).max(0.0));
        let message = a.map(b, |a, b| ((a * bo - b * ao) / whole).clamp(0.0, a / am));
        Self { message, octet }
    }

    /// The cost of a GB of messages of that many KB.
    pub(crate) fn gigabyte(&self, kilobytes: f64) -> Cost {
        let messages = 1e6 / kilobytes;
        self.message.map(self.octet, |message, octet| message * messages + octet * 1e9)
    }

    /// The cost of a mailbox of 4,000 messages of that many KB.
    pub(crate) fn mailbox(&self, kilobytes: f64) -> Cost {
        self.message.map(self.octet, |message, octet| message * 4e3 + octet * 4e6 * kilobytes)
    }
}
