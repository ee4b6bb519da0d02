//! How the spans of a trace belong together.

use std::hash::{BuildHasher, RandomState};

use super::spans::{Span, SpanKey};

/// By index of the spans. Its memory is used again for the next trace.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    pub(crate) parents: Vec<Option<u32>>,
    /// A child is the other end of its call.
    pub(crate) answered: Vec<bool>,
    /// A child of the same service makes the call.
    pub(crate) wraps: Vec<bool>,
    by_id: SpansById,
}

/// Whether a parent and its child are the two ends of a call.
pub(crate) fn is_call(parent: &Span, child: &Span) -> bool {
    // All of it, for nobody can foretell any of it: a wrong guess takes longer.
    (parent.service != child.service) | (parent.kind.is_caller() & child.kind.is_callee())
}

impl Relations {
    /// Finds parents, which client spans were answered, and which only wrap another client span of their service.
    pub(crate) fn resolve(&mut self, spans: &[Span]) {
        let Self { parents, answered, wraps, by_id } = self;
        by_id.fill(spans);
        parents.clear();
        parents.extend(spans.iter().zip(0..).map(|(span, nth)| {
            let parent = by_id.find(span.parent_span_id);
            parent.filter(|parent| *parent != nth)
        }));
        answered.clear();
        answered.resize(spans.len(), false);
        wraps.clear();
        wraps.resize(spans.len(), false);
        for (span, parent) in spans.iter().zip(&*parents) {
            if let Some(parent) = parent {
                answered[*parent as usize] |= is_call(&spans[*parent as usize], span);
            }
        }
        for (nth, span) in spans.iter().enumerate() {
            if let Some(parent) = parents[nth] {
                let is_own = span.kind.is_caller() & (spans[parent as usize].service == span.service);
                wraps[parent as usize] |= is_own & (answered[nth] | span.peer.is_some());
            }
        }
    }

    /// Whether a span is the first to start of those with its id.
    pub(crate) fn is_first(&self, id: SpanKey, nth: usize) -> bool {
        self.by_id.slots[self.by_id.slot(id)].1 as usize == nth
    }
}

/// Spans of one trace by their ids: a table with open addressing, at most half full, which for some dozen spans is
/// faster than sorting and than a general hash map.
#[derive(Debug)]
struct SpansById {
    /// Id and index; [`FREE`] where there is none.
    slots: Vec<(SpanKey, u32)>,
    /// Of an id times `multiplier` the highest bits are its slot. Odd, and nobody knows it beforehand: ids are chosen by
    /// senders.
    multiplier: u64,
    shift: u32,
}

const FREE: u32 = u32::MAX;

impl Default for SpansById {
    fn default() -> Self {
        Self { slots: Vec::new(), multiplier: RandomState::new().hash_one(0) | 1, shift: 0 }
    }
}

impl SpansById {
    fn fill(&mut self, spans: &[Span]) {
        let size = (2 * spans.len()).next_power_of_two().max(2);
        self.shift = 64 - size.ilog2();
        self.slots.clear();
        self.slots.resize(size, (0, FREE));
        for (span, nth) in spans.iter().zip(0..) {
            let slot = self.slot(span.span_id);
            let (id, known) = &mut self.slots[slot];
            // Of spans that share an id the first to start is the parent, as in the trace tree.
            if *known == FREE || span.start < spans[*known as usize].start {
                (*id, *known) = (span.span_id, nth);
            }
        }
    }

    fn find(&self, id: SpanKey) -> Option<u32> {
        if id == 0 {
            return None;
        }
        Some(self.slots[self.slot(id)].1).filter(|nth| *nth != FREE)
    }

    /// The slot that has an id, or the free one where it belongs.
    fn slot(&self, id: SpanKey) -> usize {
        let mut slot = (id.wrapping_mul(self.multiplier) >> self.shift) as usize;
        while self.slots[slot].1 != FREE && self.slots[slot].0 != id {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }
}
