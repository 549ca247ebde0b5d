-- Schema 4: answers that were worked out once and may serve again. Which request an answer serves is decided
-- elsewhere; here are texts, blobs and numbers. Times are microseconds since 1970 UTC.

CREATE TABLE answers (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  task    TEXT NOT NULL,
  key     BLOB NOT NULL,                         -- digest of all that has to be equal
  request TEXT NOT NULL,
  answer  TEXT NOT NULL,
  vector  BLOB NOT NULL,                         -- signed bytes; value = byte * scale
  scale   REAL NOT NULL,
  made    INTEGER NOT NULL,
  expires INTEGER,                               -- NULL: never
  used    INTEGER NOT NULL,                      -- a count, not a time: the largest was used last
  shown   INTEGER,
  hits    INTEGER NOT NULL,
  raised  REAL NOT NULL,                         -- what verdicts moved its threshold by
  bytes   INTEGER NOT NULL,
  pinned  INTEGER NOT NULL                       -- shipped with the program: neither expires nor is pushed out
) STRICT;
CREATE INDEX answers_by_use ON answers (pinned, used);

-- What an answer was made from. Editing or removing one of the entries takes the answer with it.
CREATE TABLE answer_sources (
  answer_id INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
  entry_id  INTEGER NOT NULL,
  version   INTEGER NOT NULL,
  PRIMARY KEY (answer_id, entry_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_sources_of_entry ON answer_sources (entry_id);

-- Requests that were served by an answer to another one, until somebody has judged them.
CREATE TABLE answer_hits (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  answer_id  INTEGER NOT NULL REFERENCES answers (id) ON DELETE CASCADE,
  request    TEXT NOT NULL,
  at         INTEGER NOT NULL,
  similarity REAL NOT NULL,
  score      REAL NOT NULL,
  verdict    INTEGER                             -- NULL: none yet; 1 right, 0 wrong
) STRICT;
CREATE INDEX answer_hits_of_answer ON answer_hits (answer_id);

CREATE TABLE answer_counts (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
