-- $1 batch. Which pairs to try next: each is named to one worker, as long as there are any.
WITH purse AS MATERIALIZED (
    SELECT handed FROM callsheet.purse WHERE batch = $1 FOR UPDATE
), picked AS MATERIALIZED (
    -- Written so that no statistics, which may be old, say how many are planned: misled, the planner
    -- sorts all of them each time. So the limit is a number in the text, too.
    SELECT n FROM callsheet.standing
    WHERE batch = $1 AND state + 0 < 1 AND n >= (SELECT handed FROM purse)
    ORDER BY n LIMIT :most
), moved AS (
    UPDATE callsheet.purse SET handed = (SELECT max(n) + 1 FROM picked)
    WHERE batch = $1 AND EXISTS (SELECT 1 FROM picked)
)
SELECT n FROM picked ORDER BY n
