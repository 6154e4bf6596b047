//! What an interrupt leaves behind: nothing. A process of its own, for whatever is under way in it is given up.

use std::io::Error;
use std::path::Path;
use tilewright_formats::{FormatError, abandon, new_folder, replace_file};

#[test]
fn files_and_folders_under_way_are_removed() {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interrupt");
    let _ = std::fs::remove_dir_all(&here);
    std::fs::create_dir_all(&here).unwrap();
    let count = || std::fs::read_dir(&here).unwrap().count();
    std::fs::write(here.join("old"), "old").unwrap();
    let failed = replace_file(&here.join("old"), |file| {
        file.write_all(b"half")?;
        assert_eq!(count(), 2);
        drop(abandon());
        assert_eq!(count(), 1);
        Err(Error::other("the process would have ended"))
    });
    assert!(failed.is_err());
    assert_eq!(std::fs::read(here.join("old")).unwrap(), b"old");
    let failed = new_folder(&here.join("new"), |folder| -> Result<(), FormatError> {
        std::fs::write(folder.join("part"), "half").unwrap();
        drop(abandon());
        assert_eq!(count(), 1);
        Ok(())
    });
    // What was given up cannot take its name.
    assert!(failed.is_err());
    assert_eq!(count(), 1);

    // Without an interrupt they appear whole, and never in place of another.
    let fill = |folder: &Path| -> Result<(), FormatError> {
        std::fs::write(folder.join("part"), "whole").unwrap();
        Ok(())
    };
    new_folder(&here.join("new"), fill).unwrap();
    assert_eq!(std::fs::read(here.join("new/part")).unwrap(), b"whole");
    let error = new_folder(&here.join("new"), fill).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(count(), 2);
}
