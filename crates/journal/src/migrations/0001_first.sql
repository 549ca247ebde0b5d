-- Schema 1, release 0.1. Times are microseconds since 1970 UTC; day is yyyymmdd in the entry's own zone.

CREATE TABLE entries (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,   -- never reused, whatever the clock does
  uid       TEXT NOT NULL UNIQUE,
  source_id TEXT UNIQUE,
  at        INTEGER NOT NULL,
  zone      TEXT NOT NULL,                       -- IANA name, or '' for a fixed offset
  offset    INTEGER NOT NULL,                    -- seconds east of UTC at that moment
  day       INTEGER NOT NULL,
  title     TEXT,
  text      TEXT NOT NULL,
  tags      TEXT NOT NULL,                       -- all of them, sorted, separated by spaces
  fields    TEXT NOT NULL,                       -- JSON object, '' when there are none
  starred   INTEGER NOT NULL,
  words     INTEGER NOT NULL,
  created   INTEGER NOT NULL,
  modified  INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  reason    TEXT NOT NULL,                       -- why this version was written
  deleted   INTEGER                              -- when it was removed
) STRICT;
CREATE INDEX entries_by_time ON entries (at, id) WHERE deleted IS NULL;
CREATE INDEX entries_by_day ON entries (day) WHERE deleted IS NULL;
CREATE INDEX entries_removed ON entries (deleted) WHERE deleted IS NOT NULL;

-- Former states, for history and undo. The current one is in entries.
CREATE TABLE versions (
  entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
  version  INTEGER NOT NULL,
  written  INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  zone     TEXT NOT NULL,
  offset   INTEGER NOT NULL,
  title    TEXT,
  text     TEXT NOT NULL,
  tags     TEXT NOT NULL,
  fields   TEXT NOT NULL,
  starred  INTEGER NOT NULL,
  PRIMARY KEY (entry_id, version)
) STRICT;

-- For filters; made from entries.tags and entries.fields in the same transaction.
CREATE TABLE tags (
  tag      TEXT NOT NULL,
  entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
  PRIMARY KEY (tag, entry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_of_entry ON tags (entry_id);

CREATE TABLE fields (
  name     TEXT NOT NULL,
  entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
  kind     TEXT NOT NULL,                        -- number, bool, date or text
  value    ANY,
  PRIMARY KEY (name, entry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX fields_of_entry ON fields (entry_id);

-- Full text without a second copy of the text. What goes in is normalised by the program (index_text), so the
-- table is contentless and the program hands the old values back when it deletes; secure-delete takes the terms
-- out of the index at once instead of leaving them until a merge.
CREATE VIRTUAL TABLE entry_text USING fts5 (
  title, body, tags, content = '', tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"
);
INSERT INTO entry_text (entry_text, rank) VALUES ('secure-delete', 1);

-- Entries whose analysis is missing or out of date.
CREATE TABLE queue (
  entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
  attempts INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE models (
  id   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE analyses (
  entry_id   INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
  version    INTEGER NOT NULL,
  model      INTEGER NOT NULL REFERENCES models (id),
  made       INTEGER NOT NULL,
  sentiment  TEXT NOT NULL,
  confidence REAL NOT NULL,
  valence    REAL NOT NULL,
  mixed      INTEGER NOT NULL,
  unsure     INTEGER NOT NULL,
  truncated  INTEGER NOT NULL,
  tier       TEXT NOT NULL,
  themes     TEXT NOT NULL,                      -- JSON array of {name, probability}
  evidence   TEXT NOT NULL                       -- JSON array of {claim, start, end}
) STRICT;
CREATE INDEX analyses_by_sentiment ON analyses (sentiment);

CREATE TABLE themes (
  theme    TEXT NOT NULL,
  entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
  PRIMARY KEY (theme, entry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX themes_of_entry ON themes (entry_id);

-- One embedding an entry: dimension signed bytes; value = byte * scale; norm is that of the restored vector.
CREATE TABLE entry_vectors (
  entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
  model    INTEGER NOT NULL REFERENCES models (id),
  scale    REAL NOT NULL,
  norm     REAL NOT NULL,
  data     BLOB NOT NULL
) STRICT;

-- All sentences of an entry in one blob (vectors.rs has its layout).
CREATE TABLE sentence_vectors (
  entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
  model    INTEGER NOT NULL REFERENCES models (id),
  data     BLOB NOT NULL
) STRICT;

CREATE TABLE prompts (
  id        INTEGER PRIMARY KEY,
  prompt_id TEXT NOT NULL,
  shown     INTEGER NOT NULL
) STRICT;
CREATE INDEX prompts_by_time ON prompts (shown);

CREATE TABLE drafts (
  name  TEXT PRIMARY KEY,
  text  TEXT NOT NULL,
  saved INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
