//! Under which keys a correlation id is looked for.

use datafusion::logical_expr::Expr;
use proto::{Signal, TraceId};

use crate::filter::{AttributeFilter, attribute_equals};

/// Keys that are looked under: each is an attribute of spans, of log records or of their resources.
pub const FLOW_KEYS_MAX: usize = 64;

/// The keys without a setting: those of the OpenTelemetry conventions, those that people use, and `session` and
/// `http.req.id`, which Online Boutique logs.
pub const FLOW_KEYS: [&str; 22] = [
    "x-request-id",
    "request.id",
    "request_id",
    "http.request.header.x-request-id",
    "http.req.id",
    "correlation.id",
    "correlation_id",
    "x-correlation-id",
    "http.request.header.x-correlation-id",
    "order.id",
    "order_id",
    "app.order.id",
    "session.id",
    "app.session.id",
    "session",
    "messaging.message.conversation_id",
    "messaging.message.id",
    "transaction.id",
    "workflow.id",
    "job.id",
    "aws.request_id",
    "faas.invocation_id",
];

/// True of rows that have `value` under one of `keys`. An attribute of the record hides the resource's of the same key.
pub(super) fn carries(signal: Signal, keys: &[String], value: &str) -> Expr {
    let equals =
        |key: &String| attribute_equals(signal, &AttributeFilter { key: key.clone(), value: value.to_owned() });
    let any = keys.iter().map(equals).reduce(Expr::or);
    any.unwrap_or_else(|| datafusion::logical_expr::lit(false))
}

/// The trace id that a value may be: 32 hex digits with or without dashes, or as X-Ray writes it (`1-5759e988-bd86...`).
pub(super) fn trace_id_of(value: &str) -> Option<TraceId> {
    let value = if value.len() == 35 { value.strip_prefix("1-").unwrap_or(value) } else { value };
    value.replace('-', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_are_recognised_in_the_forms_people_paste() {
        let id = "5759e988bd862e3fe1be46a994272793";
        let forms = [id, "1-5759e988-bd862e3fe1be46a994272793", "5759E988-BD86-2E3F-E1BE-46A994272793"];
        assert!(forms.iter().all(|form| trace_id_of(form).is_some_and(|found| found.to_string() == id)));
        assert!(
            ["", "A-1017", "00000000000000000000000000000000", "1-2"].iter().all(|text| trace_id_of(text).is_none())
        );
    }
}
