//! The attribute keys that have a typed column of their own.
//!
//! A column is ten times faster to filter than a map and smaller on disk, so the frequent keys of the OpenTelemetry
//! semantic conventions get one; every other key lies in the `attributes` map. A value whose type is not its
//! column's lies in `attribute_conflicts`, so a reader has to look in both: column first, then there.
//!
//! Adding a row is a Delta schema change: columns are nullable, and a row is never removed or changed.

use arrow::datatypes::DataType;

use crate::schema::dictionary;

/// How the values of a key lie in their column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Few distinct texts: dictionary-encoded in memory.
    Word,
    /// Many distinct texts.
    Text,
    /// Many distinct texts that one looks up whole: in the key index.
    Id,
    /// `intValue`.
    Int,
}

/// One attribute key with its column.
#[derive(Clone, Copy, Debug)]
pub struct Promoted {
    /// The OTLP attribute key.
    pub key: &'static str,
    /// The column in the files: no dots, so that every SQL engine names it without quotes.
    pub column: &'static str,
    pub kind: ColumnKind,
}

impl Promoted {
    pub fn data_type(&self) -> DataType {
        match self.kind {
            ColumnKind::Word => dictionary(),
            ColumnKind::Text | ColumnKind::Id => DataType::Utf8,
            ColumnKind::Int => DataType::Int64,
        }
    }
}

const fn row(key: &'static str, column: &'static str, kind: ColumnKind) -> Promoted {
    Promoted { key, column, kind }
}

use ColumnKind::{Id, Int, Text, Word};

/// Of span attributes.
pub const SPAN_ATTRIBUTES: &[Promoted] = &[
    row("http.request.method", "attr_http_request_method", Word),
    row("http.response.status_code", "attr_http_response_status_code", Int),
    row("http.method", "attr_http_method", Word),
    row("http.status_code", "attr_http_status_code", Int),
    row("http.route", "attr_http_route", Word),
    row("http.request.body.size", "attr_http_request_body_size", Int),
    row("http.response.body.size", "attr_http_response_body_size", Int),
    row("url.full", "attr_url_full", Text),
    row("url.path", "attr_url_path", Text),
    row("url.scheme", "attr_url_scheme", Word),
    row("server.address", "attr_server_address", Word),
    row("server.port", "attr_server_port", Int),
    row("net.peer.name", "attr_net_peer_name", Word),
    row("client.address", "attr_client_address", Id),
    row("network.peer.address", "attr_network_peer_address", Word),
    row("network.protocol.version", "attr_network_protocol_version", Word),
    row("user_agent.original", "attr_user_agent_original", Word),
    row("user.id", "attr_user_id", Id),
    row("session.id", "attr_session_id", Id),
    row("tenant.id", "attr_tenant_id", Word),
    row("rpc.system", "attr_rpc_system", Word),
    row("rpc.service", "attr_rpc_service", Word),
    row("rpc.method", "attr_rpc_method", Word),
    row("rpc.grpc.status_code", "attr_rpc_grpc_status_code", Int),
    row("rpc.response.status_code", "attr_rpc_response_status_code", Word),
    row("db.system", "attr_db_system", Word),
    row("db.system.name", "attr_db_system_name", Word),
    row("db.namespace", "attr_db_namespace", Word),
    row("db.name", "attr_db_name", Word),
    row("db.operation.name", "attr_db_operation_name", Word),
    row("db.collection.name", "attr_db_collection_name", Word),
    row("db.statement", "attr_db_statement", Text),
    row("db.query.text", "attr_db_query_text", Text),
    row("messaging.system", "attr_messaging_system", Word),
    row("messaging.destination.name", "attr_messaging_destination_name", Word),
    row("messaging.destination", "attr_messaging_destination", Word),
    row("messaging.operation.type", "attr_messaging_operation_type", Word),
    row("messaging.message.id", "attr_messaging_message_id", Id),
    row("messaging.consumer.group.name", "attr_messaging_consumer_group_name", Word),
    row("peer.service", "attr_peer_service", Word),
    row("error.type", "attr_error_type", Word),
    row("code.function.name", "attr_code_function_name", Word),
    row("code.line.number", "attr_code_line_number", Int),
    row("thread.id", "attr_thread_id", Int),
    row("thread.name", "attr_thread_name", Word),
];

/// Of log record attributes.
pub const LOG_ATTRIBUTES: &[Promoted] = &[
    row("code.namespace", "attr_code_namespace", Word),
    row("code.function.name", "attr_code_function_name", Word),
    row("code.line.number", "attr_code_line_number", Int),
    row("log.iostream", "attr_log_iostream", Word),
    row("log.file.name", "attr_log_file_name", Word),
    row("logger.name", "attr_logger_name", Word),
    row("thread.name", "attr_thread_name", Word),
    row("user.id", "attr_user_id", Id),
    row("session.id", "attr_session_id", Id),
    row("tenant.id", "attr_tenant_id", Word),
    row("request.id", "attr_request_id", Id),
    row("http.request.method", "attr_http_request_method", Word),
    row("http.response.status_code", "attr_http_response_status_code", Int),
    row("http.route", "attr_http_route", Word),
    row("url.path", "attr_url_path", Text),
    row("error.type", "attr_error_type", Word),
    row("exception.type", "attr_exception_type", Word),
    row("exception.message", "attr_exception_message", Text),
    row("exception.stacktrace", "attr_exception_stacktrace", Text),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_and_columns_are_unique_and_follow_one_rule() {
        for table in [SPAN_ATTRIBUTES, LOG_ATTRIBUTES] {
            let keys: HashSet<_> = table.iter().map(|p| p.key).collect();
            assert_eq!(keys.len(), table.len());
            for promoted in table {
                assert_eq!(promoted.column, format!("attr_{}", promoted.key.replace('.', "_")));
            }
        }
    }
}
