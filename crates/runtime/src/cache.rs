//! Where what was compiled is kept between processes.

use std::env::{temp_dir, var_os};
use std::path::PathBuf;

/// A folder for `what`: in the user's folder for caches, as the system names it. One that nobody else writes to, because
/// code is run from it; where there is no such, a folder of this process alone.
pub(crate) fn folder(what: &str) -> PathBuf {
    let given = |name: &str| var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || {
        let home = given("HOME")?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    };
    let alone = || temp_dir().join(format!("process-{}", std::process::id()));
    let caches = given("XDG_CACHE_HOME").or_else(home).unwrap_or_else(alone);
    caches.join("tilewright").join(what)
}
