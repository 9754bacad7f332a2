import type { Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import { NovaError } from "../../model/errors.ts";
import type { Attachment } from "../engine.ts";
import type { Connection } from "./connection.ts";
import { inspectContainer } from "./containers.ts";
import { demultiplexer } from "./demultiplex.ts";
import { brokenConnection, containerNotFound } from "./errors.ts";
import { containerPath } from "./paths.ts";

export interface AttachOptions {
  /**
   * Input goes over a connection of its own. Podman answers input that a container did not read by breaking the connection off,
   * with output that it had not passed on yet, and by writing its complaint into the middle of a frame.
   */
  readonly inputApart?: boolean;
}

/** Attaches to the outputs of a container, and to its input where it has one. */
export async function attach(connection: Connection, id: string, options: AttachOptions = {}): Promise<Attachment> {
  const container = await inspectContainer(connection, id);
  if (!container) throw containerNotFound(id);
  const hijack = async (...streams: readonly string[]): ReturnType<Connection["hijack"]> =>
    await connection.hijack({
      method: "POST",
      path: `${containerPath(id)}/attach`,
      query: { stream: "1", ...Object.fromEntries(streams.map((name) => [name, "1"])) },
      what: "attach to the container",
    });
  const together = container.takesInput && !options.inputApart;
  const { stream, head } = await hijack("stdout", "stderr", ...(together ? ["stdin"] : []));
  if (together) return attachment(stream, head, connection.socket);
  if (!container.takesInput) {
    stream.end();
    return attachment(stream, head, connection.socket);
  }
  try {
    const inward = await hijack("stdin");
    // What the engine says here is only that nobody reads any more.
    inward.stream.resume().on("error", () => {});
    return attachment(stream, head, connection.socket, inward.stream);
  } catch (error) {
    stream.destroy();
    throw error;
  }
}

const OUTPUT_BUFFER_BYTES = 256 * 1024;

/** The three streams over a hijacked connection, or over one for the outputs and one for the input. */
export function attachment(socket: Socket, head: Buffer, endpoint: string, inward: Socket = socket): Attachment {
  let closed = false;
  swallowWriteErrors(inward);

  // Streams whose buffers are full. While there is one, nothing is read: the engine, and then the container, waits.
  const full = new Set<Readable>();
  const resume = (stream: Readable): void => {
    if (full.delete(stream) && full.size === 0) socket.resume();
  };
  const stdout = output(resume);
  const stderr = output(resume);
  const frames = demultiplexer((name, data) => {
    const stream = name === "stdout" ? stdout : stderr;
    // A reader that has let go of one stream must not stop the other.
    if (!stream.destroyed && !stream.push(data)) full.add(stream);
  });

  function take(chunk: Buffer): void {
    try {
      frames.push(chunk);
    } catch (error) {
      finish(error instanceof Error ? error : new Error(String(error)));
      socket.destroy();
      return;
    }
    if (full.size > 0) socket.pause();
  }
  function finish(error?: Error): void {
    for (const stream of [stdout, stderr]) {
      if (stream.destroyed) continue;
      if (error) stream.destroy(error);
      else stream.push(null);
    }
  }

  socket.on("data", take);
  socket.on("end", () => {
    finish(
      frames.whole
        ? undefined
        : new NovaError("ENGINE_LOST", `The engine at ${endpoint} stopped in the middle of the container's output.`),
    );
    // Docker goes on holding a connection whose input it no longer reads. Nobody is left to read it.
    socket.destroy();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    // The daemon closes with our unread input in its buffer: the kernel reports that as a reset, after all output was read.
    if (frames.whole && error.code === "ECONNRESET") finish();
    else finish(brokenConnection(error, endpoint, "pass on the container's streams"));
  });
  socket.on("close", () => {
    finish();
    inward.destroy();
  });
  if (head.length > 0) take(head);

  return {
    stdin: input(inward),
    stdout,
    stderr,
    close() {
      if (closed) return;
      closed = true;
      socket.destroy();
      inward.destroy();
      // Whoever still reads sees the end, not an error: letting go was asked for.
      finish();
    },
  };
}

function output(resume: (stream: Readable) => void): Readable {
  const stream = new Readable({
    highWaterMark: OUTPUT_BUFFER_BYTES,
    read() {
      resume(this);
    },
    destroy(error, callback) {
      callback(error);
      resume(this);
    },
  });
  // Without a listener an error would end the process; whoever reads gets it all the same.
  stream.on("error", () => {});
  return stream;
}

function input(socket: Socket): Writable {
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      if (socket.destroyed || !socket.writable) return callback();
      socket.write(chunk, () => callback());
    },
    final(callback) {
      if (socket.destroyed || !socket.writable) return callback();
      socket.end(() => callback());
    },
    destroy(_error, callback) {
      // Giving up on writing is the end of input; the output goes on.
      if (!socket.destroyed && socket.writable) socket.end();
      callback(null);
    },
  });
  stream.on("error", () => {});
  return stream;
}

/**
 * A container may exit without reading its input. Node destroys a socket whose write fails, and with it output that has
 * arrived and is not read yet; so a failed write counts as done, and reading goes on to the end.
 */
function swallowWriteErrors(socket: Socket): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  const final = socket._final.bind(socket);
  socket._write = (chunk, encoding, callback): void => write(chunk, encoding, () => callback());
  if (writev) socket._writev = (chunks, callback): void => writev(chunks, () => callback());
  socket._final = (callback): void => final(() => callback());
}
