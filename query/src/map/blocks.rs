//! Values in blocks of equal size: what is appended to others is moved block by block and not copied, and growing copies
//! nothing.

/// Bytes of a block.
const BLOCK_BYTES: usize = 256 << 10;

/// Values in no order.
#[derive(Debug)]
pub(super) struct Blocks<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Blocks<T> {
    /// Values of a block.
    pub(super) const LENGTH: usize = BLOCK_BYTES / size_of::<T>();

    pub(super) fn push(&mut self, value: T) {
        if self.last.len() == Self::LENGTH {
            self.full.push(std::mem::replace(&mut self.last, Vec::with_capacity(Self::LENGTH)));
        }
        self.last.push(value);
    }

    pub(super) fn append(&mut self, other: Self) {
        self.full.extend(other.full);
        if self.last.len() + other.last.len() <= Self::LENGTH {
            self.last.extend(other.last);
        } else {
            self.full.push(other.last);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty() && self.full.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.blocks().map(Vec::len).sum()
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.blocks().map(|block| block.capacity() * size_of::<T>()).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.full.iter_mut().chain([&mut self.last]).flatten()
    }

    fn blocks(&self) -> impl Iterator<Item = &Vec<T>> {
        self.full.iter().chain([&self.last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_blocks() {
        let of = |values: std::ops::Range<usize>| {
            let mut blocks = Blocks::<usize>::default();
            values.for_each(|value| blocks.push(value));
            blocks
        };
        let length = Blocks::<usize>::LENGTH;
        let mut all = of(0..length * 2 + 3);
        all.append(of(length * 2 + 3..length * 2 + 5));
        all.append(of(length * 2 + 5..length * 5));
        all.append(Blocks::default());
        all.iter_mut().for_each(|value| *value += 1);
        let mut values: Vec<usize> = all.iter().copied().collect();
        values.sort_unstable();
        assert_eq!(values, (1..=length * 5).collect::<Vec<_>>());
        assert_eq!((all.len(), all.is_empty()), (length * 5, false));
        assert!(all.bytes() >= all.len() * size_of::<usize>());
        assert!(Blocks::<usize>::default().is_empty());
    }
}
