# Two groups: one for you, which sees the home's parts, and one for the family.
./novabot groups add local:me --folder main --name Me agent=demo
./novabot groups add 1234567890@g.us --folder family --name Family agent=demo network=none memory=512m

# What would the family's next container get? Nothing is made for this.
./novabot explain family

# An answer, and another one in the same session.
./novabot run --group family "What can you see?"
./novabot run --group family --session latest "And now?"

# Any program that reads a prompt on stdin and prints its answer is an agent.
./novabot groups set family 'agent={"command":["tr","a-z","A-Z"]}'
echo "shout this" | ./novabot run --group family -

# A home that is alive: messages queue, and the next answer comes from a container that stands ready.
./novabot groups set family agent=demo
./novabot serve &
until ./novabot status >/dev/null 2>&1; do sleep 0.2; done
./novabot chat 1234567890@g.us "Are you there?"
./novabot tasks add family "Remind everybody of the bins." --cron "0 19 * * 4" --timezone Europe/Berlin
./novabot status
kill $! && wait

# Services beside the agents: held to a contract before they start and while they run, their secrets encrypted.
home=${NOVABOT_HOME:-$HOME/novabot}
./novabot modules add waha
./novabot secrets list "$home/secrets/local/whatsapp-adapter-waha.env"
./novabot check "$home/modules/whatsapp-adapter-waha" || true # no env file yet: `modules up waha` makes it

# A program that runs for days, in a container whose supervisor keeps it up, keeps its lines and finds its errors.
./novabot image build worker
./novabot worker start clock -- sh -c 'while date; do sleep 1; done'
./novabot worker logs clock

# All of it at once, watched in one place that keeps what containers told when they are gone.
./novabot up --detach
./novabot ps
./novabot logs clock --follow | head -n 2
./novabot worker stop clock --remove
./novabot logs clock --contains : --limit 1
./novabot events clock
./novabot down

# What happened, and is everything in order?
./novabot runs list
./novabot doctor
