//! Rows to encoded export requests: grouped by resource and scope, as exporters send them.

use std::collections::HashMap;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use prost::Message;

/// Items of a request.
pub(crate) const BATCH: usize = 1_000;

/// An encoded export request, without the frame of the transport.
pub(crate) struct Request {
    pub(crate) body: Bytes,
    pub(crate) items: u64,
}

impl Request {
    pub(crate) fn of(message: &impl Message, items: usize) -> Self {
        Self { body: message.encode_to_vec().into(), items: items as u64 }
    }
}

/// A span or log record with where it comes from.
pub(crate) struct Row<T> {
    pub(crate) service: usize,
    pub(crate) pod: usize,
    /// Name of the instrumentation scope.
    pub(crate) scope: String,
    pub(crate) item: T,
}

/// The rows of one resource, by scope; resources and scopes in the order in which they were first seen.
pub(crate) struct Group<T> {
    pub(crate) service: usize,
    pub(crate) pod: usize,
    pub(crate) scopes: Vec<(InstrumentationScope, Vec<T>)>,
}

pub(crate) fn group<T>(rows: Vec<Row<T>>) -> Vec<Group<T>> {
    let mut groups: Vec<Group<T>> = Vec::new();
    let mut group_of: HashMap<(usize, usize), usize> = HashMap::new();
    for row in rows {
        let Row { service, pod, scope, item } = row;
        let at = *group_of.entry((service, pod)).or_insert_with(|| {
            groups.push(Group { service, pod, scopes: Vec::new() });
            groups.len() - 1
        });
        let scopes = &mut groups[at].scopes;
        match scopes.iter_mut().find(|(known, _)| known.name == scope) {
            Some((_, items)) => items.push(item),
            None => {
                let scope = InstrumentationScope { name: scope, ..Default::default() };
                scopes.push((scope, vec![item]));
            }
        }
    }
    groups
}
