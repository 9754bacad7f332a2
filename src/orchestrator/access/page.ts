import { Hono } from "hono";
import type { Caller } from "../../model/api/access.ts";
import type { AppEnv } from "../rest/environment.ts";
import type { Access } from "./access.ts";
import { newSecret } from "./secret.ts";

/** `GET /`: says what is here, and lets a browser log in and out. */
export function pageDoor(access: Access): Hono<AppEnv> {
  const door = new Hono<AppEnv>();
  door.get("/", async (context) => {
    const asking = { request: context.req.raw, peerAddress: context.env.peerAddress };
    const hasCredential = asking.request.headers.has("authorization") || asking.request.headers.has("cookie");
    const caller = hasCredential ? await access.admit(asking, "read").catch(() => null) : null;
    const nonce = newSecret();
    context.header(
      "content-security-policy",
      `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    );
    return context.html(page(nonce, caller));
  });
  return door;
}

/** A name and a role hold nothing that HTML would read. */
function page(nonce: string, caller: Caller | null): string {
  const body = caller ? inside(caller) : LOGIN;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>NovaBot</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<h1>NovaBot</h1>
${body}
<p role="alert" id="trouble"></p>
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

function inside({ name, role }: Caller): string {
  return `<p>You are logged in with the token <strong>${name}</strong> as <strong>${role}</strong>.</p>
<ul>
<li><a href="/api/status">How the house is</a></li>
<li><a href="/api/workers">Workers</a></li>
<li><a href="/api/monitoring/processes">Processes</a></li>
<li><a href="/api/groups">Groups</a></li>
<li><a href="/api/runs">Runs</a></li>
<li><a href="/api/openapi.json">All that can be asked</a></li>
</ul>
<button id="leave" type="button">Log out</button>`;
}

const LOGIN = `<p>This is an installation of NovaBot: agents, workers and modules in containers, and all that they do in one place.</p>
<form id="enter">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Log in</button>
</form>
<p>This machine's own token is in the home, in <code>data/host/access/local-token</code>; <code>novabot tokens add</code> makes others.</p>
<noscript>Logging in here needs JavaScript; programs send the token as <code>Authorization: Bearer TOKEN</code>.</noscript>`;

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 36rem; margin: 12vh auto; padding: 0 1.5rem; }
form { display: grid; gap: .5rem; margin: 1.5rem 0; }
input, button { font: inherit; padding: .5rem .75rem; }
button { justify-self: start; cursor: pointer; }
[role=alert] { min-height: 1.5em; font-weight: 600; }
`;

const SCRIPT = `
const trouble = document.getElementById("trouble");
async function ask(method, body) {
  trouble.textContent = "";
  try {
    const answer = await fetch("/api/session", {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (answer.ok) return location.reload();
    const problem = await answer.json();
    trouble.textContent = problem.detail + " " + problem.next;
  } catch {
    trouble.textContent = "The house does not answer.";
  }
}
document.getElementById("enter")?.addEventListener("submit", (event) => {
  event.preventDefault();
  void ask("POST", { token: document.getElementById("token").value.trim() });
});
document.getElementById("leave")?.addEventListener("click", () => void ask("DELETE"));
`;
