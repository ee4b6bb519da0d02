//! Who was called, when only the caller tells: the callee named by attributes of a client, producer or consumer span.
//!
//! | type | when | name |
//! |---|---|---|
//! | `queue` | `messaging.system` | system and `messaging.destination.name` |
//! | `cache` | `db.system.name` or `db.system` names a cache | system and `db.namespace`, else `server.address` |
//! | `database` | any other `db.system.name` or `db.system` | likewise |
//! | `external` | `peer.service`, else `server.address` | that |
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

/// Columns that name a callee, in the order of [`PeerTexts`].
pub(super) const PEER_COLUMNS: [&str; 7] = [
    "attr_messaging_system",
    "attr_messaging_destination_name",
    "attr_db_system_name",
    "attr_db_system",
    "attr_db_namespace",
    "attr_server_address",
    "attr_peer_service",
];

/// Values of [`PEER_COLUMNS`]; `""` where there is none.
pub(super) type PeerTexts<'a> = [&'a str; PEER_COLUMNS.len()];

/// Type and name of the callee.
pub(super) fn peer_of(texts: PeerTexts<'_>) -> Option<(NodeType, String)> {
    let [messaging, destination, db_name, db_older, namespace, address, service] = texts;
    if !messaging.is_empty() {
        return Some((NodeType::Queue, joined(messaging, destination)));
    }
    let database = first_of(db_name, db_older);
    if !database.is_empty() {
        let is_cache = CACHES.iter().any(|cache| cache.eq_ignore_ascii_case(database));
        let node_type = if is_cache { NodeType::Cache } else { NodeType::Database };
        return Some((node_type, joined(database, first_of(namespace, address))));
    }
    let host = first_of(service, address);
    (!host.is_empty()).then(|| (NodeType::External, host.to_owned()))
}

fn first_of<'a>(first: &'a str, second: &'a str) -> &'a str {
    if first.is_empty() { second } else { first }
}

fn joined(system: &str, rest: &str) -> String {
    if rest.is_empty() { system.to_owned() } else { format!("{system} {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_attribute_names_the_callee() {
        for (texts, expected) in [
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
            let found = peer_of(texts);
            let found = found.as_ref().map(|(node_type, name)| (*node_type, name.as_str()));
            assert_eq!(found, expected, "{texts:?}");
        }
    }
}
