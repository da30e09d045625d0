//! Which unsynced changes of a file or folder a crash leaves.
//!
//! Each change survives on its own. Its chance is drawn once for each file and folder, with *none* and *all* among the choices: with a
//! fair coin for each of a hundred sectors, these two common outcomes would never come up.

use flashdb_base::prng::Prng;

const CHANCES: [u64; 5] = [0, 1, 4, 7, EVERYTHING];
const EVERYTHING: u64 = 8;

#[derive(Clone, Copy, Debug)]
pub struct Survival {
    /// In eighths.
    chance: u64,
}

impl Survival {
    pub fn draw(prng: &mut Prng) -> Self {
        let choice = prng.below(CHANCES.len() as u64) as usize;
        Self {
            chance: CHANCES[choice],
        }
    }

    /// Whether one change survives.
    pub fn survives(self, prng: &mut Prng) -> bool {
        prng.below(EVERYTHING) < self.chance
    }

    /// The version that survives, or `None` if what was durable before does.
    pub fn pick<T>(self, mut versions: Vec<T>, prng: &mut Prng) -> Option<T> {
        if !self.survives(prng) {
            return None;
        }
        let newest = self.chance == EVERYTHING || prng.below(2) == 0;
        if !newest {
            let kept = 1 + prng.below(versions.len() as u64) as usize;
            versions.truncate(kept);
        }
        versions.pop()
    }
}
