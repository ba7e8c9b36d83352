import assert from "node:assert/strict";
import test from "node:test";
import { parseResolvConf } from "./resolv-conf.ts";

test("resolv.conf gives servers, domain, search list and options", () => {
  const dns = parseResolvConf(`# made by hand
; nameserver 192.0.2.9
nameserver 192.0.2.1 192.0.2.2
  nameserver\tfd00::1  
domain old.example
domain new.example
search a.example b.example
search c.example
options ndots:5 edns0
sortlist 192.0.2.0
nameserver
`);
  assert.deepEqual(dns, {
    nameservers: ["192.0.2.1", "fd00::1"],
    domain: "new.example",
    search: ["a.example", "b.example", "c.example"],
    options: ["ndots:5", "edns0"],
  });
});

test("an empty resolv.conf gives nothing", () => {
  const nothing = {
    nameservers: undefined,
    domain: undefined,
    search: undefined,
    options: undefined,
  };
  assert.deepEqual(parseResolvConf(""), nothing);
});
