DROP TRIGGER IF EXISTS counted ON callsheet.standing;
CREATE TRIGGER counted AFTER UPDATE ON callsheet.standing
    REFERENCING OLD TABLE AS was_standing NEW TABLE AS now_standing
    FOR EACH STATEMENT EXECUTE FUNCTION callsheet.count_standing();
DROP TRIGGER IF EXISTS counted_first ON callsheet.standing;
CREATE TRIGGER counted_first AFTER INSERT ON callsheet.standing
    REFERENCING NEW TABLE AS now_standing
    FOR EACH STATEMENT EXECUTE FUNCTION callsheet.count_listed();
DROP TRIGGER IF EXISTS counted ON callsheet.purse;
CREATE TRIGGER counted AFTER UPDATE OF reserved ON callsheet.purse
    FOR EACH ROW WHEN (NEW.pool = OLD.pool AND NEW.reserved <> OLD.reserved)
    EXECUTE FUNCTION callsheet.count_reserved();
