/** What a plugin's reply must look like. */

import assert from "node:assert/strict";
import { describe } from "./command.ts";
import type { Reply } from "./host.ts";

/** A result of 1.x, as far as tests look at it. */
export interface Result {
  cniVersion: string;
  interfaces?: { name: string; mac?: string; mtu?: number; sandbox?: string }[];
  ips?: { address: string; gateway?: string; interface?: number }[];
  routes?: { dst: string; gw?: string }[];
  dns?: Record<string, unknown>;
}

/** What an error object must say; text is compared whole. */
export interface ExpectedError {
  readonly code?: number;
  readonly msg?: string | RegExp;
  readonly details?: string | RegExp;
}

/** The result of an ADD that must have succeeded. */
export function resultOf(reply: Reply): Result {
  assert.equal(reply.status, 0, describe(reply));
  return reply.json as Result;
}

/** For the verbs that print nothing. */
export function assertSuccess(reply: Reply): void {
  assert.equal(reply.status, 0, describe(reply));
  assert.equal(reply.stdout, "", "success of this verb has no output");
}

/** A failure as the specification has it: status 1 and one error object on stdout. */
export function assertError(reply: Reply, expected: ExpectedError): void {
  assert.equal(reply.signal, null, describe(reply));
  assert.equal(reply.status, 1, describe(reply));
  assert.doesNotThrow(() => reply.json, `stdout is not one JSON document\n${describe(reply)}`);
  const { code, msg, details, ...rest } = reply.json as Record<string, unknown>;
  const shown = describe(reply);
  compare(msg, expected.msg, shown);
  if (expected.code !== undefined) assert.equal(code, expected.code, shown);
  assert.equal(typeof code, "number", shown);
  compare(details, expected.details, shown);
  assert.equal(typeof msg, "string", shown);
  for (const key of Object.keys(rest)) assert.equal(key, "cniVersion", shown);
}

function compare(actual: unknown, expected: string | RegExp | undefined, shown: string): void {
  if (expected === undefined) return;
  if (typeof expected === "string") assert.equal(actual, expected, shown);
  else assert.match(String(actual), expected, shown);
}
