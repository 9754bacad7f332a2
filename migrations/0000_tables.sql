CREATE TABLE `audit` (
	`position` integer PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`who` text NOT NULL,
	`door` text NOT NULL,
	`what` text NOT NULL,
	`worker_name` text,
	`container_name` text,
	`subject` text,
	`result` text NOT NULL,
	`facts` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_by_who` ON `audit` (`who`,`position`);--> statement-breakpoint
CREATE TABLE `checks` (
	`at_ms` integer PRIMARY KEY NOT NULL,
	`outcome` text NOT NULL,
	`broken` integer NOT NULL,
	`unknown` integer NOT NULL,
	`report` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `containers` (
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`boot_id` text NOT NULL,
	`last_seq` integer NOT NULL,
	`last_position` integer NOT NULL,
	`first_seen_ms` integer NOT NULL,
	`last_seen_ms` integer NOT NULL,
	PRIMARY KEY(`worker_name`, `container_name`, `boot_id`)
);
--> statement-breakpoint
CREATE TABLE `error_occurrences` (
	`position` integer PRIMARY KEY NOT NULL,
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`boot_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at_ms` integer NOT NULL,
	`instance_id` text NOT NULL,
	`fingerprint` text NOT NULL,
	`count` integer NOT NULL,
	`error_group` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `error_occurrences_by_group` ON `error_occurrences` (`worker_name`,`instance_id`,`fingerprint`,`position`);--> statement-breakpoint
CREATE TABLE `errors` (
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`instance_id` text NOT NULL,
	`fingerprint` text NOT NULL,
	`category` text NOT NULL,
	`severity` text NOT NULL,
	`source` text NOT NULL,
	`name` text NOT NULL,
	`message` text NOT NULL,
	`count` integer NOT NULL,
	`boot_id` text NOT NULL,
	`boot_count` integer NOT NULL,
	`first_seen_ms` integer NOT NULL,
	`last_seen_ms` integer NOT NULL,
	`last` text NOT NULL,
	PRIMARY KEY(`worker_name`, `container_name`, `instance_id`, `fingerprint`)
);
--> statement-breakpoint
CREATE INDEX `errors_by_time` ON `errors` (`last_seen_ms`);--> statement-breakpoint
CREATE INDEX `errors_by_instance` ON `errors` (`instance_id`,`last_seen_ms`);--> statement-breakpoint
CREATE TABLE `groups` (
	`folder` text PRIMARY KEY NOT NULL,
	`jid` text NOT NULL,
	`name` text NOT NULL,
	`is_main` integer NOT NULL,
	`agent` text NOT NULL,
	`network` text NOT NULL,
	`removed_at_ms` integer
);
--> statement-breakpoint
CREATE TABLE `house_events` (
	`position` integer PRIMARY KEY NOT NULL,
	`at_ms` integer NOT NULL,
	`worker_name` text,
	`container_name` text,
	`instance_id` text,
	`group_folder` text,
	`run_id` text,
	`event` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `house_events_by_group` ON `house_events` (`group_folder`,`position`);--> statement-breakpoint
CREATE TABLE `instances` (
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`instance_id` text NOT NULL,
	`as_of_ms` integer NOT NULL,
	`boot_id` text NOT NULL,
	`seq` integer NOT NULL,
	`status` text NOT NULL,
	`removed` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`worker_name`, `container_name`, `instance_id`)
);
--> statement-breakpoint
CREATE INDEX `instances_by_id` ON `instances` (`instance_id`);--> statement-breakpoint
CREATE TABLE `logs` (
	`position` integer PRIMARY KEY NOT NULL,
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`boot_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at_ms` integer NOT NULL,
	`instance_id` text,
	`stream` text,
	`level` text,
	`text` text NOT NULL,
	`more` text
);
--> statement-breakpoint
CREATE INDEX `logs_by_instance` ON `logs` (`worker_name`,`instance_id`,`position`);--> statement-breakpoint
CREATE TABLE `marks` (
	`name` text PRIMARY KEY NOT NULL,
	`value` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `messages` (
	`direction` text NOT NULL,
	`chat_jid` text NOT NULL,
	`id` text NOT NULL,
	`position` integer NOT NULL,
	`group_folder` text,
	`run_id` text,
	`sender` text NOT NULL,
	`kind` text NOT NULL,
	`text` text NOT NULL,
	`at_ms` integer NOT NULL,
	`state` text NOT NULL,
	PRIMARY KEY(`direction`, `chat_jid`, `id`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_by_position` ON `messages` (`position`);--> statement-breakpoint
CREATE INDEX `messages_by_group` ON `messages` (`group_folder`,`position`);--> statement-breakpoint
CREATE TABLE `modules` (
	`module` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`why` text NOT NULL,
	`since_ms` integer NOT NULL,
	`containers` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `moments` (
	`at_ms` integer PRIMARY KEY NOT NULL,
	`position` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `process_events` (
	`position` integer PRIMARY KEY NOT NULL,
	`worker_name` text NOT NULL,
	`container_name` text NOT NULL,
	`boot_id` text,
	`seq` integer,
	`at_ms` integer NOT NULL,
	`instance_id` text,
	`event` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `process_events_by_instance` ON `process_events` (`worker_name`,`instance_id`,`position`);--> statement-breakpoint
CREATE TABLE `runs` (
	`id` text PRIMARY KEY NOT NULL,
	`position` integer NOT NULL,
	`group_folder` text NOT NULL,
	`started_at_ms` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	`outcome` text NOT NULL,
	`container_name` text NOT NULL,
	`cost_usd` real,
	`input_tokens` integer,
	`output_tokens` integer,
	`denied` integer NOT NULL,
	`record` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `runs_by_position` ON `runs` (`position`);--> statement-breakpoint
CREATE INDEX `runs_by_group` ON `runs` (`group_folder`,`position`);--> statement-breakpoint
CREATE TABLE `scheduled_tasks` (
	`id` text PRIMARY KEY NOT NULL,
	`group_folder` text NOT NULL,
	`status` text NOT NULL,
	`next_at_ms` integer,
	`task` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `terminal_sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`worker_name` text NOT NULL,
	`container_name` text,
	`session` text,
	`instance_id` text,
	`who` text NOT NULL,
	`readonly` integer NOT NULL,
	`opened_at_ms` integer NOT NULL,
	`ended_at_ms` integer,
	`why` text,
	`bytes_in` integer DEFAULT 0 NOT NULL,
	`bytes_out` integer DEFAULT 0 NOT NULL,
	`recording` text
);
--> statement-breakpoint
CREATE INDEX `terminal_sessions_by_worker` ON `terminal_sessions` (`worker_name`,`opened_at_ms`);--> statement-breakpoint
CREATE TABLE `usage` (
	`worker_name` text PRIMARY KEY NOT NULL,
	`log_rows` integer NOT NULL,
	`log_bytes` integer NOT NULL,
	`dropped_up_to` integer DEFAULT 0 NOT NULL,
	`lines_from` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `workers` (
	`worker_name` text PRIMARY KEY NOT NULL,
	`container_name` text,
	`state` text NOT NULL,
	`since_ms` integer NOT NULL,
	`why` text NOT NULL,
	`boot_id` text,
	`booted_at_ms` integer,
	`version` text,
	`image` text,
	`engine` text
);
