//! The recorded packs: zstd streams of frames, each a varint length and one OTLP request, and their manifest of facts.

use std::path::{Path, PathBuf};

use prost::encoding::decode_varint;
use serde_json::Value;

/// One OTLP signal as the tests speak of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Signal {
    Spans,
    Logs,
}

impl Signal {
    pub(crate) const ALL: [Self; 2] = [Self::Spans, Self::Logs];

    /// The table, and the key in `/api/v1/status`.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
        }
    }

    pub(crate) fn http_path(self) -> &'static str {
        match self {
            Self::Spans => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }

    pub(crate) fn grpc_method(self) -> &'static str {
        match self {
            Self::Spans => super::grpc::TRACES,
            Self::Logs => super::grpc::LOGS,
        }
    }
}

pub(crate) struct Pack {
    pub(crate) name: String,
    pub(crate) manifest: Value,
    directory: PathBuf,
}

impl Pack {
    /// A pack of the repository.
    pub(crate) fn shipped(name: &str) -> Self {
        Self::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).expect("a shipped pack")
    }

    /// `None` when there is no manifest in that directory.
    pub(crate) fn open(directory: &Path) -> Option<Self> {
        let text = std::fs::read(directory.join("manifest.json")).ok()?;
        let manifest: Value = serde_json::from_slice(&text).expect("the manifest is JSON");
        let name = manifest["pack"].as_str().expect("the manifest names its pack").to_owned();
        Some(Self { name, manifest, directory: directory.to_owned() })
    }

    /// The file of a signal; a pack may have no logs.
    pub(crate) fn file(&self, signal: Signal) -> Option<PathBuf> {
        let kind = match signal {
            Signal::Spans => "traces",
            Signal::Logs => "logs",
        };
        let path = self.directory.join(format!("{}.{kind}.otlp.zst", self.name));
        path.exists().then_some(path)
    }

    /// The requests of a signal, in recorded order, as protobuf bytes.
    pub(crate) fn requests(&self, signal: Signal) -> Vec<Vec<u8>> {
        let Some(path) = self.file(signal) else { return Vec::new() };
        let packed = std::fs::read(path).expect("the pack can be read");
        let stream = zstd::decode_all(packed.as_slice()).expect("the pack is a zstd stream");
        let mut rest = stream.as_slice();
        let mut requests = Vec::new();
        while !rest.is_empty() {
            let length = decode_varint(&mut rest).expect("a frame begins with its length") as usize;
            let (request, after) = rest.split_at(length);
            requests.push(request.to_vec());
            rest = after;
        }
        requests
    }

    pub(crate) fn count(&self, what: &str) -> i64 {
        self.manifest["counts"][what].as_i64().unwrap_or_else(|| panic!("the manifest counts no {what}"))
    }
}
