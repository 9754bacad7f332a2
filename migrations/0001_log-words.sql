-- The words of all log lines, and of where they come from. It keeps no text of its own: a row's id is the line's position.
CREATE VIRTUAL TABLE `log_words` USING fts5(`text`, `source`, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2');
--> statement-breakpoint
-- Taking rows out shall not set off the merging of everything that is there; it is merged as rows come in.
INSERT INTO `log_words` (`log_words`, `rank`) VALUES ('deletemerge', 0);
