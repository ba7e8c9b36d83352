/** Results of each shape, and what the reference library prints of them for the versions of each; VERSION stands for any. */

export interface ResultCase {
  readonly name: string;
  /** The versions whose shape the body has. */
  readonly from: readonly string[];
  readonly body: object;
  /** The text printed, or the error, for 0.1 and 0.2, for 0.3 and 0.4, and for 1.x. */
  readonly legacy: string;
  readonly middle: string;
  readonly newest: string;
}

export const resultCases: readonly ResultCase[] = [
  {
    name: "nothing at all",
    from: ["0.1.0", "0.2.0"],
    body: {},
    legacy: `{
    "cniVersion": "VERSION",
    "dns": {}
}`,
    middle: `{
    "cniVersion": "VERSION",
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION"
}`,
  },
  {
    name: "one address",
    from: ["0.1.0", "0.2.0"],
    body: { ip4: { ip: "10.1.2.3/24" } },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "10.1.2.3/24"
    },
    "dns": {}
}`,
    middle: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "version": "4",
            "address": "10.1.2.3/24"
        }
    ],
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "address": "10.1.2.3/24"
        }
    ]
}`,
  },
  {
    name: "both families, with routes that say more than the shape's own",
    from: ["0.1.0", "0.2.0"],
    body: {
      ip4: {
        ip: "10.1.2.3/24",
        gateway: "10.1.2.1",
        routes: [
          { dst: "0.0.0.0/0" },
          {
            dst: "192.168.0.0/16",
            gw: "10.1.2.9",
            mtu: 1400,
            advmss: 1360,
            priority: 5,
            table: 0,
            scope: 3,
          },
        ],
      },
      ip6: { ip: "FD00::2/64", gateway: "fd00::1", routes: [{ dst: "::/0", gw: "fd00:0::1" }] },
      dns: { nameservers: ["1.1.1.1"], domain: "example.org", search: ["a<b>"], options: ["x&y"] },
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "10.1.2.3/24",
        "gateway": "10.1.2.1",
        "routes": [
            {
                "dst": "0.0.0.0/0"
            },
            {
                "dst": "192.168.0.0/16",
                "gw": "10.1.2.9",
                "mtu": 1400,
                "advmss": 1360,
                "priority": 5,
                "table": 0,
                "scope": 3
            }
        ]
    },
    "ip6": {
        "ip": "fd00::2/64",
        "gateway": "fd00::1",
        "routes": [
            {
                "dst": "::/0",
                "gw": "fd00::1"
            }
        ]
    },
    "dns": {
        "nameservers": [
            "1.1.1.1"
        ],
        "domain": "example.org",
        "search": [
            "a\\u003cb\\u003e"
        ],
        "options": [
            "x\\u0026y"
        ]
    }
}`,
    middle: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "version": "4",
            "address": "10.1.2.3/24",
            "gateway": "10.1.2.1"
        },
        {
            "version": "6",
            "address": "fd00::2/64",
            "gateway": "fd00::1"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0"
        },
        {
            "dst": "192.168.0.0/16",
            "gw": "10.1.2.9",
            "mtu": 1400,
            "advmss": 1360,
            "priority": 5,
            "table": 0,
            "scope": 3
        },
        {
            "dst": "::/0",
            "gw": "fd00::1"
        }
    ],
    "dns": {
        "nameservers": [
            "1.1.1.1"
        ],
        "domain": "example.org",
        "search": [
            "a\\u003cb\\u003e"
        ],
        "options": [
            "x\\u0026y"
        ]
    }
}`,
    newest: `{
    "cniVersion": "VERSION",
    "dns": {
        "domain": "example.org",
        "nameservers": [
            "1.1.1.1"
        ],
        "options": [
            "x\\u0026y"
        ],
        "search": [
            "a\\u003cb\\u003e"
        ]
    },
    "ips": [
        {
            "address": "10.1.2.3/24",
            "gateway": "10.1.2.1"
        },
        {
            "address": "fd00::2/64",
            "gateway": "fd00::1"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0"
        },
        {
            "advmss": 1360,
            "dst": "192.168.0.0/16",
            "gw": "10.1.2.9",
            "mtu": 1400,
            "priority": 5,
            "scope": 3,
            "table": 0
        },
        {
            "dst": "::/0",
            "gw": "fd00::1"
        }
    ]
}`,
  },
  {
    name: "keys in another case, null and an unknown key",
    from: ["0.1.0", "0.2.0"],
    body: { IP4: { Ip: "::ffff:1.2.3.4/120", GATEWAY: "" }, ip6: null, dns: null, more: 1 },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "1.2.3.4/24"
    },
    "dns": {}
}`,
    middle: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "version": "4",
            "address": "1.2.3.4/24"
        }
    ],
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "address": "1.2.3.4/24"
        }
    ]
}`,
  },
  {
    name: "nothing at all",
    from: ["0.3.0", "0.3.1", "0.4.0"],
    body: { interfaces: [], ips: [], routes: [], dns: {} },
    legacy: "error: cannot convert: no valid IP addresses",
    middle: `{
    "cniVersion": "VERSION",
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION"
}`,
  },
  {
    name: "several addresses of a family, each interface key, each route key",
    from: ["0.3.0", "0.3.1", "0.4.0"],
    body: {
      interfaces: [
        { name: "cni0", mac: "0a:58:0a:01:00:01" },
        { name: "eth0", sandbox: "/run/netns/a", mtu: 1500, pciID: "x", socketPath: "y" },
        {},
      ],
      ips: [
        { version: "4", interface: 0, address: "10.1.0.5/16", gateway: "10.1.0.1" },
        { version: "6", interface: 1, address: "FD00:0::5/64" },
        { version: "4", address: "10.2.0.5/16" },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "10.1.0.1" },
        { dst: "::/0", mtu: 1400, advmss: 0, priority: 0, table: 254, scope: 0 },
      ],
      dns: { nameservers: ["8.8.8.8", "8.8.4.4"], domain: "d", search: ["s"], options: ["o"] },
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "10.1.0.5/16",
        "gateway": "10.1.0.1",
        "routes": [
            {
                "dst": "0.0.0.0/0",
                "gw": "10.1.0.1"
            }
        ]
    },
    "ip6": {
        "ip": "fd00::5/64",
        "routes": [
            {
                "dst": "::/0"
            }
        ]
    },
    "dns": {
        "nameservers": [
            "8.8.8.8",
            "8.8.4.4"
        ],
        "domain": "d",
        "search": [
            "s"
        ],
        "options": [
            "o"
        ]
    }
}`,
    middle: `{
    "cniVersion": "VERSION",
    "interfaces": [
        {
            "name": "cni0",
            "mac": "0a:58:0a:01:00:01"
        },
        {
            "name": "eth0",
            "sandbox": "/run/netns/a"
        },
        {
            "name": ""
        }
    ],
    "ips": [
        {
            "version": "4",
            "interface": 0,
            "address": "10.1.0.5/16",
            "gateway": "10.1.0.1"
        },
        {
            "version": "6",
            "interface": 1,
            "address": "fd00::5/64"
        },
        {
            "version": "4",
            "address": "10.2.0.5/16"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.1.0.1"
        },
        {
            "dst": "::/0",
            "mtu": 1400,
            "table": 254,
            "scope": 0
        }
    ],
    "dns": {
        "nameservers": [
            "8.8.8.8",
            "8.8.4.4"
        ],
        "domain": "d",
        "search": [
            "s"
        ],
        "options": [
            "o"
        ]
    }
}`,
    newest: `{
    "cniVersion": "VERSION",
    "dns": {
        "domain": "d",
        "nameservers": [
            "8.8.8.8",
            "8.8.4.4"
        ],
        "options": [
            "o"
        ],
        "search": [
            "s"
        ]
    },
    "interfaces": [
        {
            "mac": "0a:58:0a:01:00:01",
            "name": "cni0"
        },
        {
            "name": "eth0",
            "sandbox": "/run/netns/a"
        },
        {
            "name": ""
        }
    ],
    "ips": [
        {
            "address": "10.1.0.5/16",
            "gateway": "10.1.0.1",
            "interface": 0
        },
        {
            "address": "fd00::5/64",
            "interface": 1
        },
        {
            "address": "10.2.0.5/16"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.1.0.1"
        },
        {
            "dst": "::/0",
            "mtu": 1400,
            "scope": 0,
            "table": 254
        }
    ]
}`,
  },
  {
    name: "a route whose family has no address",
    from: ["0.3.0", "0.3.1", "0.4.0"],
    body: {
      ips: [{ version: "6", address: "fd00::5/64" }],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "fd01::1/16", gw: "fd00::1", mtu: 9000 }],
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip6": {
        "ip": "fd00::5/64",
        "routes": [
            {
                "dst": "fd01::1/16",
                "gw": "fd00::1"
            }
        ]
    },
    "dns": {}
}`,
    middle: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "version": "6",
            "address": "fd00::5/64"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0"
        },
        {
            "dst": "fd01::1/16",
            "gw": "fd00::1",
            "mtu": 9000
        }
    ],
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION",
    "ips": [
        {
            "address": "fd00::5/64"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0"
        },
        {
            "dst": "fd01::1/16",
            "gw": "fd00::1",
            "mtu": 9000
        }
    ]
}`,
  },
  {
    name: "routes and dns, but no address",
    from: ["0.3.0", "0.3.1", "0.4.0"],
    body: { routes: [{ dst: "0.0.0.0/0" }], dns: { search: ["example.org"] } },
    legacy: "error: cannot convert: no valid IP addresses",
    middle: `{
    "cniVersion": "VERSION",
    "routes": [
        {
            "dst": "0.0.0.0/0"
        }
    ],
    "dns": {
        "search": [
            "example.org"
        ]
    }
}`,
    newest: `{
    "cniVersion": "VERSION",
    "dns": {
        "search": [
            "example.org"
        ]
    },
    "routes": [
        {
            "dst": "0.0.0.0/0"
        }
    ]
}`,
  },
  {
    name: "keys in another case",
    from: ["0.3.0", "0.3.1", "0.4.0"],
    body: {
      Interfaces: [{ NAME: "a", Mac: "m" }],
      IPS: [{ Version: "4", ADDRESS: "1.1.1.1/32", Gateway: "" }],
      Routes: [{ DST: "1.0.0.0/8", GW: "" }],
      DNS: { Domain: "q" },
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "1.1.1.1/32",
        "routes": [
            {
                "dst": "1.0.0.0/8"
            }
        ]
    },
    "dns": {
        "domain": "q"
    }
}`,
    middle: `{
    "cniVersion": "VERSION",
    "interfaces": [
        {
            "name": "a",
            "mac": "m"
        }
    ],
    "ips": [
        {
            "version": "4",
            "address": "1.1.1.1/32"
        }
    ],
    "routes": [
        {
            "dst": "1.0.0.0/8"
        }
    ],
    "dns": {
        "domain": "q"
    }
}`,
    newest: `{
    "cniVersion": "VERSION",
    "dns": {
        "domain": "q"
    },
    "interfaces": [
        {
            "mac": "m",
            "name": "a"
        }
    ],
    "ips": [
        {
            "address": "1.1.1.1/32"
        }
    ],
    "routes": [
        {
            "dst": "1.0.0.0/8"
        }
    ]
}`,
  },
  {
    name: "nothing at all",
    from: ["1.0.0", "1.1.0"],
    body: {},
    legacy: "error: cannot convert: no valid IP addresses",
    middle: `{
    "cniVersion": "VERSION",
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION"
}`,
  },
  {
    name: "every key of the newest version",
    from: ["1.0.0", "1.1.0"],
    body: {
      interfaces: [
        {
          name: "eth0",
          mac: "0a:58:0a:01:00:05",
          mtu: 1500,
          sandbox: "/run/netns/a",
          socketPath: "/run/vhost",
          pciID: "0000:00:1f.6",
        },
        { name: "" },
      ],
      ips: [
        { address: "1.2.3.4/24", gateway: "1.2.3.1", interface: 1 },
        { address: "fd00::5/64", interface: 0 },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "1.2.3.1", mtu: 1, advmss: 2, priority: 3, table: 4, scope: 5 },
        { dst: "::/0", table: 0, scope: 0 },
      ],
      dns: { search: ["s"], options: ["ndots:5"], nameservers: ["fd00::53"], domain: "d" },
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "1.2.3.4/24",
        "gateway": "1.2.3.1",
        "routes": [
            {
                "dst": "0.0.0.0/0",
                "gw": "1.2.3.1"
            }
        ]
    },
    "ip6": {
        "ip": "fd00::5/64",
        "routes": [
            {
                "dst": "::/0"
            }
        ]
    },
    "dns": {
        "nameservers": [
            "fd00::53"
        ],
        "domain": "d",
        "search": [
            "s"
        ],
        "options": [
            "ndots:5"
        ]
    }
}`,
    middle: `{
    "cniVersion": "VERSION",
    "interfaces": [
        {
            "name": "eth0",
            "mac": "0a:58:0a:01:00:05",
            "sandbox": "/run/netns/a"
        },
        {
            "name": ""
        }
    ],
    "ips": [
        {
            "version": "4",
            "interface": 1,
            "address": "1.2.3.4/24",
            "gateway": "1.2.3.1"
        },
        {
            "version": "6",
            "interface": 0,
            "address": "fd00::5/64"
        }
    ],
    "routes": [
        {
            "dst": "0.0.0.0/0",
            "gw": "1.2.3.1",
            "mtu": 1,
            "advmss": 2,
            "priority": 3,
            "table": 4,
            "scope": 5
        },
        {
            "dst": "::/0",
            "table": 0,
            "scope": 0
        }
    ],
    "dns": {
        "nameservers": [
            "fd00::53"
        ],
        "domain": "d",
        "search": [
            "s"
        ],
        "options": [
            "ndots:5"
        ]
    }
}`,
    newest: `{
    "cniVersion": "VERSION",
    "dns": {
        "domain": "d",
        "nameservers": [
            "fd00::53"
        ],
        "options": [
            "ndots:5"
        ],
        "search": [
            "s"
        ]
    },
    "interfaces": [
        {
            "mac": "0a:58:0a:01:00:05",
            "mtu": 1500,
            "name": "eth0",
            "pciID": "0000:00:1f.6",
            "sandbox": "/run/netns/a",
            "socketPath": "/run/vhost"
        },
        {
            "name": ""
        }
    ],
    "ips": [
        {
            "address": "1.2.3.4/24",
            "gateway": "1.2.3.1",
            "interface": 1
        },
        {
            "address": "fd00::5/64",
            "interface": 0
        }
    ],
    "routes": [
        {
            "advmss": 2,
            "dst": "0.0.0.0/0",
            "gw": "1.2.3.1",
            "mtu": 1,
            "priority": 3,
            "scope": 5,
            "table": 4
        },
        {
            "dst": "::/0",
            "scope": 0,
            "table": 0
        }
    ]
}`,
  },
  {
    name: "empty texts, zeros and empty lists",
    from: ["1.0.0", "1.1.0"],
    body: {
      interfaces: [{ name: "a", mac: "", mtu: 0, sandbox: "" }],
      ips: [{ address: "1.2.3.4/24", gateway: "0.0.0.0" }],
      routes: [{ dst: "::/0", priority: 0 }],
      dns: { domain: "", nameservers: [] },
    },
    legacy: `{
    "cniVersion": "VERSION",
    "ip4": {
        "ip": "1.2.3.4/24",
        "gateway": "0.0.0.0"
    },
    "dns": {}
}`,
    middle: `{
    "cniVersion": "VERSION",
    "interfaces": [
        {
            "name": "a"
        }
    ],
    "ips": [
        {
            "version": "4",
            "address": "1.2.3.4/24",
            "gateway": "0.0.0.0"
        }
    ],
    "routes": [
        {
            "dst": "::/0"
        }
    ],
    "dns": {}
}`,
    newest: `{
    "cniVersion": "VERSION",
    "interfaces": [
        {
            "name": "a"
        }
    ],
    "ips": [
        {
            "address": "1.2.3.4/24",
            "gateway": "0.0.0.0"
        }
    ],
    "routes": [
        {
            "dst": "::/0"
        }
    ]
}`,
  },
];
