//! The built UI, compiled in. Every path that is not a file answers `index.html`: the UI routes in the browser.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use uuid::Uuid;

use crate::error::QueryError;

/// Empty or absent when the UI has not been built: the crate compiles without Node.
#[derive(RustEmbed)]
#[folder = "../ui/dist"]
#[allow_missing = true]
struct Dist;

/// In `index.html`: what a fresh nonce replaces, so that styles of our own page run and injected ones do not.
const NONCE_PLACEHOLDER: &str = "{{NONCE}}";

/// In `index.html`: what the way from the asked page up to the application replaces. Relative, because behind a proxy
/// that serves Spanlake under a sub-path only the browser knows the whole path.
const BASE_PLACEHOLDER: &str = "{{BASE}}";

/// In `index.html`: what [`build`] replaces, so that a page knows which interface it was loaded from.
const BUILD_PLACEHOLDER: &str = "{{BUILD}}";

/// Digits of [`build`]: of one binary and the next, not of all that ever were.
const BUILD_DIGITS: usize = 16;

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Spanlake</title>\
    <h1>Spanlake is running</h1><p>This binary was built without the web interface. Build it with <code>make ui</code> \
    (it needs Node.js) and then build the binary again.</p>\
    <p>The HTTP API works: <a href=\"openapi.json\">/openapi.json</a>.</p></html>";

pub(crate) async fn serve(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") || !matches!(method, Method::GET | Method::HEAD) {
        return QueryError::not_found(format!("no {method} {path}"), "see /openapi.json").into_response();
    }
    let name = path.trim_start_matches('/');
    match Dist::get(name) {
        Some(file) if name != "index.html" => asset(name, file),
        // A missing script must not be answered with a page: the browser would try to run it.
        None if name.starts_with("assets/") => {
            QueryError::not_found(format!("no file {path}"), "reload the page: the UI has been updated").into_response()
        }
        _ => index(path),
    }
}

fn asset(name: &str, file: EmbeddedFile) -> Response {
    // Names in assets/ carry a hash of the content.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, content_type(name)), (header::CACHE_CONTROL, cache)];
    (headers, Body::from(file.data.into_owned())).into_response()
}

/// Names the embedded interface; empty when none has been built. `index.html` names the first script and that all others,
/// each by a hash of its content: they change together.
pub(crate) fn build() -> String {
    Dist::get("index.html").map(|file| build_of(&file)).unwrap_or_default()
}

fn build_of(index: &EmbeddedFile) -> String {
    let hash = index.metadata.sha256_hash();
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .take(BUILD_DIGITS)
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// The way up from a page to the application: `./` from `/traces`, `../` from `/trace/5b8e`.
fn way_up(path: &str) -> String {
    match path.matches('/').count().saturating_sub(1) {
        0 => "./".to_owned(),
        levels => "../".repeat(levels),
    }
}

fn index(path: &str) -> Response {
    let nonce = Uuid::new_v4().simple().to_string();
    let page = match Dist::get("index.html") {
        Some(file) => String::from_utf8_lossy(&file.data)
            .replace(NONCE_PLACEHOLDER, &nonce)
            .replace(BUILD_PLACEHOLDER, &build_of(&file))
            .replace(BASE_PLACEHOLDER, &way_up(path)),
        None => NOT_BUILT.to_owned(),
    };
    let policy = format!(
        "default-src 'self'; style-src 'self' 'nonce-{nonce}'; worker-src 'self'; img-src 'self' data:; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    let mut response = Html(page).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_up_is_as_long_as_the_path_is_deep() {
        for (path, way) in [
            ("/", "./"),
            ("/traces", "./"),
            ("/trace/5b8e", "../"),
            ("/services/", "../"),
            ("/services/a%2Fb", "../"),
            ("/a/b/c", "../../"),
        ] {
            assert_eq!(way_up(path), way, "{path}");
        }
    }
}
