import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { callPlugin } from "tscni/pkg/skel/testing/call.ts";
import { withNamespaces } from "tscni/pkg/skel/testing/namespaces-node.ts";
import { altname } from "./altname.ts";

const network = { cniVersion: "1.1.0", name: "net1", type: "altname" };
const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", sandbox: "/x" }] };

test("altname: what cannot be a name is refused, before anything is touched", () => {
  const { error } = callPlugin(altname, "ADD", { ...network, names: ["a b"], prevResult });
  assert.deepEqual(error, {
    code: 7,
    msg: `invalid value for "names": "a b" is no name of an interface`,
  });
});

test("altname: it needs a plugin before it", () => {
  assert.equal(callPlugin(altname, "ADD", { ...network, names: ["web"] }).error?.code, 7);
});

const needsRoot = process.getuid?.() !== 0 && "it makes network namespaces: run it as root";

test("altname: names come and go", { skip: needsRoot }, () =>
  withNamespaces((netns) => {
    const ip = (...argv: string[]) =>
      execFileSync("nsenter", [`--net=${netns}`, "ip", ...argv], { encoding: "utf8" });
    const names = () => JSON.parse(ip("-j", "link", "show", "dev", "eth0"))[0].altnames ?? [];
    ip("link", "add", "eth0", "type", "bridge");

    const config = { ...network, names: ["web", "frontend"], prevResult };
    const call = (verb: string, changes: object = {}) =>
      callPlugin(altname, verb, { ...config, ...changes }, { env: { CNI_NETNS: netns } });

    assert.deepEqual(call("ADD").result, prevResult);
    assert.deepEqual(names().sort(), ["frontend", "web"]);
    assert.deepEqual(call("ADD").result, prevResult);
    assert.equal(call("CHECK").error, undefined);
    assert.match(call("CHECK", { names: ["other"] }).error?.msg ?? "", /is not called other/);

    assert.equal(call("DEL").error, undefined);
    assert.deepEqual(names(), []);
    assert.match(call("CHECK").error?.msg ?? "", /is not called web, frontend/);
    assert.equal(call("DEL").error, undefined);
  }),
);

test("altname: DEL succeeds where the namespace is gone", () => {
  const gone = { env: { CNI_NETNS: "/no/such/namespace" } };
  assert.equal(callPlugin(altname, "DEL", { ...network, names: ["web"] }, gone).error, undefined);
});
