#!/usr/bin/env bash
# Makes the inside of one test's machine: network, mount and PID namespaces are new already. Everything that podman
# and containerd write is in memory, and gone with the first process. Ends with its stdin.
#   machine.sh OURS REFERENCE
set -euo pipefail

# Held open: what is mounted below may lie over the place where they are.
exec 3<"$1" 4<"$2"

# One version of control groups: the runtimes refuse to guess among the two that some hosts have mounted together.
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup

for folder in /run /var/lib /opt /tmp; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
mkdir -p /run/netns /run/ours /run/reference /opt/cni/bin /run/etc
cp -a /etc/. /run/etc
mount --bind /run/etc /etc
rm -rf /etc/cni /etc/containers
mkdir -p /etc/cni/net.d /etc/containers
mount -c --bind /proc/self/fd/3 /run/ours
mount -c --bind /proc/self/fd/4 /run/reference
exec 3<&- 4<&-

# Ours, and the reference's where there is none of ours.
for plugin in /run/reference/* /run/ours/*; do ln -sf "$plugin" /opt/cni/bin/; done

# Device filters of control groups need a right (CAP_SYS_RESOURCE) that containers on a test machine seldom have.
cat >/run/oci-runtime <<'END'
#!/bin/sh
exec crun --cgroup-manager=disabled "$@"
END
chmod 755 /run/oci-runtime

# The image: busybox alone, as an archive that both runtimes load.
image=/run/image
mkdir -p $image/root/{bin,etc,proc,sys,dev,tmp}
cp "$(command -v busybox)" $image/root/bin/busybox
for name in sh ip ping sleep cat nc wget httpd; do ln -s busybox $image/root/bin/$name; done
tar -C $image/root -cf $image/layer.tar .
layer=sha256:$(sha256sum $image/layer.tar | cut -d' ' -f1)
case $(uname -m) in aarch64) architecture=arm64 ;; *) architecture=amd64 ;; esac
cat >$image/config.json <<END
{
  "architecture": "$architecture",
  "os": "linux",
  "config": { "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000"] },
  "rootfs": { "type": "layers", "diff_ids": ["$layer"] }
}
END
cat >$image/manifest.json <<'END'
[{ "Config": "config.json", "RepoTags": ["localhost/busybox:local"], "Layers": ["layer.tar"] }]
END
tar -C $image -cf /run/image.tar manifest.json config.json layer.tar

ip link set lo up
echo ready
cat >/dev/null
