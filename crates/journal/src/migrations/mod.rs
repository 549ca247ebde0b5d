//! The schema, step by step. A step that was released is never changed; a new one is added at the end.

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// One step: the SQL that leads from the schema before it.
pub(crate) type Step = &'static str;

/// Every step since the first release; the schema's number is how many have been taken.
pub(crate) const STEPS: &[Step] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_corrections.sql"),
    include_str!("0003_language.sql"),
    include_str!("0004_answers.sql"),
    include_str!("0005_measures.sql"),
    include_str!("0006_lessons.sql"),
];

/// The schema that the database has.
pub(crate) fn current(db: &Connection) -> Result<u32> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Takes the missing steps in one transaction, so that a crash leaves the old schema or the new one.
///
/// A schema newer than `steps` is refused before anything is written. `before` runs once, when there is something
/// to do in a journal that has data: it makes the automatic backup. Gives the schema found and the one reached.
pub(crate) fn migrate(
    db: &mut Connection,
    steps: &[Step],
    before: impl FnOnce(u32) -> Result<()>,
) -> Result<(u32, u32)> {
    let known = steps.len() as u32;
    let found = refuse_newer(current(db)?, known)?;
    if found == known {
        return Ok((found, known));
    }
    if found > 0 {
        before(found)?;
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    // Another process may have been faster while this one waited for the lock.
    let now = refuse_newer(current(&tx)?, known)?;
    for step in &steps[now as usize..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok((found, known))
}

fn refuse_newer(found: u32, known: u32) -> Result<u32> {
    if found > known {
        Err(Error::NewerSchema { found, known })
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Step] = &["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y"];

    #[test]
    fn takes_only_the_missing_steps_and_backs_up_what_has_data() {
        let mut db = Connection::open_in_memory().expect("memory");
        let mut backed_up = Vec::new();
        let mut backup = |schema| {
            backed_up.push(schema);
            Ok(())
        };
        assert_eq!(
            migrate(&mut db, &TWO[..1], &mut backup).expect("first"),
            (0, 1)
        );
        assert_eq!(migrate(&mut db, TWO, &mut backup).expect("second"), (1, 2));
        assert_eq!(migrate(&mut db, TWO, &mut backup).expect("nothing"), (2, 2));
        db.execute("INSERT INTO a (x, y) VALUES (1, 2)", [])
            .expect("both columns");
        assert_eq!(backed_up, [1]);
    }

    #[test]
    fn a_newer_schema_is_refused_untouched() {
        let mut db = Connection::open_in_memory().expect("memory");
        migrate(&mut db, TWO, |_| Ok(())).expect("newer");
        let refused = migrate(&mut db, &TWO[..1], |_| panic!("nothing to back up"));
        assert!(matches!(
            refused,
            Err(Error::NewerSchema { found: 2, known: 1 })
        ));
        assert_eq!(current(&db).expect("version"), 2);
    }

    #[test]
    fn a_failing_step_leaves_the_old_schema_whole() {
        let mut db = Connection::open_in_memory().expect("memory");
        migrate(&mut db, &TWO[..1], |_| Ok(())).expect("first");
        let broken: &[Step] = &[TWO[0], "CREATE TABLE b (x); CREATE TABLE a (again)"];
        assert!(migrate(&mut db, broken, |_| Ok(())).is_err());
        assert_eq!(current(&db).expect("version"), 1);
        assert!(
            db.prepare("SELECT * FROM b").is_err(),
            "half a step must not stay"
        );
    }

    #[test]
    fn without_a_backup_nothing_is_migrated() {
        let mut db = Connection::open_in_memory().expect("memory");
        migrate(&mut db, &TWO[..1], |_| Ok(())).expect("first");
        assert!(matches!(
            migrate(&mut db, TWO, |_| Err(Error::DiskFull)),
            Err(Error::DiskFull)
        ));
        assert_eq!(current(&db).expect("version"), 1);
    }
}
