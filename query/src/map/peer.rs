//! Who was called, when only the caller tells: the callee named by attributes of a client, producer or consumer span.
//!
//! | type | when | name |
//! |---|---|---|
//! | `queue` | `messaging.system` | system and `messaging.destination.name` |
//! | `cache` | `db.system.name` or `db.system` names a cache | system and `db.namespace`, else `server.address` |
//! | `database` | any other `db.system.name` or `db.system` | likewise |
//! | `external` | `peer.service`, else `server.address` | that |
//!
//! Where a span has the older names of these attributes, `messaging.destination`, `db.name` and `net.peer.name`, they count
//! as the current ones.
//!
//! A span without any of these names nobody, and its call is nobody's edge.

use serde::Serialize;
use utoipa::ToSchema;

/// Systems that are databases to the semantic conventions and caches to people.
const CACHES: [&str; 6] = ["redis", "memcached", "valkey", "keydb", "hazelcast", "ehcache"];

/// What a node of the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NodeType {
    /// Stands for whoever sends requests from outside.
    Client,
    Service,
    Database,
    Cache,
    /// A queue or topic.
    Queue,
    /// A host or service that sends no spans.
    External,
}

impl NodeType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NodeType::Client => "client",
            NodeType::Service => "service",
            NodeType::Database => "database",
            NodeType::Cache => "cache",
            NodeType::Queue => "queue",
            NodeType::External => "external",
        }
    }
}

/// Columns that name a callee.
pub(super) const PEER_COLUMNS: [&str; 10] = [
    "attr_messaging_system",
    "attr_messaging_destination_name",
    "attr_messaging_destination",
    "attr_db_system_name",
    "attr_db_system",
    "attr_db_namespace",
    "attr_db_name",
    "attr_server_address",
    "attr_net_peer_name",
    "attr_peer_service",
];

/// The attributes that name the callee, of all that a span has: as texts, or as numbers that stand for texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NamedBy<T> {
    /// System and destination.
    Queue(T, T),
    /// System, and namespace or host.
    Database(T, T),
    Host(T),
}

impl<T: Copy> NamedBy<T> {
    /// `attributes`: values of [`PEER_COLUMNS`], empty where there is none.
    pub(super) fn of(attributes: [T; PEER_COLUMNS.len()], is_empty: impl Fn(T) -> bool) -> Option<Self> {
        let [
            messaging,
            destination,
            destination_older,
            db_system,
            db_system_older,
            namespace,
            namespace_older,
            address,
            address_older,
            service,
        ] = attributes;
        let first_of = |first: T, second: T| if is_empty(first) { second } else { first };
        if !is_empty(messaging) {
            return Some(NamedBy::Queue(messaging, first_of(destination, destination_older)));
        }
        let (database, address) = (first_of(db_system, db_system_older), first_of(address, address_older));
        if !is_empty(database) {
            return Some(NamedBy::Database(database, first_of(first_of(namespace, namespace_older), address)));
        }
        let host = first_of(service, address);
        (!is_empty(host)).then_some(NamedBy::Host(host))
    }

    pub(super) fn map<U>(self, to: impl Fn(T) -> U) -> NamedBy<U> {
        match self {
            NamedBy::Queue(system, destination) => NamedBy::Queue(to(system), to(destination)),
            NamedBy::Database(system, rest) => NamedBy::Database(to(system), to(rest)),
            NamedBy::Host(host) => NamedBy::Host(to(host)),
        }
    }
}

impl NamedBy<&str> {
    /// Type and name of the callee.
    pub(super) fn peer(self) -> (NodeType, String) {
        match self {
            NamedBy::Queue(system, destination) => (NodeType::Queue, joined(system, destination)),
            NamedBy::Database(system, rest) => {
                let is_cache = CACHES.iter().any(|cache| cache.eq_ignore_ascii_case(system));
                let node_type = if is_cache { NodeType::Cache } else { NodeType::Database };
                (node_type, joined(system, rest))
            }
            NamedBy::Host(host) => (NodeType::External, host.to_owned()),
        }
    }
}

fn joined(system: &str, rest: &str) -> String {
    if rest.is_empty() { system.to_owned() } else { format!("{system} {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_attribute_names_the_callee() {
        let texts = |current: [&'static str; 7]| {
            let [messaging, destination, db, db_older, namespace, address, service] = current;
            [messaging, destination, "", db, db_older, namespace, "", address, "", service]
        };
        for (current, expected) in [
            (["kafka", "orders", "", "", "", "broker", ""], Some((NodeType::Queue, "kafka orders"))),
            (["rabbitmq", "", "", "", "", "", ""], Some((NodeType::Queue, "rabbitmq"))),
            (["", "", "postgresql", "", "shop", "db.local", ""], Some((NodeType::Database, "postgresql shop"))),
            (["", "", "", "mysql", "", "db.local", "ignored"], Some((NodeType::Database, "mysql db.local"))),
            (["", "", "postgresql", "postgres", "", "", ""], Some((NodeType::Database, "postgresql"))),
            (["", "", "Redis", "", "0", "", ""], Some((NodeType::Cache, "Redis 0"))),
            (["", "", "", "", "", "api.example.com", "payment"], Some((NodeType::External, "payment"))),
            (["", "", "", "", "", "api.example.com", ""], Some((NodeType::External, "api.example.com"))),
            (["", "orders", "", "", "shop", "", ""], None),
        ] {
            assert_peer(texts(current), expected);
        }
        for (older, expected) in [
            (["kafka", "", "orders", "", "", "", "", "", "", ""], (NodeType::Queue, "kafka orders")),
            (["", "", "", "", "postgresql", "", "shop", "db.local", "", ""], (NodeType::Database, "postgresql shop")),
            (["", "", "", "", "mysql", "", "", "", "db.local", ""], (NodeType::Database, "mysql db.local")),
            (["", "", "", "", "", "", "", "", "api.example.com", ""], (NodeType::External, "api.example.com")),
        ] {
            assert_peer(older, Some(expected));
        }
    }

    fn assert_peer(texts: [&str; PEER_COLUMNS.len()], expected: Option<(NodeType, &str)>) {
        let found = NamedBy::of(texts, str::is_empty).map(NamedBy::peer);
        let found = found.as_ref().map(|(node_type, name)| (*node_type, name.as_str()));
        assert_eq!(found, expected, "{texts:?}");
    }
}
