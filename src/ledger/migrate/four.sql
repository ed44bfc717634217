-- Format 3 → 4.

-- What was listed is told apart by its digest from the next listing on.
ALTER TABLE batch ADD COLUMN listed TEXT;
ALTER TABLE batch ADD COLUMN all_listed INTEGER NOT NULL DEFAULT 0;
