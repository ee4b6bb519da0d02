//! A small seeded generator: a seed gives the same workload with every version of every dependency.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The generator of the `index`th thing of a kind, whatever was drawn before.
    pub(crate) fn of(seed: u64, index: u64) -> Self {
        let mut mixed = Self(seed.wrapping_add(index.wrapping_mul(0xd605_1be5_9fa3_5f27)));
        Self(mixed.bits())
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low)
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// In `0..end`, `k` about as often as 1/(k+1): Zipf's law.
    pub(crate) fn zipf(&mut self, end: u64) -> u64 {
        let drawn = ((end + 1) as f64).powf(self.unit()) as u64;
        (drawn.max(1) - 1).min(end - 1)
    }

    /// Log-normal: half are below `median`, two thirds within a factor of `spread`.
    pub(crate) fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        // Twelve uniforms add up to a normal of variance 1 about 6, without the tails nobody waits for.
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        median * spread.powf(normal)
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const_hex::encode(bytes)
}

/// A random UUID of version 4 in its usual form.
pub(crate) fn uuid(random: &mut Random) -> String {
    let bits = (u128::from(random.bits()) << 64) | u128::from(random.bits());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// An address in a private network.
pub(crate) fn ip(random: &mut Random) -> String {
    let bits = random.bits();
    format!("10.{}.{}.{}", bits & 15, (bits >> 8) & 255, (bits >> 16) & 255)
}
