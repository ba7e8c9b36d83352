/** cnitool, ours and the reference's, on plugins of both suites and of third parties. */

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import nodeTest from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { describe } from "./harness/command.ts";
import { withHost } from "./harness/host.ts";
import { dualStack } from "./harness/networks.ts";
import {
  cacheDirectory,
  cached,
  configDirectory,
  containerId,
  fail,
  type Runtime,
  runTool,
  startTool,
  succeed,
  withoutReferenceTool,
  writeNetwork,
} from "./harness/runtime.ts";
import { oursInWorld as ours, referenceInWorld as reference } from "./harness/world.ts";

const scripts = "/run/scripts";
const everyVersion = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const bridge = { type: "bridge", isDefaultGateway: true, ipam: dualStack };
const compared = (name: string, body: () => Promise<void>) =>
  nodeTest(name, { skip: withoutReferenceTool }, body);
const test = nodeTest;

const oursOnOurs: Runtime = { tool: "ours", path: ours };
const pairings: [name: string, runtime: Runtime][] = [
  ["the reference's cnitool on our plugins", { tool: "reference", path: ours }],
  ["our cnitool on the reference's plugins", { tool: "ours", path: reference }],
  ["our cnitool on our plugins", oursOnOurs],
];

for (const [name, runtime] of pairings) {
  for (const cniVersion of everyVersion) {
    compared(`${name}: add, check, status, gc, del in ${cniVersion}`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        writeNetwork(host, [bridge], { cniVersion });
        const result = JSON.parse(await succeed(host, runtime, "add"));
        assert.equal(result.cniVersion, cniVersion);
        const [link] = await host.ip("c1", "address", "show", "eth0");
        assert.ok(link);
        assert.match(cached(host) ?? "", /^\{"kind":"cniCacheV1",/);
        const verb = everyVersion.indexOf(cniVersion) < 4 ? fail : succeed;
        const said = await verb(host, runtime, "check");
        if (verb === fail) assert.match(said, /does not support the CHECK command/);
        assert.equal(await succeed(host, runtime, "status"), "");
        await succeed(host, runtime, "gc");
        assert.equal(cached(host), undefined);
        await succeed(host, runtime, "add");
        await succeed(host, runtime, "del");
        await succeed(host, runtime, "del");
        assert.equal(cached(host), undefined);
        assert.deepEqual(readdirSync(host.outside(cacheDirectory)), []);
        assert.deepEqual((await host.ip("", "link", "show", "type", "veth")).length, 0);
      }),
    );
  }
}

for (const cniVersion of everyVersion) {
  compared(`both cnitools write the same cache, byte for byte, in ${cniVersion}`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      const answers: Record<string, object> = {
        "0.1": { ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] } },
        "0.3": {
          interfaces: [{ name: "eth0" }],
          ips: [{ version: "4", address: "10.0.0.2/24", interface: 0 }],
        },
        "1.0": {
          interfaces: [{ name: "eth0", sandbox: "/x" }],
          ips: [{ address: "10.0.0.2/24", interface: 0 }],
          dns: { search: ["<a>"] },
        },
      };
      const shape = cniVersion < "0.3" ? "0.1" : cniVersion < "1" ? "0.3" : "1.0";
      const answer = JSON.stringify({ cniVersion, ...answers[shape] });
      host.script("fixed", `cat > /run/stdin.$$; echo '${answer}'`);
      host.script("echoing", `cat > /run/stdin; echo '${answer}'`);
      const odd = { "z<&>": [1, 2.5, 1e3, true, null], a: { c: "ä\u2028", b: {} } };
      writeNetwork(
        host,
        [
          { type: "fixed", ...odd, capabilities: { mac: true } },
          { type: "echoing", ...odd, capabilities: { ips: true } },
        ],
        { cniVersion },
      );
      const env = {
        CNI_ARGS: "A=1;B=2",
        CAP_ARGS: `{"mac": "0a:00:00:00:00:01", "ips": ["10.0.0.9"], "n": 1.5}`,
      };
      const outputs: string[][] = [];
      for (const tool of ["ours", "reference"] as const) {
        const runtime: Runtime = { tool, path: scripts, env };
        const printed = await succeed(host, runtime, "add");
        const request = await host.run("cat", "/run/stdin");
        outputs.push([printed, cached(host) ?? "", request]);
        const other: Runtime = { ...runtime, tool: tool === "ours" ? "reference" : "ours" };
        if (cniVersion >= "0.4.0") await succeed(host, other, "check");
        await succeed(host, other, "del");
        assert.equal(cached(host), undefined);
      }
      assert.deepEqual(outputs[0], outputs[1]);
    }),
  );
}

/** Every order of three. */
function orders<T>([a, b, c]: [T, T, T]): T[][] {
  return [
    [a, b, c],
    [a, c, b],
    [b, a, c],
    [b, c, a],
    [c, a, b],
    [c, b, a],
  ];
}

const script = `input=$(cat)
case $CNI_COMMAND in
  ADD) printf '%s' "$input" | grep -q '"prevResult"' || { echo '{"cniVersion": "1.1.0"}'; exit; }
    printf '%s' "$input" | sed 's/.*"prevResult":\\(.*\\),"type".*/\\1/' ;;
esac
echo "$CNI_COMMAND" >> /run/script.log`;

for (const [whose, other, from] of [
  ["our bridge and the reference's loopback", reference, ours],
  ["the reference's bridge and our loopback", ours, reference],
] as const) {
  for (const order of orders<"bridge" | "loopback" | "script">(["bridge", "loopback", "script"])) {
    compared(`a chain of ${whose} with a shell script, as ${order.join(", ")}`, () =>
      withHost(async (host) => {
        await host.addNetns("c1");
        host.script("script", script);
        await host.run(
          "sh",
          "-ec",
          `cd ${scripts}; ln -s ${from}/bridge ${from}/host-local ${other}/loopback .`,
        );
        const configs = { bridge, loopback: { type: "loopback" }, script: { type: "script" } };
        writeNetwork(
          host,
          order.map((type) => configs[type]),
        );
        for (const tool of ["ours", "reference"] as const) {
          const runtime: Runtime = { tool, path: scripts };
          const result = JSON.parse(await succeed(host, runtime, "add"));
          assert.equal(result.ips.length, 2);
          for (const verb of ["check", "status", "del"]) await succeed(host, runtime, verb);
        }
        const log = await host.run("cat", "/run/script.log");
        assert.match(log, /CHECK\nSTATUS\nDEL\n$/);
        assert.equal(cached(host), undefined);
      }),
    );
  }
}

const badAnswers: [what: string, body: string, message: string][] = [
  [
    "two objects",
    "echo '{}{}'",
    "failed to unmarshal raw result: invalid character '{' after top-level value",
  ],
  ["nothing", ":", "failed to unmarshal raw result: unexpected end of JSON input"],
  [
    "a result of an unknown version",
    `echo '{"cniVersion": "3.0.0"}'`,
    `unsupported CNI result version "3.0.0"`,
  ],
  [
    "an error object and exits with 0",
    `echo '{"code": 100, "msg": "no", "details": "why"}'`,
    "no; why",
  ],
  ["to stderr and exits with 3", "echo oh >&2; exit 3", `netplugin failed: "oh\\n": exit status 3`],
  [
    "an error object and to stderr",
    `echo hint >&2; echo '{"code": 7, "msg": "bad"}'; exit 1`,
    "bad",
  ],
];

for (const [what, body, message] of badAnswers) {
  test(`a plugin that prints ${what} is told of, once`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      host.script("odd", body);
      writeNetwork(host, [{ type: "odd" }]);
      const said = await fail(host, { tool: "ours", path: scripts }, "add");
      const lines = said.trimEnd().split("\n");
      assert.equal(lines.at(-1), `Error: plugin type="odd" failed (add): ${message}`);
      assert.equal(lines.length, body.includes(">&2") ? 2 : 1);
      assert.equal(cached(host), undefined);
    }));
}

test("a result of another version than the configuration's is kept in its own", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.script("old", `echo '{"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24"}}'`);
    writeNetwork(host, [{ type: "old" }]);
    const runtime: Runtime = { tool: "ours", path: scripts };
    const result = JSON.parse(await succeed(host, runtime, "add"));
    assert.deepEqual(result, { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24" }, dns: {} });
    await succeed(host, runtime, "check");
    await succeed(host, runtime, "del");
  }));

for (const [what, text] of [
  ["of 0 bytes", ""],
  ["cut short", `{"kind":"cniCacheV1","containerId":"cnitool-20b4ff58`],
] as const) {
  test(`a cache file ${what} keeps nobody from deleting`, () =>
    withHost(async (host) => {
      await host.addNetns("c1");
      writeNetwork(host, [bridge]);
      await host.unchangedBy(async () => {
        await succeed(host, oursOnOurs, "add");
        writeFileSync(host.outside(`${cacheDirectory}/net1-${containerId}-eth0`), text);
        assert.match(
          await fail(host, oursOnOurs, "check"),
          /failed to get network "net1" cached result: /,
        );
        await succeed(host, oursOnOurs, "del");
        assert.equal(cached(host), undefined);
        await host.run("sh", "-c", "ip link delete cni0; rm -rf /var/lib/cni/*");
      });
    }));
}

test("a plugin that never ends is ended by --timeout", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.script("endless", "sleep 100 & wait");
    writeNetwork(host, [{ type: "endless" }]);
    const runtime: Runtime = { tool: "ours", path: scripts };
    const outcome = await runTool(host, runtime, "add", "net1", "/run/netns/c1", "--timeout=0.3");
    assert.equal(outcome.status, 1);
    assert.equal(
      outcome.stderr,
      `Error: plugin type="endless" failed (add): ${scripts}/endless did not end within 300 ms\n`,
    );
    assert.ok(outcome.ms < 5000);
  }));

test("an interrupted add deletes what it has made", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.script("slow", `[ $CNI_COMMAND = DEL ] && exit; touch /run/begun; sleep 100`);
    writeNetwork(host, [bridge, { type: "slow" }]);
    const running = startTool(
      host,
      { tool: "ours", path: `${ours}:${scripts}` },
      "add",
      "net1",
      "/run/netns/c1",
    );
    while ((await host.run("sh", "-c", "ls /run")).includes("begun") === false) await wait(20);
    // The process that was started is nsenter's, which has become cnitool.
    running.kill("SIGINT");
    const outcome = await running.outcome;
    assert.equal(outcome.status, 1, describe(outcome));
    assert.match(outcome.stderr, /interrupted while/);
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);
    assert.equal(cached(host), undefined);
  }));

test("an interrupted gc begins nothing more, and an interrupted try or bench leaves nothing", () =>
  withHost(async (host) => {
    const body = `[ $CNI_COMMAND = DEL ] && { echo >> /run/dels; touch /run/begun; sleep 0.5; }; echo '{}'`;
    host.script("slow", body);
    writeNetwork(host, [{ type: "slow" }]);
    const runtime: Runtime = { tool: "ours", path: scripts };
    const interrupt = async (...argv: string[]) => {
      await host.run("rm", "-f", "/run/begun", "/run/dels");
      const running = startTool(host, runtime, ...argv);
      while (!(await host.run("ls", "/run")).includes("begun")) await wait(20);
      running.kill("SIGINT");
      const outcome = await running.outcome;
      assert.equal(outcome.status, 1, describe(outcome));
      assert.match(outcome.stderr, /interrupted while/);
      return outcome;
    };
    const remembered = () => readdirSync(host.outside(cacheDirectory));
    for (const name of ["a", "b", "c"]) await runTool(host, runtime, "add", "net1", `/run/${name}`);
    await interrupt("gc", "net1");
    assert.equal(await host.run("cat", "/run/dels"), "\n");
    assert.equal(remembered().length, 3);
    await runTool(host, runtime, "gc", "net1");
    await interrupt("bench", "net1", "--rounds=50");
    assert.equal(await host.run("cat", "/run/dels"), "\n\n", "the round's DEL, again to its end");
    assert.deepEqual(remembered(), []);
    // Each of the four ends its own round.
    const many = await interrupt("bench", "net1", "--rounds=50", "-j", "4");
    assert.ok(many.ms < 20_000, describe(many));
    const dels = (await host.run("cat", "/run/dels")).length;
    assert.ok(dels >= 4 && dels <= 12, `${dels} deletions`);
    assert.deepEqual(remembered(), []);
    const sleeping = ["sh", "-c", "touch /run/begun; sleep 60"];
    assert.ok((await interrupt("try", "net1", "--", ...sleeping)).ms < 20_000);
    assert.deepEqual(remembered(), []);
  }));

test("gc waits for an attachment that is being made, and spares it", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.script("slow", `cat > /run/$CNI_COMMAND; [ $CNI_COMMAND = ADD ] && sleep 1; echo '{}'`);
    writeNetwork(host, [{ type: "slow" }]);
    const runtime: Runtime = { tool: "ours", path: scripts };
    const adding = startTool(host, runtime, "add", "net1", "/run/netns/c1");
    while ((await host.run("sh", "-c", "ls /run")).includes("ADD") === false) await wait(20);
    await succeed(host, runtime, "gc");
    assert.equal((await adding.outcome).status, 0);
    assert.ok(cached(host));
    assert.ok(!(await host.run("sh", "-c", "ls /run")).includes("DEL"));
    await succeed(host, runtime, "gc");
    assert.equal(cached(host), undefined);
  }));

test("a directory full of broken files still has its good network", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    const broken: Record<string, string> = {
      "00.conflist": "",
      "01.conflist": `{"name": "n"`,
      "02.conflist": `{"name": "net0", "plugins": []}`,
      "03.conflist": `{"name": "../../../run/evil", "plugins": [{"type": "a"}]}`,
      "04.conf": "\x00\x01",
      "05.json": `{"name": "list", "plugins": [{"type": "a"}]}`,
    };
    for (const [name, text] of Object.entries(broken))
      host.write(`${configDirectory}/${name}`, text);
    host.write("/run/evil/x.conf", `{"type": "evil"}`);
    writeNetwork(host, [bridge], { name: "net1" });
    await succeed(host, oursOnOurs, "add");
    await succeed(host, oursOnOurs, "del");
    const none = await runTool(host, oursOnOurs, "add", "none", "/run/netns/c1");
    assert.equal(none.status, 1);
    for (const name of Object.keys(broken))
      assert.ok(none.stderr.includes(`skipped ${configDirectory}/${name}: `), none.stderr);
  }));

test("try shows the result and leaves nothing, and bench neither", () =>
  withHost(async (host) => {
    writeNetwork(host, [bridge]);
    await host.run(
      "sh",
      "-c",
      "ip link add cni0 type bridge; mkdir -p /var/lib/cni/results /var/lib/cni/networks",
    );
    const tried = await runTool(
      host,
      oursOnOurs,
      "try",
      "net1",
      "--",
      "/bin/sh",
      "-c",
      "ls /sys/class/net >/dev/null; echo inside",
    );
    assert.equal(tried.status, 0, describe(tried));
    assert.match(tried.stdout, /^inside\n\{\n {4}"cniVersion": "1\.1\.0"/);
    assert.match(tried.stdout, /\nadd +[0-9.]+ ms\ncheck +[0-9.]+ ms\ndel +[0-9.]+ ms\n$/);
    const measured = await runTool(host, oursOnOurs, "bench", "net1", "--rounds", "3", "--json");
    assert.equal(measured.status, 0, describe(measured));
    const { jobs, containers, perSecond, steps } = JSON.parse(measured.stdout);
    assert.deepEqual([jobs, containers], [1, 3]);
    assert.ok(perSecond > 0);
    const [add, del] = steps;
    assert.deepEqual([add.step, del.step], ["add", "del"]);
    assert.ok(add.least > 0 && add.least <= add.median && add.median <= add.most);
    assert.deepEqual(readdirSync(host.outside(cacheDirectory)), []);
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);
    const failing = await runTool(host, oursOnOurs, "try", "net1", "--", "/bin/false");
    assert.equal(failing.status, 1);
  }));

test("bench runs many containers at once, and leaves nothing", () =>
  withHost(async (host) => {
    host.script(
      "watch",
      `read -r input
       [ $CNI_COMMAND = ADD ] || exit 0
       echo begin >> /run/watch; sleep 0.3; echo end >> /run/watch
       echo '{"cniVersion": "1.1.0"}'`,
    );
    writeNetwork(host, [bridge, { type: "watch" }]);
    await host.run("ip", "link", "add", "cni0", "type", "bridge");
    const runtime: Runtime = { tool: "ours", path: `${ours}:${scripts}` };
    const many = await runTool(host, runtime, "bench", "net1", "-j", "8", "--rounds=2", "--json");
    assert.equal(many.status, 0, describe(many));
    const { jobs, containers, seconds, steps } = JSON.parse(many.stdout);
    assert.deepEqual([jobs, containers, steps.length], [8, 16, 2]);
    assert.ok(seconds < 16 * 0.3, "one after the other takes longer");
    let running = 0;
    let most = 0;
    const log = (await host.run("cat", "/run/watch")).trimEnd().split("\n");
    for (const line of log) {
      running += line === "begin" ? 1 : -1;
      most = Math.max(most, running);
    }
    assert.equal(log.length, 32);
    assert.ok(most > 4, `${most} at once at most`);
    assert.deepEqual(readdirSync(host.outside(cacheDirectory)), []);
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);

    host.script(
      "watch",
      `[ $CNI_COMMAND = DEL ] || { echo '{"code": 100, "msg": "no"}'; exit 1; }`,
    );
    const failing = await runTool(host, runtime, "bench", "net1", "--jobs=3");
    assert.equal(failing.status, 1);
    assert.equal(failing.stderr, 'Error: plugin type="watch" failed (add): no\n');
    assert.equal((await host.ip("", "link", "show", "type", "veth")).length, 0);
    const wrong = await runTool(host, runtime, "bench", "net1", "-j0");
    assert.match(
      wrong.stderr,
      /invalid value "0" for --jobs: expected a whole number from 1 to 1000/,
    );
  }));

test("validate finds the mistakes that the shipped schemas know", () =>
  withHost(async (host) => {
    const file = host.write(
      `${configDirectory}/bad.conflist`,
      `{"cniVersion": "1.1.0", "name": "net1",\n "plugins": [{"type": "bridge", "isGatway": true, "vlan": "big"}]}`,
    );
    const { status, stdout } = await runTool(host, oursOnOurs, "validate", file);
    assert.equal(status, 1);
    assert.deepEqual(stdout.trimEnd().split("\n"), [
      `${file}:2:23: note: the container gets no address: there is no "ipam" with a "type"`,
      `${file}:2:33: warning: unknown key "isGatway": did you mean "isGateway"?`,
      `${file}:2:59: error: invalid value for "plugins[0].vlan": expected a whole number, got "big"`,
    ]);
  }));

compared("both cnitools read the environment and their arguments alike", () =>
  withHost(async (host) => {
    await host.addNetns("c1");
    host.script("env", `env | grep ^CNI_ | sort > /run/env; echo '{}'`);
    writeNetwork(host, [{ type: "env" }]);
    const cases: [Record<string, string>, string[]][] = [
      [{}, ["/run/netns/c1"]],
      [{ CNI_IFNAME: "net7", CNI_ARGS: "A=1" }, ["/run/netns/../netns/c1", "more"]],
      [{ CNI_IFNAME: "net7" }, ["-i", "net8", "/run/netns/c1"]],
      [{ CNI_ARGS: "A" }, ["/run/netns/c1"]],
      [{ CAP_ARGS: "{" }, ["/run/netns/c1"]],
      [{ CNI_IFNAME: "much-too-long-a-name" }, ["/run/netns/c1"]],
      [{ CNI_PATH: "" }, ["/run/netns/c1"]],
    ];
    for (const [env, argv] of cases) {
      const seen: unknown[] = [];
      for (const tool of ["ours", "reference"] as const) {
        host.write("/run/env", "");
        const outcome = await runTool(host, { tool, path: scripts, env }, "add", "net1", ...argv);
        const message = /^Error: (.*)$/m.exec(outcome.stderr)?.[1];
        seen.push([outcome.status, outcome.stdout, message, await host.run("cat", "/run/env")]);
      }
      assert.deepEqual(seen[0], seen[1], JSON.stringify(env));
    }
  }),
);
