#!/bin/busybox sh
# PID 1 of the virtual machine. It builds the outage, lets bridgetrace watch it, and tells what
# came of it on the second serial port: a line `@@ NAME` begins a section, `@@ end` is the last.
# The first port is left to the kernel, whose messages would tear the lines.
#
# No dockerd runs here: it, containerd and their images do not fit into an initramfs, and the
# kernel half never asks docker. What the kernel sees of a docker network is a bridge with an
# address and a container's veth as port, and that is made by hand. So the findings cannot name
# the network: the lab's tests, with a real dockerd on the running kernel, are about that.

export PATH=/bin HOME=/ NO_COLOR=1
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
hostname srv
stty -F /dev/ttyS1 raw -echo
exec 3>/dev/ttyS1
touch /run/err /run/log

BRIDGE=br-80cb5a0c07bc
PC=172.22.10.119
SRV=172.42.10.112

section() { printf '@@ %s\n' "$1" >&3; }
# The shell prefers its own `ip`, which knows no namespaces.
ip() { /bin/ip "$@"; }
within() { where=$1; shift; nsenter --net="/run/netns/$where" "$@"; }

# Ends the machine however the script ends, and says how.
finish() {
    section end
    sync
    poweroff -f
}
trap finish EXIT

# Every step counts: one that fails is told with what was said last, and is the last.
must() {
    "$@" && return
    section failed
    echo "$*" >&3
    cat /run/err /run/log | tail -n 20 >&3
    exit 1
}

# Polls until a file holds a text; TCG is slow, so it waits long.
wait_for() {
    for _ in $(seq 600); do
        grep -q -e "$1" "$2" && return
        sleep 0.1
    done
    echo "waited in vain for $1 in $2" >>/run/err
    return 1
}

# A cable: a device in one namespace, its other end in another.
cable() { must ip link add "$1" netns "$2" type veth peer name "$3" netns "$4"; }
address() { must ip -n "$1" addr add "$2" dev "$3" && must ip -n "$1" link set "$3" up; }

topology() {
    for name in pc router srv box; do
        must ip netns add "$name"
        must ip -n "$name" link set lo up
    done
    cable eth0 pc west router
    cable eno8303 srv east router
    address pc $PC/24 eth0
    address router 172.22.10.1/24 west
    address router 172.42.10.1/24 east
    address srv $SRV/24 eno8303
    must ip -n pc route add default via 172.22.10.1
    must ip -n srv route add default via 172.42.10.1
    must within router sysctl -q -w net.ipv4.ip_forward=1
    must within pc ping -c 1 -W 10 $SRV >/dev/null
}

# 172.22.0.0/16 on a bridge with one container, which is not $PC.
collide() {
    must ip -n srv link add $BRIDGE type bridge
    cable veth5f1e8a2 srv eth0 box
    must ip -n srv link set veth5f1e8a2 master $BRIDGE up
    address box 172.22.0.2/16 eth0
    address srv 172.22.0.1/16 $BRIDGE
}

section release
uname -r >&3

section modules
for module in /modules/*; do
    must insmod "$module" 2>>/run/err
    echo "${module##*/}" >&3
done
exec 2>>/run/err
topology

# The banner for people is the one that tells what this kernel does not show.
section banner
must within srv bridgetrace --duration 1s --docker-host unix:///nonexistent >&3

within srv bridgetrace --format jsonl --docker-host unix:///nonexistent >/run/out 2>/run/log &
tracer=$!
must wait_for watching /run/log

within srv nc -l -p 7 &
collide
within pc ping $SRV >/dev/null &
must wait_for reply-blackhole /run/out
# A connection has a socket, whose owner is found through the kernel's own structures.
within pc nc $SRV 7 </dev/null &
must wait_for '"process"' /run/out
# What proves it without the client comes when the neighbour is given up, three seconds on.
must wait_for neighbour-failed /run/out
sleep 1
must ip -n srv link del $BRIDGE
must wait_for resolved /run/out
kill $tracer
wait $tracer

section log
cat /run/log >&3
section findings
cat /run/out >&3
