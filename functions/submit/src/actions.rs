//! What can be done with a whole migration.

/// An action on a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Starts a pass, now or at a time.
    Start,
    /// Starts a pass that copies what came since the last one.
    Delta,
    /// Finishes the windows under way, then rests.
    Pause,
    /// Goes on after a pause.
    Resume,
    /// Gives up; what was copied stays.
    Cancel,
    /// Tries every account again that could not be copied, or not wholly.
    Retry,
    /// Keeps credentials and record of a finished migration for another while.
    Keep,
    /// Takes back what was stored into the mailboxes, as far as it is still as we stored it.
    Undo,
    /// Deletes credentials, permissions and data.
    Erase,
}

impl Action {
    /// Reads the last part of a path.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "start" => Self::Start,
            "delta" => Self::Delta,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "cancel" => Self::Cancel,
            "retry" => Self::Retry,
            "keep" => Self::Keep,
            "undo" => Self::Undo,
            _ => return None,
        })
    }
}
