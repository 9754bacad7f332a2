/** What `novabot --help` prints. */
export const HELP = `novabot: speak to the chat and plan work from inside a group's container

  novabot send TEXT                send a message to the chat at once; TEXT of - is read from stdin
      --chat JID                   to another chat (main alone)
  novabot schedule PROMPT          have the agent do PROMPT later; PROMPT of - is read from stdin
      --cron EXPR                  five or six fields, as in "0 9 * * 1-5"
      --every DURATION             as in 90s, 10m, 1h30m, 2d, 1w
      --at TIME                    once, as in 2027-01-31T09:00 or 2027-01-31T09:00:00+01:00
      --timezone ZONE              of --cron and --at, as in Europe/Berlin
      --own-session                in a conversation of the task's own, not the group's
      --guard SCRIPT               a shell script that runs first: status 0 starts the agent, 1 skips this time
      --group FOLDER               for another group (main alone)
  novabot update TASK              change a task; the options of schedule, and
      --prompt TEXT  --group-session  --no-guard
  novabot pause TASK               until it is resumed
  novabot resume TASK
  novabot cancel TASK              for good
  novabot tasks                    the group's tasks, and when they are due
  novabot groups                   the registered groups (main alone)
  novabot register JID --name NAME --folder FOLDER
                                   make a chat a group (main alone)
  novabot mcp                      the same verbs as an MCP server on stdin and stdout

  --json      print the result as JSON
  --no-wait   do not wait to hear whether it was taken (1.5 seconds at most)

Exit status: 0 done or queued, 1 refused, 2 not understood.
`;
