#!/bin/bash
# First process of the engine's namespaces, see engine.sh: engine_init.sh WORK DATA CGROUP
# It waits for the network, runs dockerd and reaps what that leaves behind; when it ends, all the rest is killed.
set -u
work=$1 data=$2 cgroup=$3

ip link set lo up
deadline=$((SECONDS + 60))
until ip route show default | grep -q tap0; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'no network: slirp4netns has not made tap0'
    exit 1
  fi
  sleep 0.05
done

# The name server and the addresses are those of slirp4netns.
dockerd --host "unix://$work/docker.sock" --data-root "$data" --exec-root "$work/exec" --pidfile "$work/docker.pid" \
  --dns 10.0.2.3 --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$cgroup" \
  --shutdown-timeout 10 --log-level warn &
dockerd=$!
trap 'kill -TERM "$dockerd"' TERM INT
# A trapped signal ends the first wait.
wait "$dockerd"
wait "$dockerd" 2> /dev/null
