/** podman with its CNI backend drives our plugins: networks that podman makes itself, in the version it likes. */

import assert from "node:assert/strict";
import test from "node:test";
import { image, type Machine, withMachine, without } from "./machine.ts";

const skip = without("podman", "conmon");

async function podman(machine: Machine, ...argv: string[]): Promise<string> {
  return (await machine.run("podman", ...argv)).trim();
}

async function setUp(machine: Machine): Promise<void> {
  machine.write(
    "/etc/containers/containers.conf",
    `[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
[containers]
log_driver = "k8s-file"
`,
  );
  machine.write(
    "/etc/containers/storage.conf",
    `[storage]\ndriver = "vfs"\nrunroot = "/run/storage"\ngraphroot = "/var/lib/storage"\n`,
  );
  machine.write("/etc/containers/policy.json", { default: [{ type: "insecureAcceptAnything" }] });
  await podman(machine, "load", "--quiet", "--input", "/run/image.tar");
}

function withPodman(steps: (machine: Machine) => Promise<void>): Promise<void> {
  return withMachine(async (machine) => {
    await setUp(machine);
    await steps(machine);
  });
}

/** Starts a container that sleeps; the value is its address. */
async function runContainer(machine: Machine, name: string, ...flags: string[]): Promise<string> {
  const common = [
    "--detach",
    "--cgroups=disabled",
    "--pull=never",
    "--cap-add=NET_RAW",
    "--name",
    name,
  ];
  await podman(machine, "run", ...common, ...flags, image, "/bin/sleep", "1000");
  return addressOf(machine, name);
}

async function addressOf(machine: Machine, name: string): Promise<string> {
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  return podman(machine, "inspect", "--format", format, name);
}

async function ping(machine: Machine, from: string, address: string): Promise<void> {
  await podman(machine, "exec", from, "/bin/ping", "-c1", "-W5", address);
}

/** The plugins of ours on podman's networks, in the order of their calls. */
const chain = ["bridge", "portmap", "firewall", "tuning"];

for (const network of ["podman", "own"]) {
  test(
    `containers on the network "${network}" reach each other and the gateway; nothing is left`,
    { skip },
    () =>
      withPodman(async (machine) => {
        if (network === "own") {
          await podman(
            machine,
            "network",
            "create",
            "--disable-dns",
            "--subnet",
            "10.77.0.0/16",
            network,
          );
        }
        const flags = ["--network", network];
        const a = await runContainer(machine, "a", ...flags);
        const b = await runContainer(machine, "b", ...flags, "--publish", "8080:80");
        assert.match(a, /^10\.(88|77)\.0\.2$/);
        assert.notEqual(a, b);
        await ping(machine, "a", b);
        await ping(machine, "b", a);
        await ping(machine, "a", a.replace(/2$/, "1"));
        assert.deepEqual(
          machine.calls().filter((call) => chain.includes(call.split(" ")[0] ?? "")),
          [...chain, ...chain].map((plugin) => `${plugin} ADD`),
        );

        await podman(machine, "exec", "--detach", "b", "/bin/httpd", "-p", "80", "-h", "/etc");
        const own = await machine.run("ip", "-j", "-4", "address", "show", "scope", "global");
        const gateway = JSON.parse(own)[0].addr_info[0].local;
        await machine.until("the published port answers", () => machine.answers(gateway, 8080));
        assert.notDeepEqual(await machine.leftovers(), []);

        await podman(machine, "rm", "--force", "--time=0", "a", "b");
        assert.deepEqual(await machine.leftovers(), []);
        assert.ok(!machine.calls().some((call) => call.endsWith("failed")));
      }),
  );
}

test("a container that is started again has a network again", { skip }, () =>
  withPodman(async (machine) => {
    await runContainer(machine, "a");
    await podman(machine, "restart", "--time=0", "a");
    await ping(machine, "a", (await addressOf(machine, "a")).replace(/\d+$/, "1"));
    await podman(machine, "rm", "--force", "--time=0", "a");
    assert.deepEqual(await machine.leftovers(), []);
  }),
);

test("a container takes two networks, of both families", { skip }, () =>
  withPodman(async (machine) => {
    for (const [name, subnet] of [
      ["one", "10.1.0.0/16"],
      ["two", "fd00:2::/64"],
    ] as const) {
      await podman(
        machine,
        "network",
        "create",
        "--disable-dns",
        "--subnet",
        subnet,
        ...(subnet.includes(":") ? ["--ipv6"] : []),
        name,
      );
    }
    await runContainer(machine, "a", "--network", "one,two");
    await ping(machine, "a", "10.1.0.1");
    await ping(machine, "a", "fd00:2::1");
    await podman(machine, "rm", "--force", "--time=0", "a");
    assert.deepEqual(await machine.leftovers(), []);
  }),
);

test("podman writes its networks in version 0.4.0", { skip }, () =>
  withPodman(async (machine) => {
    await podman(machine, "network", "create", "--disable-dns", "own");
    const list = JSON.parse(await machine.run("cat", "/etc/cni/net.d/own.conflist"));
    assert.equal(list.cniVersion, "0.4.0");
    assert.equal(list.plugins[0].type, "bridge");
  }),
);

test("a chain that fails at its end fails the container, and nothing is left", { skip }, () =>
  withPodman(async (machine) => {
    machine.write("/etc/cni/net.d/broken.conflist", {
      cniVersion: "0.4.0",
      name: "broken",
      plugins: [
        {
          type: "bridge",
          isGateway: true,
          ipMasq: true,
          ipam: { type: "host-local", subnet: "10.9.0.0/16" },
        },
        { type: "portmap", capabilities: { portMappings: true } },
        { type: "debug", failOn: "ADD", errorMessage: "on purpose" },
      ],
    });
    const flags = [
      "--network",
      "broken",
      "--publish",
      "8080:80",
      "--cgroups=disabled",
      "--pull=never",
    ];
    const { status, stderr } = await machine.start([
      "podman",
      "run",
      "--rm",
      ...flags,
      image,
      "/bin/ip",
      "addr",
    ]).outcome;
    assert.notEqual(status, 0);
    assert.match(stderr, /on purpose/);
    assert.deepEqual(await machine.leftovers(), []);
    const calls = machine.calls();
    assert.ok(calls.includes("debug ADD failed") && calls.includes("bridge DEL"), calls.join("\n"));
  }),
);
