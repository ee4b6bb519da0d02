//! A small seeded generator: a failing random test prints its seed, and the seed repeats it.

/// SplitMix64 (Steele, Lea, Flood 2014): enough for moments and sizes, not for secrets.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the environment variable `SPANLAKE_TEST_SEED`, or one of the clock.
    pub(crate) fn seed() -> u64 {
        let clock = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.expect("the clock is after 1970").as_nanos() as u64
        };
        match std::env::var("SPANLAKE_TEST_SEED") {
            Ok(text) => text.parse().expect("SPANLAKE_TEST_SEED is a whole number"),
            Err(_) => clock(),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A value of `low..high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }
}
