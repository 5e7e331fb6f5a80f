# shellcheck shell=bash
# A container engine of our own: dockerd in its own network, mount and process namespaces. It shares no address, bridge,
# firewall rule or process table with the machine or with another run, reaches the network through slirp4netns, and
# everything in it ends with its first process. Sourced by containers.sh.
#
# Images are kept below build/containers from run to run, as an engine's cache is; a second run at the same time has an
# engine that begins empty.

engine_pid=      # the first process of the namespaces, as seen from outside
engine_parent=   # unshare, which takes the namespaces with it when it ends
engine_network=  # slirp4netns
engine_cgroup=
engine_patience=15 # seconds for dockerd to end by itself

# Prints why no engine can be started here; nothing when one can.
engine_obstacle() {
  local tool
  if [ "$(id -u)" -ne 0 ]; then echo 'a container engine needs root'; return; fi
  for tool in dockerd docker docker-compose runc mmdebstrap slirp4netns; do
    if ! command -v "$tool" > /dev/null; then echo "$tool is not installed"; return; fi
  done
  if ! unshare --net --mount --pid --fork --mount-proc true 2> /dev/null; then
    echo 'this machine does not allow namespaces of our own'
  elif [ ! -c /dev/net/tun ]; then
    echo 'this machine has no /dev/net/tun'
  fi
}

# Starts it; $DOCKER_HOST leads to it. Status 1: it did not start, the reason is in $work/engine.log.
start_engine() { # WORK CACHE
  local work=$1 cache=$2
  engine_cgroup=itemize-$$-$RANDOM
  mkdir -p "$cache"
  exec 8> "$cache/lock"
  if ! flock --nonblock 8; then cache=$work; fi
  export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/config
  mkdir -p "$DOCKER_CONFIG"
  if try_engine "$work" "$cache/images"; then return 0; fi
  # An engine that was killed may have left a cache that does not open.
  cp "$work/engine.log" "$work/engine_first_try.log"
  stop_engine
  rm -rf "$cache/images"
  try_engine "$work" "$cache/images"
}

try_engine() { # WORK DATA
  mkdir -p "$2"
  # Descriptors 8 and 9 are locks, which must not outlive this script in a child.
  unshare --net --mount --pid --fork --kill-child=KILL --mount-proc \
    bash "$here/engine_init.sh" "$1" "$2" "$engine_cgroup" < /dev/null > "$1/engine.log" 2>&1 8>&- &
  engine_parent=$!
  await 60 first_process_is_there || return 1
  slirp4netns --configure --mtu=65520 --disable-host-loopback "$engine_pid" tap0 < /dev/null > "$1/network.log" 2>&1 8>&- &
  engine_network=$!
  await 180 engine_answers
}

first_process_is_there() {
  engine_pid=$(pgrep -P "$engine_parent")
}

engine_answers() {
  if ! kill -0 "$engine_parent" 2> /dev/null; then return 2; fi
  docker version > /dev/null 2>&1
}

# Runs a command where the published ports of the containers are.
in_engine_network() {
  nsenter --target "$engine_pid" --net -- "$@"
}

# Ends a container's first process without a word to the engine: for `docker kill` the engine would not restart it.
kill_container_process() { # CONTAINER
  nsenter --target "$engine_pid" --pid --mount -- kill -KILL "$(docker inspect --format '{{.State.Pid}}' "$1")"
}

stop_engine() {
  if [ -n "$engine_pid" ]; then kill -TERM "$engine_pid" 2> /dev/null; fi
  if [ -n "$engine_parent" ]; then
    await "$engine_patience" has_ended "$engine_parent" || kill -KILL "$engine_parent" "$engine_pid" 2> /dev/null
    wait "$engine_parent" 2> /dev/null
  fi
  if [ -n "$engine_network" ]; then
    kill -TERM "$engine_network" 2> /dev/null
    wait "$engine_network" 2> /dev/null
  fi
  if [ -n "$engine_cgroup" ]; then
    # A process that was killed just now may still be leaving.
    await 2 cgroup_is_gone
  fi
  engine_pid='' engine_parent='' engine_network=''
}

cgroup_is_gone() {
  find /sys/fs/cgroup -depth -type d -path "*/$engine_cgroup*" -exec rmdir {} + 2> /dev/null
  [ -z "$(find /sys/fs/cgroup -type d -name "$engine_cgroup" -print -quit)" ]
}

has_ended() {
  ! kill -0 "$1" 2> /dev/null
}

# The image debian:bookworm-slim: from the registry, or made here as that one is made, without documentation and locales.
base_image() { # WORK CACHE
  local made=$2/bookworm-slim.tar
  if docker image inspect debian:bookworm-slim > /dev/null 2>&1; then return 0; fi
  if timeout 20 docker pull --quiet debian:bookworm-slim > /dev/null 2>&1; then return 0; fi
  if [ -z "$(find "$made" -mtime -7 2> /dev/null)" ]; then
    mmdebstrap --variant=minbase --mode=root --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
      --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
      bookworm "$1/base.tar" > "$1/base.log" 2>&1 || return 1
    mv "$1/base.tar" "$made"
  fi
  docker import --change 'CMD ["bash"]' "$made" debian:bookworm-slim > /dev/null
}
