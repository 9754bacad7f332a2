import { setTimeout as delay } from "node:timers/promises";
import { NovaError, reasonOf } from "../../model/errors.ts";
import type { TerminalExit, TerminalInputFrame } from "../../model/terminal-frames.ts";
import type { Attention } from "./attention.ts";
import { hangUp } from "./hang-up.ts";
import { Pace } from "./pace.ts";
import { Pty, type PtyEnd, type PtySpec } from "./pty.ts";
import { Ring } from "./ring.ts";
import { cutCharacter, type Resize, Screen, type Size } from "./screen.ts";
import type { Turns } from "./turns.ts";
import type { Viewer } from "./viewer.ts";

/** What can be given again to a viewer who comes back. */
const RING_SIZE = 1_048_576;
/** So much is taken in late; beyond it the screen is brought up to date. */
const MOST_BEHIND = 524_288;
/** Room for what may come although the program was told to wait. */
const RESERVE = 196_608;
/** The kernel gives no more at once: when it gave less, there was no more. */
const FULL_READ = 4095;
/** So much is gathered, while more comes at once, before it is sent. */
const GATHERED = 65_536;
/** Input that the program does not take. */
const MOST_INPUT = 8_388_608;
/** For a viewer to take the end of the output. */
const END_MS = 30_000;
/** What the kernel keeps although it was killed is not waited for. */
const STUBBORN_MS = 1000;
/** Sizes that are remembered for those who come back. */
const MOST_SIZES = 1000;
/** Between two snapshots for a viewer that cannot keep up. */
const REDRAW_MS = 200;

export interface SessionOptions {
  readonly id: string;
  /** Without anybody to see it, it ends after so long; what came last can be had for as long after the end. */
  readonly graceMs: number;
  /** With no byte in either direction, it ends after so long. */
  readonly idleMs: number;
  /** Between SIGHUP and SIGKILL. */
  readonly hangUpMs: number;
  readonly turns: Turns;
  readonly attention: Attention;
  readonly tell: (message: string) => void;
  readonly onEnd: (exit: TerminalExit) => void;
  /** Nobody can come back to it any more. */
  readonly onForgotten: () => void;
}

/** One terminal with a program on it, and those who look at it. */
export class Session {
  readonly id: string;
  readonly viewers: Set<Viewer> = new Set();
  readonly #options: SessionOptions;
  readonly #ring = new Ring(RING_SIZE);
  readonly #screen: Screen;
  readonly #pty: Pty;
  /** The sizes that it had from the ring's oldest byte on. */
  #sizes: Resize[];
  #changes = 0;
  #owner: Viewer | null = null;
  #exit: PtyEnd | null = null;
  #why: TerminalExit["why"] = "exit";
  #end: TerminalExit | null = null;
  #isForgotten = false;
  /** Nobody is waited for any more. */
  #isGivenUp = false;
  #hungUp: Promise<void> | null = null;
  #mayReturn = false;
  #wasSeenToTheEnd = false;
  #lastUse = performance.now();
  #grace: NodeJS.Timeout | null = null;
  readonly #idle: NodeJS.Timeout;
  #isFlushing = false;
  #gathered = 0;
  #gatheredBefore = 0;
  #isGathering = false;
  #isLoading = false;
  readonly #pace = new Pace(() => this.#regulate());
  readonly #over = Promise.withResolvers<void>();

  constructor(spec: PtySpec, options: SessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#sizes = [{ change: 0, offset: 0, columns: spec.columns, rows: spec.rows }];
    this.#screen = new Screen(this.#ring, spec);
    this.#pty = new Pty(spec, {
      onData: (bytes) => this.#read(bytes),
      onExit: (exit) => {
        this.#exit = exit;
        this.#hungUp ??= hangUp(this.#pty.pid, options.hangUpMs, () => false);
        this.#grace ??= setTimeout(() => this.#giveUp(), this.#patienceMs);
      },
      onEnd: () => this.#finish(),
    });
    this.#idle = setInterval(() => this.#endIfIdle(), Math.max(10, Math.min(options.idleMs / 4, 60_000)));
    this.#idle.unref();
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** `offset`: what the viewer has of it already; null: nothing. `isNew`: it asked for a new one. */
  add(viewer: Viewer, offset: number | null, isNew: boolean, size: Size | null): void {
    this.viewers.add(viewer);
    this.#use();
    if (this.#grace !== null && this.#exit === null) {
      clearTimeout(this.#grace);
      this.#grace = null;
    }
    if (viewer.isFramed) this.#mayReturn = true;
    if (!viewer.isReadonly && viewer.isFramed && this.#owner === null) this.#owner = viewer;
    const isOwner = this.#owner === viewer;
    const continued = isNew || (offset !== null && offset >= this.#ring.start && offset <= this.#ring.end);
    const from = isNew ? 0 : continued && offset !== null ? offset : this.#ring.end;
    const { change, columns, rows } = this.#sizeAt(from);
    viewer.toldChange = change;
    viewer.attach({
      session: this.id,
      offset: from,
      how: isNew ? "new" : continued ? "continued" : "redrawn",
      readonly: viewer.isReadonly,
      owner: isOwner,
      columns,
      rows,
    });
    if (!continued) this.#redraw(viewer);
    if (isOwner && size !== null) this.#resize(size);
    this.#pump(viewer);
    this.#regulate();
  }

  remove(viewer: Viewer, isClean: boolean): void {
    this.viewers.delete(viewer);
    if (viewer.isFramed && isClean) this.#wasSeenToTheEnd = true;
    if (this.#owner === viewer) {
      this.#owner = [...this.viewers].find((other) => other.isFramed && !other.isReadonly) ?? null;
      if (this.#owner !== null) this.#tellSize(this.#owner);
    }
    if (this.viewers.size === 0) this.#leave();
    this.#regulate();
  }

  /** A viewer has sent this. */
  take(viewer: Viewer, frame: TerminalInputFrame): void {
    if (frame.kind === "ack") return;
    if (viewer.isReadonly) return viewer.refuse(`a read-only viewer may not send ${frame.kind}`);
    this.#use();
    switch (frame.kind) {
      case "input":
        if (this.#pty.pendingInput + frame.bytes.length > MOST_INPUT) {
          const waiting = `the program has not taken ${this.#pty.pendingInput} bytes of input`;
          viewer.fail(new NovaError("TERMINAL_FAILED", waiting));
        } else if (this.#end === null) {
          this.#options.attention.typed(this);
          this.#pty.write(frame.bytes);
        }
        return;
      case "resize":
        if (viewer === this.#owner) this.#resize(frame);
        return;
      case "own": {
        const before = this.#owner;
        this.#owner = viewer;
        if (before !== null && before !== viewer) this.#tellSize(before);
        this.#tellSize(viewer);
        return;
      }
      case "close":
        void this.end("closed");
    }
  }

  /** There may be room for more at this viewer's. */
  makeRoom(viewer: Viewer): void {
    this.#pump(viewer);
    this.#regulate();
  }

  /** Ends the program and all of its session. Resolves when it has, or when the kernel does not let go of it. */
  async end(why: "idle" | "closed"): Promise<void> {
    if (this.#exit === null) {
      this.#why = why;
      this.#hungUp ??= hangUp(this.#pty.pid, this.#options.hangUpMs, () => this.#exit === null);
    }
    this.#giveUp();
    await this.#hungUp;
    await Promise.race([this.#over.promise, delay(STUBBORN_MS, undefined, { ref: false })]);
  }

  /** Ends the connections of those who still look at it, and forgets what it put out. */
  forget(): void {
    if (this.#isForgotten) return;
    this.#isForgotten = true;
    if (this.#grace !== null) clearTimeout(this.#grace);
    clearInterval(this.#idle);
    this.#pace.close();
    this.#options.attention.forget(this);
    const late = new NovaError("TERMINAL_FAILED", "the end of the terminal's output was not taken in time");
    for (const viewer of this.viewers) viewer.fail(late);
    this.#screen.close();
    this.#options.onForgotten();
  }

  /** The size as of an offset that the ring still has. */
  #sizeAt(offset: number): Resize {
    const found = this.#sizes.findLast((resize) => resize.offset <= offset) ?? this.#sizes[0];
    if (found === undefined) throw new TypeError("a terminal has no size");
    return found;
  }

  /** For how long the end is kept: those who are there have some time for it in any case. */
  get #patienceMs(): number {
    return this.viewers.size === 0 ? this.#options.graceMs : Math.max(this.#options.graceMs, END_MS);
  }

  /** Goes on to the end without waiting for those who look at it. */
  #giveUp(): void {
    this.#isGivenUp = true;
    this.#regulate();
  }

  #use(): void {
    this.#lastUse = performance.now();
  }

  #read(bytes: Uint8Array): void {
    this.#use();
    this.#ring.append(bytes);
    if (this.viewers.size === 0 || this.#options.attention.isElsewhere(this)) {
      this.#pace.count(bytes.length);
      if (this.#pace.isWaiting) this.#regulate();
    }
    this.#gathered += bytes.length;
    if (bytes.length < FULL_READ || this.#gathered >= GATHERED) this.#flush();
    else if (!this.#isGathering) {
      this.#isGathering = true;
      this.#gatheredBefore = 0;
      setImmediate(this.#gather);
    }
  }

  /** As long as each round of the event loop brings more, it is sent in few large pieces; a single one waits for one round. */
  readonly #gather = (): void => {
    if (this.#gathered > this.#gatheredBefore) {
      this.#gatheredBefore = this.#gathered;
      setImmediate(this.#gather);
      return;
    }
    this.#isGathering = false;
    if (this.#gathered > 0) this.#flush();
  };

  #flush(): void {
    this.#gathered = 0;
    this.#gatheredBefore = 0;
    for (const viewer of this.viewers) this.#pump(viewer);
    this.#regulate();
  }

  /** Sends a viewer all that it has room for. */
  #pump(viewer: Viewer): void {
    while (!viewer.hasEnd && viewer.redrawAt === null) {
      if (viewer.sent < this.#ring.start) {
        if (viewer.isQuiet) this.#redraw(viewer);
        return;
      }
      const next = this.#sizes.find(({ change }) => change > viewer.toldChange);
      if (next !== undefined && next.offset <= viewer.sent) {
        viewer.toldChange = next.change;
        viewer.size(next, viewer === this.#owner);
        continue;
      }
      if (this.#end !== null && viewer.sent === this.#ring.end) {
        viewer.exit(this.#end);
        return;
      }
      const end = Math.min(next?.offset ?? this.#ring.end, viewer.sent + Math.max(0, viewer.room));
      let bytes = this.#ring.read(viewer.sent, end - viewer.sent);
      // xterm loses some characters that come to it in two pieces: the first piece waits for what is on its way, and no longer.
      if (!this.#isFlushing) bytes = bytes.subarray(0, bytes.length - cutCharacter(bytes));
      if (bytes.length === 0) {
        if (!this.#isFlushing && viewer.room > 0 && viewer.sent < this.#ring.end) setImmediate(this.#flushAll);
        return;
      }
      viewer.output(bytes);
    }
  }

  readonly #flushAll = (): void => {
    this.#isFlushing = true;
    this.#flush();
    this.#isFlushing = false;
  };

  /** Has a snapshot sent as soon as the screen has come so far, and not too often. */
  #redraw(viewer: Viewer): void {
    const waitMs = viewer.redrawAfter - performance.now();
    if (waitMs <= 0) {
      viewer.redrawAt = this.#ring.end;
      this.#options.turns.add(this.#advance);
    } else
      viewer.redrawTimer ??= setTimeout(() => {
        viewer.redrawTimer = null;
        if (this.viewers.has(viewer)) this.#flush();
      }, waitMs);
  }

  /** The program goes at the pace of the quickest viewer, and of the screen; a flood that nobody looks at, or beside which somebody types elsewhere, gives way. */
  #regulate(): void {
    const behind = this.#ring.end - this.#screen.parsed;
    if (behind > MOST_BEHIND) this.#options.turns.add(this.#advance);
    let isWaiting = this.viewers.size > 0 && !this.#isGivenUp;
    for (const viewer of this.viewers) {
      if (viewer.room > 0 && viewer.redrawAt === null && viewer.sent >= this.#ring.start) isWaiting = false;
    }
    const givesWay = this.#pace.isWaiting && !this.#isGivenUp;
    if (isWaiting || givesWay || behind > RING_SIZE - RESERVE) this.#pty.pause();
    else this.#pty.resume();
  }

  readonly #advance = (): boolean => {
    if (this.#isForgotten) return false;
    if (!this.#screen.isLoaded) {
      this.#load();
      return false;
    }
    let until = this.#ring.end;
    for (const { redrawAt } of this.viewers) if (redrawAt !== null) until = Math.min(until, redrawAt);
    this.#screen.advance(until);
    this.#draw();
    this.#regulate();
    const isDue = this.#ring.end - this.#screen.parsed > MOST_BEHIND;
    return isDue || [...this.viewers].some(({ redrawAt }) => redrawAt !== null);
  };

  /** Sends their snapshots to those who wait for just what the screen shows now. */
  #draw(): void {
    const { parsed } = this.#screen;
    let drawn: ReturnType<Screen["snapshot"]> | null = null;
    for (const viewer of this.viewers) {
      if (viewer.redrawAt === null || !this.#screen.hasReached(viewer.redrawAt)) continue;
      drawn ??= this.#screen.snapshot();
      viewer.redrawAt = null;
      viewer.redrawAfter = performance.now() + REDRAW_MS;
      viewer.toldChange = this.#sizeAt(parsed).change;
      viewer.snapshot(parsed, drawn);
      this.#pump(viewer);
    }
  }

  #load(): void {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#screen.load().then(
      () => this.#options.turns.add(this.#advance),
      (error: unknown) => {
        this.#options.tell(`The screens of terminals cannot be kept: ${reasonOf(error)}.`);
        const failed = new NovaError("TERMINAL_FAILED", `the screen cannot be kept: ${reasonOf(error)}`);
        for (const viewer of this.viewers) viewer.fail(failed);
      },
    );
  }

  #resize({ columns: asked, rows }: Size): void {
    // xterm has two columns at least.
    const columns = Math.max(2, asked);
    const offset = this.#ring.end;
    const now = this.#sizeAt(offset);
    if (this.#end !== null || (columns === now.columns && rows === now.rows)) return;
    this.#changes += 1;
    const resize = { change: this.#changes, offset, columns, rows };
    // Whoever has not been told of one before at the same place need not be; of what the ring has no more bytes of, neither.
    const first = this.#sizes.findLastIndex((one) => one.offset <= this.#ring.start);
    this.#sizes = this.#sizes.filter((one, index) => index >= first && (one.offset < offset || index === first));
    // Of somebody who plays with it; who comes back to just there sees a line or two broken elsewhere.
    if (this.#sizes.length === MOST_SIZES) this.#sizes.splice(1, 1);
    this.#sizes.push(resize);
    this.#screen.resize(resize);
    this.#pty.resize(columns, rows);
    this.#flush();
  }

  /** Who owns the size has changed for this viewer. */
  #tellSize(viewer: Viewer): void {
    const told = this.#sizes.findLast(({ change }) => change <= viewer.toldChange);
    viewer.size(told ?? this.#sizeAt(viewer.sent), viewer === this.#owner);
  }

  #endIfIdle(): void {
    if (performance.now() - this.#lastUse >= this.#options.idleMs) void this.end("idle");
  }

  #leave(): void {
    if (this.#end !== null) {
      if (this.#wasSeenToTheEnd || !this.#mayReturn) this.forget();
    } else if (!this.#mayReturn) void this.end("closed");
    else if (this.#exit === null) this.#grace ??= setTimeout(() => void this.end("closed"), this.#options.graceMs);
  }

  #finish(): void {
    if (this.#end !== null) return;
    this.#end = { exitCode: null, signal: null, ...this.#exit, why: this.#why };
    clearInterval(this.#idle);
    if (this.#grace !== null) clearTimeout(this.#grace);
    const isAlone = this.viewers.size === 0;
    this.#options.onEnd(this.#end);
    this.#over.resolve();
    this.#flushAll();
    // Given up by those who could come back, or never to be had again.
    if (isAlone && (!this.#mayReturn || this.#why === "closed")) this.forget();
    else {
      this.#grace = setTimeout(() => this.forget(), this.#patienceMs);
      this.#grace.unref();
    }
  }
}
