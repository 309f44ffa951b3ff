//! Writes the generated files: the definition beside this crate and the reference in `docs/`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, content) in telecom_crds::generated::files()? {
        std::fs::write(top.join(path), content)?;
    }
    Ok(())
}
