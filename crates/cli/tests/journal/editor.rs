//! Writing in one's own editor: what becomes of the text when all goes well, and when it does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::person::Person;

/// Whether entries can be handed to an editor here at all; says so where they cannot.
fn has_memory() -> bool {
    let there = Path::new("/dev/shm").is_dir();
    if !there {
        eprintln!("skipped: there is no /dev/shm here");
    }
    there
}

/// A program that the person has made their editor.
fn script(person: &Person, text: &str) -> PathBuf {
    let path = person.dir.path().join("editor.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
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

/// The file that a message says the text is still in.
fn place(message: &str) -> PathBuf {
    let (_, rest) = message.split_once("it is still in ").expect(message);
    PathBuf::from(rest.split_once(" (in memory").expect(message).0)
}

#[test]
fn an_editor_that_is_killed_leaves_what_was_written() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    let editor = script(&person, "printf 'an hour of work' >> \"$1\"; kill -9 $$");
    for (args, expected) in [
        (&["edit", "1", "--editor"][..], "beforean hour of work"),
        (&["write", "--editor"], "an hour of work"),
    ] {
        let mut args = args.to_vec();
        args.push(editor.to_str().unwrap());
        let message = person.run(&args).fails(1);
        let place = place(&message);
        assert_eq!(
            message,
            format!(
                "companion: the editor \"{}\" ended with signal: 9 (SIGKILL); what you wrote is not \
                 saved; it is still in {} (in memory, until this computer restarts)\n",
                editor.display(),
                place.display()
            )
        );
        assert_eq!(fs::read_to_string(&place).unwrap(), expected);
        fs::remove_dir_all(place.parent().unwrap()).unwrap();
    }
    assert_eq!(person.text(1), "before");
}

#[test]
fn an_editor_that_fails_without_a_change_leaves_nothing_behind() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    let seen = person.dir.path().join("seen");
    let editor = script(
        &person,
        &format!("printf %s \"$1\" > {}; exit 3", seen.display()),
    );
    assert_eq!(
        person
            .run(&["edit", "1", "--editor", editor.to_str().unwrap()])
            .fails(2),
        format!(
            "companion: the editor \"{}\" ended with exit status: 3; nothing was changed\n",
            editor.display()
        )
    );
    assert!(!Path::new(&fs::read_to_string(seen).unwrap()).exists());
}

#[test]
fn a_closed_pipe_leaves_no_copy_of_an_entry_that_is_saved() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    let seen = person.dir.path().join("seen");
    let editor = script(
        &person,
        &format!(
            "printf written > \"$1\"; printf %s \"$1\" > {}",
            seen.display()
        ),
    );
    for (args, id) in [
        (&["write", "--editor"][..], 2),
        (&["edit", "1", "--editor"], 1),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = person.command(args);
        command.arg(&editor).stdout(writer).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(person.text(id), "written");
        let place = fs::read_to_string(&seen).unwrap();
        assert!(!Path::new(&place).exists(), "{place}");
    }
}

#[test]
fn a_vi_that_is_not_vim_gets_none_of_its_options() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    // A quoted folder with a blank in it; like nvi and busybox, it knows no --version.
    let folder = person.dir.path().join("my editors");
    fs::create_dir(&folder).unwrap();
    let vi = folder.join("vi");
    fs::rename(
        script(
            &person,
            "case $1 in -*) echo usage >&2; exit 1;; esac; printf after > \"$1\"",
        ),
        &vi,
    )
    .unwrap();
    let editor = format!("'{}'", vi.display());
    person
        .run(&["edit", "1", "--no-analysis", "--editor", &editor])
        .ok();
    assert_eq!(person.text(1), "after");
}

#[test]
fn an_editor_that_is_not_there_is_named_with_the_way_out() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    let message = person
        .run(&["edit", "1", "--editor", "/nowhere/ed -x"])
        .fails(2);
    assert!(
        message.ends_with(
            "companion: cannot start the editor \"/nowhere/ed -x\" \
             (No such file or directory (os error 2)); set another with `companion config set editor NAME`\n"
        ),
        "{message}"
    );
}

#[test]
fn ctrl_c_under_the_editor_does_not_end_companion() {
    if !has_memory() {
        return;
    }
    let person = Person::with(&["before"]);
    let editor = script(
        &person,
        "kill -INT $PPID; sleep 0.2; printf ' and after' >> \"$1\"",
    );
    person
        .run(&[
            "edit",
            "1",
            "--no-analysis",
            "--editor",
            editor.to_str().unwrap(),
        ])
        .ok();
    assert_eq!(person.text(1), "before and after");
}
