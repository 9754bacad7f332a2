import type * as http from "node:http";

// An `import` of `node:http` reads everything that it exports, and one of those loads Node's whole `fetch`: memory that a supervisor does not need.
const module: typeof http = process.getBuiltinModule("node:http");

export const createServer: typeof http.createServer = module.createServer;
export const get: typeof http.get = module.get;
export const STATUS_CODES: typeof http.STATUS_CODES = module.STATUS_CODES;
