-- Whose a trace is that a browser added to: no request may say so. One row for each batch of it, which it goes with.
CREATE TABLE owner (
    batch INTEGER PRIMARY KEY,
    trace BLOB NOT NULL,
    session BLOB NOT NULL,
    person TEXT NOT NULL
) STRICT;
CREATE INDEX owner_session ON owner (session);
CREATE INDEX owner_person ON owner (person);
