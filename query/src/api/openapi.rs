//! `GET /openapi.json`: the description that every handler carries, in one document.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use super::{
    ApiState, admin, chattiness, flows, health, heatmap, import, logs, map, queries, root_cause, search, services, sql,
    system, trace, traces,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spanlake",
        description = "Traces and logs: search, trace trees, SQL. Errors have the body `{\"error\": {\"code\", \"message\", \"hint\"}}`. \
                       Fields whose name ends in `_unix_nano` are decimal strings, as in OTLP/JSON.",
    ),
    components(schemas(super::error::ErrorBody))
)]
struct Root;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/openapi.json", get(|| async { Json(document()) }))
}

/// The whole description.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Root::openapi();
    for part in [
        traces::Docs::openapi(),
        trace::Docs::openapi(),
        logs::Docs::openapi(),
        search::Docs::openapi(),
        map::Docs::openapi(),
        root_cause::Docs::openapi(),
        heatmap::Docs::openapi(),
        flows::Docs::openapi(),
        chattiness::Docs::openapi(),
        services::Docs::openapi(),
        sql::Docs::openapi(),
        queries::Docs::openapi(),
        health::Docs::openapi(),
        import::Docs::openapi(),
        admin::Docs::openapi(),
        system::Docs::openapi(),
    ] {
        document.merge(part);
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// Every `$ref` in a document.
    fn references(json: &Json, found: &mut Vec<String>) {
        match json {
            Json::Object(map) => {
                found.extend(map.get("$ref").and_then(Json::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Json::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_description_is_whole() {
        let document = serde_json::to_value(document()).expect("JSON");
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "only {} references", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("into the document itself");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn what_is_always_there_is_said_to_be() {
        let document = serde_json::to_value(document()).expect("JSON");
        let required = |name: &str| document["components"]["schemas"][name]["required"].clone();
        // May be null, and is never left out.
        assert!(required("LogRecord").as_array().is_some_and(|keys| keys.contains(&json!("trace_id"))));
        // Is left out.
        assert!(required("ErrorDetail").as_array().is_some_and(|keys| !keys.contains(&json!("at"))));
    }
}
