//! The whole engine over memory adapters, played through: one file for each kind of story.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod analyze;
mod back_off;
mod crash_sweep;
mod economy;
mod export;
mod gmail;
mod history;
mod life_of_one_message;
mod passes;
mod rescue;
mod review;
mod stage;
