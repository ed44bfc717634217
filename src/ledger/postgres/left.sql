-- $1 batch, $2 from where. Which are planned still: what others gave back, or left when they died.
SELECT n FROM callsheet.standing WHERE batch = $1 AND state + 0 < 1 AND n >= $2 ORDER BY n LIMIT :most
