import { describeLogs } from "./logs.ts";
import { describeTakingIn } from "./taking-in.ts";
import { describeSearch } from "./search.ts";
import { describeHistory } from "./history.ts";
import { describeRetention } from "./retention.ts";
import { describeRoom } from "./room.ts";
import { describeDatabase } from "./database.ts";
import { describeEntries } from "./entries.ts";
import { describeErrors } from "./errors.ts";
import { describeHouse } from "./house.ts";
import { describeWorkers } from "./workers.ts";
import type { Subject } from "./subject.ts";

/** Everything that a store promises; each kind of database runs all of it. */
export function describeStore(subject: Subject): void {
  describeDatabase(subject);
  describeTakingIn(subject);
  describeRetention(subject);
  describeHistory(subject);
  describeRoom(subject);
  describeLogs(subject);
  describeSearch(subject);
  describeEntries(subject);
  describeErrors(subject);
  describeWorkers(subject);
  describeHouse(subject);
}
