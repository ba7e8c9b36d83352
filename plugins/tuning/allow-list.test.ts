import assert from "node:assert/strict";
import test from "node:test";
import { checkAgainst } from "./allow-list.ts";

const check = (list: string, ...keys: string[]) => checkAgainst("/list", list, keys);

test("a key must match a line, which is not anchored and is trimmed", () => {
  check("\n  ^net.ipv4.conf.IFNAME.[a-z_]*$ \r\n\nsomaxconn\n", "net.core.somaxconn");
  check("^net.ipv4.conf.IFNAME.[a-z_]*$", "net.ipv4.conf.IFNAME.arp_filter");
});

test("the refusal names the key, the lines and the file", () => {
  assert.throws(
    () => check("^a$\nb", "b", "net.x"),
    /Sysctl net.x is not allowed. Only the following sysctls are allowed: \[\^a\$ b\] \(\/list\)/,
  );
  assert.throws(() => check("", "net.x"), /allowed: \[\]/);
});

test("what Go spells otherwise is understood", () => {
  check(String.raw`(?i)^NET\.core\-x$`, "net.core-x");
  check(String.raw`^(?P<a>net)[\-.]x$`, "net.x");
  check(String.raw`^net\:x`, "net:x");
});

for (const line of ["(", String.raw`\Anet`, "[[:alpha:]]", "*x", String.raw`net\z`]) {
  test(`a line that only Go understands, or nobody, is refused: ${line}`, () => {
    assert.throws(() => check(line, "net.x"), /cannot use the line ".*" of \/list/);
  });
}
