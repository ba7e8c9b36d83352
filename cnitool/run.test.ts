import assert from "node:assert/strict";
import test from "node:test";
import { absolutePath, containerIdOf } from "./container-id.ts";
import { parseFlags } from "./flags.ts";
import { closest } from "./suggest.ts";
import { Tool } from "./testing/session.ts";

const result = `{"ips": [{"address": "10.0.0.2/24"}]}`;

function toolWithNetwork(): Tool {
  const tool = new Tool();
  tool.memory.plugins.bridge = () => result;
  tool.network("net", [{ type: "bridge", capabilities: { mac: true } }]);
  return tool;
}

test("the container id follows from the namespace's path as the reference's does", () => {
  assert.equal(containerIdOf("/run/netns/t1"), "cnitool-458ee3745730d9600685");
});

for (const [path, absolute] of [
  ["/run/netns/t1", "/run/netns/t1"],
  ["ns", "/home/me/ns"],
  ["../a//b/./c/", "/home/a/b/c"],
  ["/../..", "/"],
] as const) {
  test(`the path ${path} is made absolute`, () => {
    assert.equal(absolutePath(path, "/home/me"), absolute);
  });
}

test("flags stand anywhere, in every spelling, until --", () => {
  const known = [
    { name: "ifname", short: "i", value: "NAME", help: "" },
    { name: "json", help: "" },
  ];
  const line = parseFlags(["a", "-i", "x", "--ifname=y", "b", "-iz", "--json", "--", "-i"], known);
  assert.deepEqual(line.args, ["a", "b"]);
  assert.deepEqual(line.rest, ["-i"]);
  assert.deepEqual(line.flags.get("ifname"), ["x", "y", "z"]);
  for (const [words, message] of [
    [["--foo"], "unknown flag: --foo"],
    [["-x"], "unknown shorthand flag: 'x' in -x"],
    [["-i"], "flag needs an argument: -i"],
    [["--json=1"], "flag takes no value: --json"],
  ] as const) {
    assert.throws(() => parseFlags(words, known), { message });
  }
});

for (const [word, known, found] of [
  ["brigde", ["bridge", "vlan"], "bridge"],
  ["isgateway", ["isGateway", "isDefaultGateway"], "isGateway"],
  ["bridge", ["bridge"], undefined],
  ["macvlan", ["ipvlan", "dhcp"], undefined],
  ["x", ["y"], "y"],
] as const) {
  test(`"${word}" is close to ${found ?? "nothing"}`, () => {
    assert.equal(closest(word, known), found);
  });
}

test("add prints the result and passes what the environment says", async () => {
  const tool = toolWithNetwork();
  Object.assign(tool.env, {
    CNI_ARGS: "A=B;C=D",
    CAP_ARGS: `{"mac": "0a:00:00:00:00:01"}`,
    CNI_IFNAME: "net0",
  });
  const { status, stdout } = await tool.run("add net ns");
  assert.equal(status, 0);
  assert.equal(
    stdout,
    `{\n    "cniVersion": "1.1.0",\n    "ips": [\n        {\n            "address": "10.0.0.2/24"\n        }\n    ]\n}`,
  );
  const { env, stdin } = tool.memory.seen[0] ?? {};
  assert.equal(env?.CNI_NETNS, "/home/me/ns");
  assert.equal(env?.CNI_ARGS, "A=B;C=D");
  assert.equal(env?.CNI_IFNAME, "net0");
  assert.deepEqual(stdin.runtimeConfig, { mac: "0a:00:00:00:00:01" });
  await tool.run("add net ns -i eth7");
  assert.equal(tool.memory.seen[1]?.env.CNI_IFNAME, "eth7");
});

for (const [env, message] of [
  [{ CNI_ARGS: "A" }, `invalid CNI_ARGS pair "A"`],
  [{ CNI_ARGS: "A=;B=C" }, `invalid CNI_ARGS pair "A="`],
  [{ CNI_ARGS: "A=B=C" }, `invalid CNI_ARGS pair "A=B=C"`],
  [{ CAP_ARGS: "{" }, "unexpected end of JSON input"],
  [
    { CAP_ARGS: "[]" },
    "json: cannot unmarshal array into Go value of type map[string]interface {}",
  ],
  [{ CAP_ARGS: "{", CNI_ARGS: "A" }, "unexpected end of JSON input"],
] as const) {
  test(`${JSON.stringify(env)} is refused`, async () => {
    const tool = toolWithNetwork();
    Object.assign(tool.env, env);
    const { status, stderr } = await tool.run("add net ns");
    assert.equal(status, 1);
    assert.equal(stderr, `Error: ${message}\n`);
  });
}

for (const [words, message] of [
  ["ad", `unknown command "ad" for "cnitool" (did you mean "add"?)`],
  ["add net", "requires at least 2 arg(s), only received 1"],
  ["gc", "requires at least 1 arg(s), only received 0"],
  ["gc net --keep :", `invalid value ":" for --keep: expected ID or ID:IFNAME`],
  ["add net ns --timeout soon", `invalid value "soon" for --timeout: expected a number of seconds`],
] as const) {
  test(`"cnitool ${words}" says what is wrong, once`, async () => {
    const { status, stderr } = await toolWithNetwork().run(words);
    assert.equal(status, 1);
    assert.equal(stderr, `Error: ${message}\n"cnitool --help" tells how to use it\n`);
  });
}

test("every command has its help", async () => {
  const tool = new Tool();
  const { stdout } = await tool.run("--help");
  const names = [...stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name);
  assert.equal(names.length, 13);
  for (const name of names) {
    const help = await tool.run(`${name} --help`);
    assert.equal(help.status, 0);
    assert.match(help.stdout, new RegExp(`^cnitool ${name}: `));
    assert.equal((await tool.run(`help ${name}`)).stdout, help.stdout);
  }
});

test("check and del reach the plugin with the result that add remembered", async () => {
  const tool = toolWithNetwork();
  await tool.run("add net ns");
  for (const words of ["check net ns", "del net ns"]) {
    const { status, stdout } = await tool.run(words);
    assert.deepEqual([status, stdout], [0, ""]);
    assert.equal(tool.memory.seen.at(-1)?.stdin.prevResult.ips[0].address, "10.0.0.2/24");
  }
  assert.deepEqual(tool.memory.calls, ["ADD bridge", "CHECK bridge", "DEL bridge"]);
});

test("gc keeps what it is told to, and a dry run removes nothing", async () => {
  const tool = toolWithNetwork();
  for (const ns of ["a", "b", "c"]) await tool.run(`add net ${ns}`);
  const ids = ["/home/me/a", "/home/me/b", "/home/me/c"].map((path) => containerIdOf(path));
  tool.memory.files["/home/me/b"] = "";
  const plan = await tool.run(`gc net --keep ${ids[0]} --keep-living --dry-run --json`);
  assert.deepEqual(JSON.parse(plan.stdout), {
    delete: [{ containerId: ids[2], ifName: "eth0", netns: "/home/me/c" }],
    collect: ["bridge"],
  });
  const text = await tool.run("gc net --dry-run");
  assert.match(
    text.stdout,
    /^would delete:\nCONTAINER .*\n.*\n.*\n.*\nwould then ask .*: bridge\n$/,
  );
  assert.equal(tool.memory.calls.filter((call) => !call.startsWith("ADD")).length, 0);
  assert.equal((await tool.run(`gc net ns --keep ${ids[0]}:eth0 --keep-living`)).status, 0);
  assert.deepEqual(tool.memory.calls.slice(-2), ["DEL bridge", "GC bridge"]);
  assert.equal((await tool.run("gc net")).status, 0);
  assert.deepEqual(await tool.memory.libcni().cachedAttachments(), []);
});

test("gc --keep-living keeps what is attached before it has the lock", async () => {
  const tool = toolWithNetwork();
  await tool.run("add net gone");
  const ids = ["/home/me/gone", "/home/me/late"].map((path) => containerIdOf(path));
  tool.memory.files["/home/me/late"] = "";
  const { machine } = tool.memory;
  const { lock } = machine;
  // Somebody's ADD comes and ends while gc asks for its lock, without having waited for it.
  Object.assign(machine, {
    lock: async (...request: Parameters<typeof lock>) => {
      Object.assign(machine, { lock });
      await tool.run("add net late");
      return lock(...request);
    },
  });
  const { status, stderr } = await tool.run("gc net --keep-living");
  assert.deepEqual([status, stderr], [0, ""]);
  assert.deepEqual(tool.memory.calls, ["ADD bridge", "ADD bridge", "DEL bridge", "GC bridge"]);
  const [deletion, collection] = tool.memory.seen.slice(-2);
  assert.equal(deletion?.env.CNI_CONTAINERID, ids[0]);
  assert.deepEqual(collection?.stdin["cni.dev/valid-attachments"], [
    { containerID: ids[1], ifname: "eth0" },
  ]);
});

test("list and status name the directory that holds no network", async () => {
  for (const words of ["list", "status"]) {
    const { status, stderr } = await new Tool().run(words);
    assert.deepEqual([status, stderr], [0, "no net configurations found in /net.d\n"]);
  }
});

test("a CNI_PATH that is missing is named", async () => {
  const tool = toolWithNetwork();
  tool.env.CNI_PATH = "";
  Object.assign(tool.options, { pluginDirs: [] });
  const { status, stderr } = await tool.run("add net ns");
  assert.equal(status, 1);
  assert.match(stderr, /: no paths provided\nCNI_PATH is not set: it names the directories/);
});

test("list, show and status tell of networks, of broken files and of what is attached", async () => {
  const tool = toolWithNetwork();
  tool.memory.files["/net.d/x.conf"] = "{";
  tool.network("old", [{ type: "bridge" }], { cniVersion: "1.0.0" });
  tool.network("sick", [{ type: "sick" }]);
  tool.memory.plugins.sick = () => ({
    status: 1,
    stdout: `{"code": 50, "msg": "no address left"}`,
  });
  await tool.run("add net ns");
  assert.equal(
    (await tool.run("list")).stdout,
    [
      "NETWORK  VERSION  PLUGINS  FILE",
      "net      1.1.0    bridge   /net.d/net.conflist",
      "old      1.0.0    bridge   /net.d/old.conflist",
      "sick     1.1.0    sick     /net.d/sick.conflist",
      "not loaded: /net.d/x.conf: error parsing configuration: unexpected end of JSON input\n",
    ].join("\n"),
  );
  assert.equal(JSON.parse((await tool.run("list --json")).stdout).length, 4);
  const shown = await tool.run("show net");
  assert.match(
    shown.stdout,
    /^net, version 1\.1\.0\n\nPLUGIN {2}IPAM {2}CAPABILITIES {2}FILE\nbridge {2}- {5}mac/,
  );
  assert.match(shown.stdout, /10\.0\.0\.2\/24 {2}\/home\/me\/ns\n$/);
  const json = JSON.parse((await tool.run("show net --json")).stdout);
  assert.deepEqual(json.attachments[0].addresses, ["10.0.0.2/24"]);
  const status = await tool.run("status");
  assert.equal(status.status, 1);
  assert.match(status.stdout, /^net +ready$/m);
  assert.match(status.stdout, /^old +not asked +version 1\.0\.0 has no STATUS$/m);
  assert.match(status.stdout, /^sick +not ready +no address left$/m);
  assert.equal((await tool.run("status net")).status, 0);
  const sick = await tool.run("status sick");
  assert.deepEqual([sick.status, sick.stderr], [1, "Error: no address left\n"]);
});

const traced = {
  time: "2026-01-31T12:00:00.000Z",
  plugin: "bridge",
  verb: "ADD",
  network: "net",
  ifName: "eth0",
  kind: "verb",
  purpose: "ADD",
  errno: 0,
  us: 10,
};

test("trace shows the calls of a file, all or some of them", async () => {
  const tool = new Tool();
  const calls = [
    { ...traced, pid: 1, containerId: "good", failed: false },
    { ...traced, pid: 2, containerId: "bad", failed: true, code: 11 },
  ];
  tool.memory.files["/t"] = calls.map((call) => `${JSON.stringify(call)}\n`).join("");
  const head = "2026-01-31T12:00:00.000Z bridge ADD net";
  const good = `${head} good eth0: ok, 10 us\n`;
  const bad = `${head} bad eth0: failed with code 11, 10 us\n`;
  assert.equal((await tool.run("trace /t")).stdout, `${good}\n${bad}`);
  assert.equal((await tool.run("trace /t --failed")).stdout, bad);
  assert.equal((await tool.run("trace --container go /t")).stdout, good);
  tool.env.CNI_TRACE = "/t";
  assert.deepEqual(JSON.parse((await tool.run("trace --json")).stdout), [[calls[0]], [calls[1]]]);
  const { status, stderr } = await tool.run("trace /none");
  assert.equal(status, 1);
  assert.equal(stderr, "Error: open /none: no such file or directory\n");
});
