-- Schema 2. What the person said of an entry against what a model had said: it outranks every model, before and after.

CREATE TABLE corrections (
  entry_id  INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
  version   INTEGER NOT NULL,                    -- of the entry, when it was said
  made      INTEGER NOT NULL,
  sentiment TEXT,                                -- NULL: the model's word stands
  themes    TEXT,                                -- names separated by spaces; NULL: the model's word stands
  said      TEXT                                 -- what the model says instead, an analysis as JSON; NULL while none read it
) STRICT;
