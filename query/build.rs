//! Tells cargo when the built UI, which `assets.rs` embeds, has changed. It builds nothing.

use std::path::Path;

fn main() {
    // A path that does not exist would make cargo compile the crate anew each time.
    let built = Path::new("../ui/dist").exists();
    println!("cargo:rerun-if-changed={}", if built { "../ui/dist" } else { "../ui" });
}
