-- What a language model wrote, and conversations about entries. Times are microseconds since 1970 UTC.

-- At most one text a task and subject; made from entries, and gone in the transaction that edits or removes one.
CREATE TABLE written (
  id      INTEGER PRIMARY KEY,
  task    TEXT NOT NULL,                         -- read, question, day, week, month, year, span
  subject TEXT NOT NULL,                         -- an entry's id, or days
  maker   TEXT NOT NULL,                         -- model and prompt file that made it
  data    TEXT NOT NULL,                         -- JSON; whoever made it knows its form
  made    INTEGER NOT NULL,
  UNIQUE (task, subject)
) STRICT;

CREATE TABLE written_sources (
  written_id INTEGER NOT NULL REFERENCES written (id) ON DELETE CASCADE,
  entry_id   INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  PRIMARY KEY (written_id, entry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX written_sources_of_entry ON written_sources (entry_id);

-- Half of a thread is the writer's own words, so an edit leaves it; erasing the entry takes it along.
CREATE TABLE threads (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
  version  INTEGER NOT NULL,                     -- of the entry when it was said
  at       INTEGER NOT NULL,
  speaker  TEXT NOT NULL,                        -- writer or companion
  text     TEXT NOT NULL,
  maker    TEXT NOT NULL                         -- what made it; empty for the writer
) STRICT;
CREATE INDEX threads_of_entry ON threads (entry_id, id);
