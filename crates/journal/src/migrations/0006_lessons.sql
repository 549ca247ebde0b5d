-- Schema 6: what was judged of answers outlives them. A hit holds what it is about itself, so that it can be judged when
-- the answer has run out, and goes with the entries that the answer was made from; a lesson holds what was learnt.

CREATE TABLE hits_that_stay (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  answer_id  INTEGER NOT NULL,
  task       TEXT NOT NULL,
  key        BLOB NOT NULL,                      -- of the answer: digest of all that had to be equal
  stored     TEXT NOT NULL,                      -- the request that the answer was made for
  answer     TEXT NOT NULL,
  pinned     INTEGER NOT NULL,
  request    TEXT NOT NULL,
  at         INTEGER NOT NULL,
  similarity REAL NOT NULL,
  score      REAL NOT NULL,
  verdict    INTEGER                             -- NULL: none yet; bits: 1 right, 2 told by a person
) STRICT;
CREATE TABLE answer_hit_sources (
  hit_id   INTEGER NOT NULL REFERENCES hits_that_stay (id) ON DELETE CASCADE,
  entry_id INTEGER NOT NULL,
  PRIMARY KEY (hit_id, entry_id)
) STRICT, WITHOUT ROWID;
INSERT INTO hits_that_stay
  SELECT h.id, h.answer_id, a.task, a.key, a.request, a.answer, a.pinned, h.request, h.at, h.similarity, h.score, h.verdict
  FROM answer_hits AS h JOIN answers AS a ON a.id = h.answer_id;
INSERT INTO answer_hit_sources
  SELECT h.id, s.entry_id FROM answer_hits AS h JOIN answer_sources AS s ON s.answer_id = h.answer_id;
DROP TABLE answer_hits;
ALTER TABLE hits_that_stay RENAME TO answer_hits;
CREATE INDEX answer_hits_of_answer ON answer_hits (answer_id);
CREATE INDEX answer_hit_sources_of_entry ON answer_hit_sources (entry_id);

-- By how much a request's threshold is raised (`asked` is empty), and pairs of requests that must not serve one another.
-- Texts as the exact tier compares them.
CREATE TABLE answer_lessons (
  task   TEXT NOT NULL,
  stored TEXT NOT NULL,
  asked  TEXT NOT NULL,
  raised REAL NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (task, stored, asked)
) STRICT, WITHOUT ROWID;
INSERT OR REPLACE INTO answer_lessons
  SELECT task, request, '', max(raised), max(made) FROM answers WHERE raised > 0 GROUP BY task, request;
