//! Mishaps by chance: each kind has a probability and a number of times that it may strike.

use crate::story::Story;
use fastrand::Rng;
use std::sync::{Arc, Mutex};

/// One kind of mishap. Clones share the chance.
#[derive(Clone)]
pub(crate) struct Luck {
    state: Arc<Mutex<State>>,
    story: Story,
}

struct State {
    random: Rng,
    chance: f64,
    left: u32,
}

impl Luck {
    /// A mishap with this probability that strikes at most so often.
    pub(crate) fn new(seed: u64, chance: f64, left: u32, story: &Story) -> Self {
        let state = State { random: Rng::with_seed(seed), chance, left };
        Self { state: Arc::new(Mutex::new(state)), story: story.clone() }
    }

    /// Tells whether the mishap strikes now, and gives the numbers for its details.
    pub(crate) fn strikes(&self) -> Option<Rng> {
        let mut state = self.state.lock().unwrap();
        let chance = state.chance;
        let struck = state.left > 0 && state.random.f64() < chance;
        if !struck {
            return None;
        }
        state.left -= 1;
        Some(state.random.fork())
    }

    /// Strikes and says what happened.
    pub(crate) fn hits(&self, what: &str) -> bool {
        let hit = self.strikes().is_some();
        if hit {
            self.story.tell(what);
        }
        hit
    }

    /// Never strikes again.
    pub(crate) fn rest(&self) {
        self.state.lock().unwrap().left = 0;
    }

    pub(crate) fn tell(&self, what: impl std::fmt::Display) {
        self.story.tell(what);
    }
}
