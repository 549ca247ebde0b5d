//! Writing in one's own editor: what becomes of the text when all goes well, and when it does not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::person::Person;

/// Whether entries can be handed to an editor here at all; says so where they cannot.
fn has_memory() -> bool {
    let there = Path::new("/dev/shm").is_dir();
    if !there {
        eprintln!("skipped: there is no /dev/shm here");
    }
    there
}

/// Every file below `folder` but the journal's own.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn vim_writes_no_copy_whatever_its_vimrc_says() {
    if !has_memory() {
        return;
    }
    if !Path::new("/usr/bin/vim").exists() {
        eprintln!("skipped: there is no /usr/bin/vim here");
        return;
    }
    let person = Person::with(&["alpha beta gamma"]);
    let kept = person.dir.path().join("kept");
    fs::create_dir(&kept).unwrap();
    let vimrc = format!(
        "set undofile undodir={0}\nset backup writebackup backupdir={0}\nset patchmode=.orig\n\
         set swapfile updatecount=1 directory={0}\nset viminfo='100,n{0}/viminfo\n",
        kept.display()
    );
    fs::write(person.dir.path().join(".vimrc"), vimrc).unwrap();
    // Deletes a line, which goes into a register, adds another, saves twice and leaves.
    let keys = person.dir.path().join("keys");
    fs::write(&keys, "yyGp:w\rGodelta secret\u{1b}:wq\r").unwrap();
    let editor = format!("/usr/bin/vim -T dumb -s {}", keys.display());
    let run = person.run(&["edit", "1", "--no-analysis", "--editor", &editor]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(
        person.text(1),
        "alpha beta gamma\nalpha beta gamma\ndelta secret"
    );
    assert!(!run.stdout.contains("E518"), "{run:#?}");
    assert_eq!(files(&kept), Vec::<PathBuf>::new());
}
