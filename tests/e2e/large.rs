//! The same facts of the large packs, which are not in the repository: `make test-large`.

use std::path::PathBuf;

use crate::facts::{Transport, three_times};
use crate::support::packs::Pack;

/// `$SPANLAKE_DATA`, or the place beside the repository.
fn pack(name: &str) -> Option<Pack> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let directory = std::env::var_os("SPANLAKE_DATA").map_or_else(beside, PathBuf::from).join(name);
    let pack = Pack::open(&directory);
    if pack.is_none() {
        println!("SKIPPED: there is no pack {name} in {}; set SPANLAKE_DATA", directory.display());
    }
    pack
}

#[test]
#[ignore = "large: make test-large"]
fn large_boutique() {
    if let Some(pack) = pack("boutique-0822") {
        three_times(&pack, Transport::Grpc);
    }
}

#[test]
#[ignore = "large: make test-large"]
fn large_train_ticket() {
    if let Some(pack) = pack("trainticket-0130") {
        three_times(&pack, Transport::Http);
    }
}

#[test]
#[ignore = "large: make test-large"]
fn large_single_trace() {
    if let Some(pack) = pack("large-trace-a") {
        three_times(&pack, Transport::Http);
    }
}
