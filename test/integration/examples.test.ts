// kernel: tun
/** Every example in the documentation, run: configurations, and what a person would type. */

import assert from "node:assert/strict";
import test from "node:test";
import { otherwise, readExamples, readJsonExamples } from "../../scripts/examples.ts";
import { describe } from "./harness/command.ts";
import { runnableExamples } from "./harness/examples.ts";
import { type Host, withHost } from "./harness/host.ts";
import { dualStack } from "./harness/networks.ts";
import { testExamples } from "./harness/run-example.ts";
import { configDirectory, writeNetwork } from "./harness/runtime.ts";
import { oursInWorld } from "./harness/world.ts";

testExamples("usual kinds");

test("every block of JSON in the documentation is run, or something else for a reason", () => {
  const run = [...runnableExamples("usual kinds"), ...runnableExamples("special kinds")];
  const places = run.map(({ place }) => place);
  const others = readJsonExamples().filter(({ page }) => otherwise[page] !== undefined);
  const all = readJsonExamples().map(({ place }) => place);
  assert.deepEqual([...places, ...others.map(({ place }) => place)].sort(), all.sort());
});

/** The page's first block of this kind that has these words. */
function example(page: string, language: string, words: string): string {
  const found = readExamples().find(
    (it) => it.page === page && it.language === language && it.text.includes(words),
  );
  assert.ok(found, `${page} has no such example any more`);
  return found.text;
}

/** Runs what the page has people type, where cnitool is on the PATH and the networks are in this world. */
async function typed(host: Host, commands: string): Promise<{ stdout: string; stderr: string }> {
  const fitted = commands
    .replaceAll("/opt/cni/bin", oursInWorld)
    .replaceAll("/etc/cni/net.d", configDirectory);
  const env = {
    PATH: `${oursInWorld}:/usr/sbin:/usr/bin:/sbin:/bin`,
    CNI_PATH: oursInWorld,
    NETCONFPATH: configDirectory,
  };
  const outcome = await host.start(["sh", "-c", `set -e\n${fitted}`], { env }).outcome;
  assert.ok(outcome.status === 0 || fitted.includes("validate"), describe(outcome));
  return outcome;
}

const bridge = { type: "bridge", isDefaultGateway: true, ipam: dualStack };

test("the commands in cnitool's README run as they stand there", () =>
  withHost(async (host) => {
    writeNetwork(host, [bridge], { name: "mynet" });
    const { stdout } = await typed(host, example("cnitool/README.md", "sh", "cnitool add"));
    assert.equal(JSON.parse(stdout).ips.length, 2);
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);
  }));

test("validate prints what cnitool's README shows", () =>
  withHost(async (host) => {
    const [typedLine = "", ...shown] = example("cnitool/README.md", "", "$ cnitool validate")
      .trimEnd()
      .split("\n");
    const file = example("cnitool/README.md", "json", "isGatway");
    host.write(`${configDirectory}/10-mynet.conflist`, file);
    const { stdout } = await typed(host, `cd ${configDirectory}; ${typedLine.slice(2)}`);
    assert.deepEqual(stdout.trimEnd().split("\n"), shown);
  }));

test("trace prints lines such as cnitool's README shows", () =>
  withHost(async (host) => {
    await host.addNetns("web");
    writeNetwork(host, [bridge], { name: "mynet" });
    const lines = example("cnitool/README.md", "", "$ cnitool trace").trimEnd().split("\n");
    const commands = lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    const { stdout } = await typed(host, commands.join("\n"));
    const general = (text: string) =>
      text
        .replace(/^\S+Z /gm, "")
        .replace(/\d+(?= us)/g, "N")
        .replace(/ +(?=N us)/g, " ");
    const printed = general(stdout).split("\n");
    for (const line of lines.filter((it) => !it.startsWith("$ ") && it.trim() !== "...")) {
      assert.ok(printed.includes(general(line)), `not printed: ${line}\n${stdout}`);
    }
  }));
