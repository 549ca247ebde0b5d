-- Schema 5: what was measured while the program worked, added up a day. Names are those of a closed set, values are
-- numbers: no text gets here. A sum has its value in sum alone (n, max 0, no buckets).

CREATE TABLE measures (
  day     INTEGER NOT NULL,                      -- yyyymmdd, local
  name    TEXT NOT NULL,
  n       INTEGER NOT NULL,
  sum     INTEGER NOT NULL,
  max     INTEGER NOT NULL,
  buckets BLOB NOT NULL,                         -- crates/metrics/src/histogram.rs has the layout
  PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
