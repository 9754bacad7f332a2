import { NovaError, messageOf, quote } from "../../model/errors.ts";
import type { BuildOptions, ImageInfo } from "../engine.ts";
import type { ImageBuild } from "../spec.ts";
import { readImage } from "./answers.ts";
import { buildCancelled, buildOutput } from "./build-output.ts";
import type { Connection } from "./connection.ts";
import { statusOf, wordsOf } from "./errors.ts";
import { jsonLines } from "./lines.ts";
import { imagePath } from "./paths.ts";

export async function findImage(connection: Connection, reference: string): Promise<ImageInfo | undefined> {
  try {
    const answer = await connection.call({
      method: "GET",
      path: `${imagePath(reference)}/json`,
      what: `find the image ${quote(reference)}`,
    });
    return readImage(answer.body);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

export async function removeImage(connection: Connection, reference: string): Promise<void> {
  try {
    await connection.call({ method: "DELETE", path: imagePath(reference), what: `remove the image ${quote(reference)}` });
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
    throw new NovaError("IMAGE_NOT_FOUND", `The image ${quote(reference)} is not there.`, { facts: { image: reference } });
  }
}

export async function tagImage(connection: Connection, reference: string, name: string): Promise<void> {
  imagePath(name);
  const colon = name.lastIndexOf(":");
  await connection.call({
    method: "POST",
    path: `${imagePath(reference)}/tag`,
    query: { repo: name.slice(0, colon), tag: name.slice(colon + 1) },
    what: `name the image ${quote(reference)} ${quote(name)}`,
  });
}

/** The query of `POST /build`. */
export function buildQuery(build: ImageBuild): Record<string, string> {
  return {
    t: build.tag,
    dockerfile: "Dockerfile",
    buildargs: JSON.stringify(build.buildArgs),
    labels: JSON.stringify(build.labels),
    rm: "true",
    forcerm: "true",
    ...(build.target === undefined ? {} : { target: build.target }),
    ...(build.noCache ? { nocache: "true" } : {}),
  };
}

export async function buildImage(connection: Connection, build: ImageBuild, options: BuildOptions = {}): Promise<ImageInfo> {
  const what = `build the image ${quote(build.tag)}`;
  const output = buildOutput(options.onProgress);
  let contextProblem: Error | undefined;
  build.context.once("error", (error) => (contextProblem = error));
  const failed = (problem: string, cause?: unknown): NovaError => output.failure(build.tag, problem, cause);
  try {
    const response = await connection.open({
      method: "POST",
      path: "/build",
      query: buildQuery(build),
      archive: build.context,
      ...(options.signal ? { signal: options.signal } : {}),
      what,
    });
    for await (const message of jsonLines(response, "a build")) output.take(message);
    if (output.error !== undefined) throw failed(output.error);
  } catch (error) {
    build.context.destroy();
    if (options.signal?.aborted) throw buildCancelled(build.tag, options.signal.reason);
    if (contextProblem) throw failed(`its context broke off: ${messageOf(contextProblem)}`, contextProblem);
    if (error instanceof NovaError && error.code === "ENGINE_REFUSED") throw failed(wordsOf(error) || error.message, error);
    if (error instanceof NovaError) throw error;
    throw (await connection.check()) ?? failed(messageOf(error), error);
  }
  const image = await findImage(connection, build.tag);
  if (!image) throw failed("the engine said no error and made no image");
  return image;
}
