-- Of the spans written, as far as that was known by then, those recorded of traces that nobody asked for: they have a share
-- of the quota.
ALTER TABLE written ADD COLUMN unasked INTEGER NOT NULL DEFAULT 0;
